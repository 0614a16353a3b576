"""The judge."""

import numpy as np
import pytest

from waves.dsp.metrics import active_frames, measure, rms_envelope


def burst(level: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return noise that swells and fades."""
    noise = np.random.default_rng(0).standard_normal(8_000)
    return (level * noise * np.hanning(8_000)).astype(np.float32)


def test_a_sound_is_true_to_itself() -> None:
    """Compared with itself: no difference, full correlation, no level error."""
    metrics = measure(burst(0.1), burst(0.1))
    assert metrics.rmse == 0
    assert metrics.envelope_correlation == pytest.approx(1)
    assert metrics.level_error_db == pytest.approx(0)


def test_half_the_level_is_six_decibels() -> None:
    """The shape is the same, the level is 6.02 dB off, whichever way."""
    for other in (burst(0.05), burst(0.2)):
        metrics = measure(burst(0.1), other)
        assert metrics.envelope_correlation == pytest.approx(1)
        assert metrics.level_error_db == pytest.approx(6.02, abs=0.01)


def test_silence_is_not_compared() -> None:
    """Where there is nothing to compare there is no figure, and nothing is divided by zero."""
    metrics = measure(np.zeros(800, dtype=np.float32), np.zeros(800, dtype=np.float32))
    assert metrics == type(metrics)(rmse=0, envelope_correlation=None, level_error_db=None)


def test_a_silent_mix_is_far_off() -> None:
    """Silence in place of speech has no shape and a level error beyond any limit."""
    metrics = measure(burst(0.1), burst(0.0))
    assert metrics.envelope_correlation is None
    assert metrics.level_error_db is not None
    assert metrics.level_error_db > 60


def test_the_envelope_of_a_constant_is_constant() -> None:
    """Away from the ends the envelope is the level, one value every 16 ms."""
    envelope = rms_envelope(np.full(1_280, 0.5, dtype=np.float32))
    assert len(envelope) == 13
    np.testing.assert_allclose(envelope[3:10], 0.5, rtol=1e-6)
    assert active_frames(envelope).all()
