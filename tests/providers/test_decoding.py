"""What is made of a reply's bytes: the sound that is in it, or a refusal; never noise."""

import importlib.util
import sys

import numpy as np
import pytest
import soxr

from chat_backend.speech.decoding import Expected, decoded
from chat_backend.speech.formats import NotSpeech
from tests.support.sounds import (
    FILES,
    MORE_FILES,
    NO_SOUND,
    PITCH_HZ,
    SECONDS,
    Array,
    by_sndfile,
    pcm,
    pitch_hz,
    voiced,
    wav,
)

ASKED = Expected(longest_s=20.0)
LABELS = ["audio/pcm", "audio/mpeg", "Audio/X-WAV", "application/octet-stream", "TEXT/html", ""]
# Forms without a length and without a mark at their end.
ENDLESS = {"voc", "nist", "ac3"}
ears = pytest.mark.skipif(
    importlib.util.find_spec("av") is None, reason="needs the extra: uv sync --extra ears"
)


def right(signal: Array, rate_hz: int) -> bool:
    """Return whether a sound has the known one's length and pitch, within 3 %."""
    at_24k = soxr.resample(signal, rate_hz, 24_000)
    length = len(at_24k) / 24_000 / SECONDS
    return abs(length - 1) < 0.03 and abs(pitch_hz(at_24k) / PITCH_HZ - 1) < 0.03


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("form", FILES)
def test_a_file_is_decoded_whatever_it_is_called(form: str, label: str) -> None:
    """By its bytes: every form that libsndfile knows, sizes that lie included."""
    found = decoded(FILES[form](), label, ASKED)
    assert right(found.samples, found.rate_hz)


@ears
@pytest.mark.parametrize("form", MORE_FILES)
def test_with_the_extra_more_forms_are_decoded(form: str) -> None:
    """By PyAV: AAC, M4A, WebM and their relatives."""
    found = decoded(MORE_FILES[form](), "audio/pcm", ASKED)
    assert right(found.samples, found.rate_hz)


@ears
@pytest.mark.parametrize("form", [form for form in MORE_FILES if not form.startswith("mp")])
def test_without_the_extra_they_are_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """And not played as raw samples."""
    data = MORE_FILES[form]()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(NotSpeech, match="--extra ears") as raised:
        decoded(data, "audio/pcm", ASKED)
    assert raised.value.trouble.other_format


@pytest.mark.parametrize(
    ("label", "data"),
    [
        ("audio/pcm", pcm()),
        ("audio/pcm;rate=16000", pcm(16_000)),
        ("Audio/PCM; Rate=16000", pcm(16_000)),
        ('audio/L16; rate="22050"; channels=2', pcm(22_050, channels=2)),
        ("audio/L16;rate=22050;channels=2", pcm(22_050, channels=2, order=">")),
        ("audio/l16;codec=pcm;rate=48000", pcm(48_000)),
        ("audio/x-raw; rate=8000", pcm(8_000)),
        ("audio/PCMU;rate=24000", by_sndfile("RAW", "ULAW")),
        ("audio/pcma;rate=24000", by_sndfile("RAW", "ALAW")),
        ("application/octet-stream", pcm()),
        ("audio/wav", pcm()),
        ("text/html", pcm()),
        ("", pcm()),
        ("audio/pcm", pcm(channels=2)),
        ("audio/pcm", pcm() + b"\x01"),
        ("audio/pcm", pcm()[1:]),
    ],
)
def test_raw_samples_are_read_as_they_are(label: str, data: bytes) -> None:
    """At the declared rate and channels, in the order of bytes that makes sense."""
    found = decoded(data, label, ASKED)
    assert right(found.samples, found.rate_hz)


def test_a_rate_can_be_set_for_a_server_that_declares_none() -> None:
    """RR_TTS_OPENAI_RATE; a declared one wins."""
    found = decoded(pcm(22_050), "audio/pcm", Expected(rate_hz=22_050))
    assert right(found.samples, found.rate_hz)
    found = decoded(pcm(16_000), "audio/pcm;rate=16000", Expected(rate_hz=22_050))
    assert right(found.samples, found.rate_hz)


def test_raw_samples_are_accepted_only_where_they_were_asked_for() -> None:
    """Asked for a file, a server that sends something else has failed."""
    with pytest.raises(NotSpeech, match="in an unknown format"):
        decoded(pcm(), "audio/pcm", Expected(raw=False))


@pytest.mark.parametrize("label", ["audio/pcm", "audio/L16;rate=16000;channels=2", "audio/wav"])
@pytest.mark.parametrize("what", NO_SOUND)
def test_what_is_no_sound_is_refused(what: str, label: str) -> None:
    """In one line."""
    with pytest.raises(NotSpeech, match=r"\A.{3,300}\Z"):
        decoded(NO_SOUND[what], label, ASKED)


@pytest.mark.parametrize("label", ["audio/pcm;rate=4000", "audio/pcm;rate=999999"])
def test_a_declared_rate_out_of_bounds_is_refused(label: str) -> None:
    """At once."""
    with pytest.raises(NotSpeech, match="sample rate"):
        decoded(pcm(), label, ASKED)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "form",
    [each for each in (*FILES, *MORE_FILES) if "size" not in each and each not in ENDLESS],
)
def test_a_file_that_was_cut_is_refused(form: str, share: float) -> None:
    """Unless it is of a form whose end cannot be seen."""
    if form in MORE_FILES and importlib.util.find_spec("av") is None:
        pytest.skip("needs the extra: uv sync --extra ears")
    data = (FILES | MORE_FILES)[form]()
    with pytest.raises(NotSpeech):
        decoded(data[: int(len(data) * share) | 1], "audio/pcm", Expected(framed=False))


def test_a_wav_that_promises_a_plausible_length_and_stops_short_is_refused() -> None:
    """Also where the transport ended in order; one that promises an hour is read to its end."""
    whole = wav()
    with pytest.raises(NotSpeech, match="only 60 %"):
        decoded(whole[: len(whole) * 6 // 10], "audio/wav", ASKED)
    assert right(decoded(wav(data_size=170_000_000), "audio/wav", ASKED).samples, 24_000)


def test_antiphase_stereo_is_not_mixed_to_silence() -> None:
    """The louder channel is taken; ordinary stereo is its mean."""
    one = voiced()
    opposite = np.stack([one, -0.9 * one], axis=1).astype(np.float32)
    found = decoded(by_sndfile("WAV", samples=opposite), "audio/wav", ASKED)
    assert right(found.samples, found.rate_hz)
    assert np.abs(found.samples).max() == pytest.approx(np.abs(one).max(), rel=0.01)
    both = np.stack([one, 0.5 * one], axis=1).astype(np.float32)
    mixed = decoded(by_sndfile("WAV", samples=both), "audio/wav", ASKED).samples
    assert np.abs(mixed).max() == pytest.approx(0.75 * np.abs(one).max(), rel=0.01)


def test_length_is_bounded_in_seconds_not_in_bytes() -> None:
    """A minute at 96 kHz in stereo is no more than a minute."""
    big = wav(rate_hz=96_000, channels=2, samples=pcm(96_000, channels=2) * 20)
    assert len(decoded(big, "audio/wav", ASKED).samples) == 60 * 96_000
    with pytest.raises(NotSpeech, match="more than 90 s"):
        decoded(pcm(8_000) * 31, "audio/pcm;rate=8000", ASKED)
