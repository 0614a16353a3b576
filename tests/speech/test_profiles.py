"""Six voices that differ clearly, equally loud, and never clipped."""

import itertools
import math

import numpy as np
import pyloudnorm
import pytest
import soxr
from numpy.typing import NDArray

from chat_backend.speech.audio import SAMPLE_RATE_HZ, loudness
from chat_backend.speech.hibari import HibariModel, synthesize
from chat_backend.speech.shaping import VOICES
from shared_schema.ids import VOICE_PROFILES, VoiceProfile

Array = NDArray[np.float32]

TEXT = (
    "You said water remembers, and I believe the river keeps every name it was given. "
    "Nothing you throw into a lake is ever really gone."
)
FRAME = 720  # samples; 30 ms


@pytest.fixture(scope="module")
def spoken(model: HibariModel) -> dict[VoiceProfile, Array]:
    """The same sentence in all six voices."""
    return {profile: synthesize(model, TEXT, profile) for profile in VOICE_PROFILES}


def median_pitch_hz(signal: Array) -> float:
    """Estimate the pitch from the sound alone: the first strong peak of the autocorrelation."""
    window = np.hanning(FRAME)
    size = 4 * FRAME
    taper = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)
    pitches = []
    for start in range(0, signal.size - FRAME, FRAME // 4):
        frame = signal[start : start + FRAME] * window
        correlation = np.fft.irfft(np.abs(np.fft.rfft(frame, size)) ** 2)
        if correlation[0] < 0.3:
            continue
        ratio = (correlation / correlation[0])[:480] / (taper / taper[0])[:480]
        lags = np.arange(42, 400)
        peaks = [lag for lag in lags if ratio[lag] >= max(ratio[lag - 1], ratio[lag + 1], 0.55)]
        if peaks:
            best = max(ratio[lag] for lag in peaks)
            pitches.append(SAMPLE_RATE_HZ / next(lag for lag in peaks if ratio[lag] > 0.92 * best))
    return float(np.median(pitches))


def test_every_profile_has_a_voice() -> None:
    """The table and the contract name the same profiles."""
    assert set(VOICES) == set(VOICE_PROFILES)


def test_the_six_medians_differ_by_two_semitones_at_least(
    spoken: dict[VoiceProfile, Array],
) -> None:
    """Pitch alone, measured on the sound, tells any two profiles apart."""
    pitch = {profile: median_pitch_hz(signal) for profile, signal in spoken.items()}
    for one, other in itertools.combinations(VOICE_PROFILES, 2):
        semitones = abs(12 * math.log2(pitch[one] / pitch[other]))
        assert semitones >= 2.0, (one, pitch[one], other, pitch[other])


def test_the_median_is_the_one_in_the_table(spoken: dict[VoiceProfile, Array]) -> None:
    """The measured pitch is the table's within 1.5 semitones on a single sentence."""
    for profile, signal in spoken.items():
        semitones = 12 * math.log2(median_pitch_hz(signal) / VOICES[profile].pitch_hz)
        assert abs(semitones) < 1.5, profile


def test_the_six_are_equally_loud(spoken: dict[VoiceProfile, Array]) -> None:
    """Within one dB of -20 LUFS by a meter that we did not write, and ours agrees with it."""
    meter = pyloudnorm.Meter(SAMPLE_RATE_HZ)
    for profile, signal in spoken.items():
        measured = meter.integrated_loudness(signal.astype(np.float64))
        assert measured == pytest.approx(-20.0, abs=1.0), profile
        assert loudness(signal, sample_rate=SAMPLE_RATE_HZ) == pytest.approx(measured, abs=0.2)


def test_nothing_is_clipped(spoken: dict[VoiceProfile, Array]) -> None:
    """The true peak, which may lie between samples, stays below -1 dBFS."""
    for profile, signal in spoken.items():
        between = soxr.resample(signal, SAMPLE_RATE_HZ, 8 * SAMPLE_RATE_HZ, quality="VHQ")
        assert float(np.abs(between).max()) < 10 ** (-1 / 20), profile


def test_the_pace_is_that_of_speech(spoken: dict[VoiceProfile, Array]) -> None:
    """About 2 to 5 words a second; the calm voice takes the longest, the energetic the shortest."""
    seconds = {profile: signal.size / SAMPLE_RATE_HZ for profile, signal in spoken.items()}
    words = len(TEXT.split())
    assert all(2.0 < words / length < 5.0 for length in seconds.values())
    assert max(seconds, key=seconds.__getitem__) == "calm_soothing"
    assert min(seconds, key=seconds.__getitem__) == "energetic_upbeat"


def test_an_utterance_begins_and_ends_in_a_short_silence(
    spoken: dict[VoiceProfile, Array],
) -> None:
    """50 ms of nothing at both ends, and speech soon after."""
    margin = SAMPLE_RATE_HZ // 20
    for signal in spoken.values():
        assert not signal[:margin].any()
        assert not signal[-margin:].any()
        assert np.abs(signal[margin : 3 * margin]).max() > 0.003


def test_the_same_text_sounds_the_same_again(model: HibariModel) -> None:
    """Even its noise: a session with a fixed seed makes the same files."""
    first, again = (synthesize(model, "Rain.", "calm_soothing") for _ in range(2))
    assert np.array_equal(first, again)


def test_a_question_rises_more_in_the_lively_voice_than_in_the_calm_one(
    model: HibariModel,
) -> None:
    """The pitch range is really another one, not only the median."""

    def spread(profile: VoiceProfile) -> float:
        signal = synthesize(model, "Is that really you?", profile)
        thirds = np.array_split(signal, 3)
        pitches = [median_pitch_hz(part) for part in thirds]
        return math.log2(max(pitches) / min(pitches))

    assert spread("playful_expressive") > spread("calm_soothing")
