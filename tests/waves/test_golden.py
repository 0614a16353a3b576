"""The waves are what they were when the algorithm was accepted."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.speechlike import speech_like
from waves import decompose

GOLDEN = Path(__file__).with_name("golden.npz")
# Every so many samples are kept, of three seconds in three voices, the last one so loud that the
# limiter acts.
STEP = 37
VOICES = {"low": (95.0, 1.0), "high": (220.0, 1.0), "loud": (140.0, 8.0)}
# In units of 16 bits. On the machine that made the file the difference is 0; where sums are rounded
# in another order, the phase drifts by some millionths of a turn.
TOLERANCE = 33


@pytest.mark.parametrize("voice", VOICES)
def test_the_waves_are_as_they_were(voice: str) -> None:
    """Same speech, same waves, whatever was tidied in between.

    After a change that is meant, write the file anew: ``python -m tests.waves.test_golden``.
    """
    golden = np.load(GOLDEN)[voice].astype(np.int32)
    assert np.abs(waves_of(voice) - golden).max() <= TOLERANCE


def waves_of(voice: str) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
    """Return some samples of the three waves and the mix, shape (4, samples)."""
    median_hz, gain = VOICES[voice]
    speech = speech_like(seed=11, median_hz=median_hz, duration_s=3.0).samples
    waves = decompose(np.clip(gain * speech, -1, 1), sample_rate_hz=8_000)
    return np.stack(waves)[:, ::STEP]


if __name__ == "__main__":
    np.savez_compressed(GOLDEN, allow_pickle=False, **{voice: waves_of(voice) for voice in VOICES})
