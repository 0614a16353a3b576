"""Recordings before anything listens to them: decoded within bounds, cleaned, and kept or not."""

import importlib.util
import os
import time
from pathlib import Path

import numpy as np
import pytest

from chat_backend.hearing.engine import Passage, Word, believed
from chat_backend.hearing.recording import (
    RATE_HZ,
    NotASound,
    NothingSaid,
    TooLong,
    levelled,
    prepared,
)
from chat_backend.speech.audio import SAMPLE_RATE_HZ, TARGET_LUFS, loudness
from chat_backend.storage.recordings import KeptRecordings
from shared_schema.ids import new_session_id
from shared_schema.layout import Artifacts
from tests.support.recordings import CONTAINERS, SENTENCES, recorded, spoken
from tests.support.sounds import wav

pytest.importorskip("av", reason="needs the group: uv sync --group voices")

SENTENCE = SENTENCES[0]


@pytest.mark.parametrize("gain", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_recording_has_the_same_level_and_no_quiet_ends(container: str, gain: float) -> None:
    """Whatever the file, however loud; its place in the recording is known."""
    quiet = np.zeros(SAMPLE_RATE_HZ, np.float32)
    sound = np.concatenate([quiet, gain * spoken(SENTENCE), quiet])
    recording = prepared(recorded(sound, container, bit_rate=64_000), longest_s=60.0)
    assert recording.samples is not None
    level = loudness(recording.samples, sample_rate=RATE_HZ)
    assert abs(level - TARGET_LUFS) < 1.5
    assert abs(recording.duration_s - sound.size / SAMPLE_RATE_HZ) < 0.15
    if container == "wav":  # the others' encoders leave a trace of themselves in silence
        assert 0.9 < recording.starts_s < 1.2


def test_a_hum_below_the_voice_is_removed() -> None:
    """A loud one at 50 Hz, of the water or an amplifier."""
    seconds = np.arange(2 * RATE_HZ) / RATE_HZ
    voice = 0.05 * np.sin(2 * np.pi * 400 * seconds)
    hum = 0.5 * np.sin(2 * np.pi * 50 * seconds)
    _, clean = levelled((voice + hum).astype(np.float32))
    power = np.abs(np.fft.rfft(clean)) ** 2
    frequency = np.fft.rfftfreq(clean.size, 1.0 / RATE_HZ)
    assert power[frequency < 80].sum() < 0.01 * power.sum()


def test_without_pyav_sound_files_are_decoded_and_others_go_on_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on an installation without the extra whose ears are a server."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "av" else find(name, *more)
    )
    data = recorded(spoken(SENTENCE), "webm")
    assert prepared(data, longest_s=60.0).file == ("speech.webm", data, "audio/webm")
    for container in ("wav", "ogg", "mp3"):
        name, body, kind = prepared(recorded(spoken(SENTENCE), container), longest_s=60.0).file
        assert (name, kind, body[:4]) == ("speech.wav", "audio/wav", b"RIFF")
    with pytest.raises(TooLong):
        prepared(recorded(spoken(SENTENCE), "wav"), longest_s=1.0)


def test_a_recording_that_breaks_off_is_used_as_far_as_it_goes() -> None:
    """A browser that is closed leaves no end."""
    data = recorded(spoken(SENTENCE), "webm")
    recording = prepared(data[: len(data) * 3 // 4], longest_s=60.0)
    assert 0.5 < recording.duration_s < spoken(SENTENCE).size / SAMPLE_RATE_HZ


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (b"", NotASound),
        (b"\x1a\x45\xdf\xa3" + bytes(100), NotASound),
        (wav(samples=b""), NotASound),
        (wav(samples=bytes(48_000)), NothingSaid),
        (wav(samples=bytes(24_000 * 2 * 70)), TooLong),
        (wav(samples=b"\x7f\x3f" * 100), NothingSaid),
    ],
)
def test_what_cannot_be_heard_is_refused(data: bytes, refused: type[Exception]) -> None:
    """Nothing, half a header, no samples, silence, more than a minute, too short for a word."""
    with pytest.raises(refused):
        prepared(data, longest_s=60.0)


def test_only_what_its_figures_support_is_believed() -> None:
    """Each figure by itself; the other passages stay, with their words."""
    word = Word(text="water", start=0.0, end=0.4)
    good = Passage(text=" The water ", no_speech=0.1, log_probability=-0.4, words=(word,))
    bad = [
        Passage(text="Thank you.", no_speech=0.9),
        Passage(text="Thank you.", log_probability=-1.3),
        Passage(text="You you you you", compression=9.0),
    ]
    heard = believed([*bad, good], "en")
    assert (heard.text, heard.words, heard.language) == ("The water", (word,), "en")
    for each in (*bad, Passage(text=" . ")):
        with pytest.raises(NothingSaid):
            believed([each], "en")


async def test_kept_recordings_go_when_they_are_old(tmp_path: Path) -> None:
    """Not the newer ones, nor what is no recording of ours; a folder's time may be wrong."""
    kept = KeptRecordings(Artifacts(tmp_path))
    old, new = new_session_id(), new_session_id()
    for each in (old, new):
        await kept.keep(each, ".webm", b"sound", b"{}")
    folder = tmp_path / "stt" / "sessions"
    (folder / "notes").mkdir()
    for each in (old, "notes"):
        os.utime(folder / each, (1.0, 1.0))
    os.utime(folder / old / "transcript.json", (1.0, 1.0))
    os.utime(folder / old, (time.time() + 1e8,) * 2)
    assert kept.prune(before=1000.0) == 1
    assert sorted(each.name for each in folder.iterdir()) == sorted([new, "notes"])
