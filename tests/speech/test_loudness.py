"""Loudness and limiter against signals whose values are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from chat_backend.speech.audio import limited, loudness, normalized

RATE = 24_000


def sine(frequency_hz: float, amplitude: float, seconds: float = 2.0) -> NDArray[np.float32]:
    """A pure tone."""
    time = np.arange(int(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time)).astype(np.float32)


def test_the_reference_tone_reads_what_the_standard_says() -> None:
    """A 997 Hz sine at full scale in one channel is -3.01 LUFS."""
    assert loudness(sine(997.0, 1.0), sample_rate=RATE) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize(
    ("frequency_hz", "expected_db"), [(50.0, -4.0), (100.0, -1.2), (1000.0, 0.7), (4000.0, 4.0)]
)
def test_the_weighting_follows_the_published_curve(frequency_hz: float, expected_db: float) -> None:
    """Lows count less and highs more, as drawn in the standard."""
    shown = loudness(sine(frequency_hz, 0.5), sample_rate=RATE)
    flat = 20 * math.log10(0.5) - 3.01 - 0.691
    assert shown - flat == pytest.approx(expected_db, abs=0.5)


def test_pauses_do_not_make_speech_quieter() -> None:
    """The gates leave silence out of the average."""
    tone = sine(997.0, 0.3)
    with_pause = np.concatenate([tone, np.zeros(5 * RATE, np.float32)])
    difference = loudness(with_pause, sample_rate=RATE) - loudness(tone, sample_rate=RATE)
    assert abs(difference) < 0.6


def test_a_sound_shorter_than_a_block_is_measured_too() -> None:
    """One block as long as the sound."""
    assert loudness(sine(997.0, 1.0, 0.1), sample_rate=RATE) == pytest.approx(-3.01, abs=0.3)


@pytest.mark.parametrize("length", [0, 1, RATE])
def test_silence_has_no_loudness_and_cannot_be_normalised(length: int) -> None:
    """Minus infinity, and an error rather than an endless gain."""
    silence = np.zeros(length, np.float32)
    assert loudness(silence, sample_rate=RATE) == -math.inf
    with pytest.raises(ValueError, match="silent"):
        normalized(silence, sample_rate=RATE, target_lufs=-20.0, ceiling_dbfs=-1.0)


@given(
    seed=st.integers(0, 2**32 - 1),
    gain_db=st.floats(-40.0, 40.0),
    seconds=st.floats(0.01, 1.0),
)
def test_no_sample_ever_exceeds_the_ceiling(seed: int, gain_db: float, seconds: float) -> None:
    """Whatever comes in, nothing above -1 dBFS comes out, and the length stays."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal(max(1, int(seconds * RATE))).astype(np.float32)
    signal *= np.float32(10 ** (gain_db / 20))
    kept = limited(signal, ceiling_dbfs=-1.0)
    assert kept.shape == signal.shape
    assert float(np.abs(kept).max()) <= 10 ** (-1 / 20) + 1e-6


def test_what_is_below_the_ceiling_is_left_alone() -> None:
    """Not one sample changes."""
    tone = sine(440.0, 0.5)
    assert limited(tone, ceiling_dbfs=-1.0) is tone


def test_the_limiter_turns_down_only_around_the_peak() -> None:
    """20 ms away from a click nothing has changed, and the way there is smooth."""
    tone = sine(440.0, 0.5)
    tone[RATE] = 4.0
    kept = limited(tone, ceiling_dbfs=-1.0)
    away = int(0.03 * RATE)
    assert np.allclose(kept[: RATE - away], tone[: RATE - away], atol=1e-6)
    assert np.allclose(kept[RATE + away :], tone[RATE + away :], atol=1e-6)
    audible = np.abs(tone) > 0.1
    gain = np.divide(kept, tone, out=np.ones_like(tone), where=audible)
    steps = np.abs(np.diff(gain[audible]))
    assert steps.max() < 0.05


def test_normalising_reaches_the_target() -> None:
    """Also where the limiter had to work."""
    rng = np.random.default_rng(1)
    signal = (rng.standard_normal(2 * RATE) * 0.001).astype(np.float32)
    signal[RATE // 2] = 0.1
    level = normalized(signal, sample_rate=RATE, target_lufs=-20.0, ceiling_dbfs=-1.0)
    assert loudness(level, sample_rate=RATE) == pytest.approx(-20.0, abs=0.3)
