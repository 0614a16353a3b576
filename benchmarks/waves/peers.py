"""Pitch trackers that others use, each loaded only if it is installed."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from benchmarks.waves.synthetic import RATE_HZ, STEP_S
from waves.dsp.pitch import CEILING_HZ, FLOOR_HZ, track_pitch

Float64 = npt.NDArray[np.float64]
# From samples at 16 kHz to f0 every 10 ms from 0 on, zero where unvoiced.
Tracker = Callable[[Float64], Float64]

PACKAGES: Final = {
    "librosa": "the V3 pipeline and pYIN",
    "pyworld": "dio and harvest",
    "parselmouth": "Praat",
}


def missing() -> list[str]:
    """Return a sentence for each peer that is not installed."""
    return [
        f"not compared with {what}: {package} is not installed (extra bench)"
        for package, what in PACKAGES.items()
        if find_spec(package) is None
    ]


def trackers() -> dict[str, Tracker]:
    """Return ours and those peers that are here, by name."""
    found: dict[str, Tracker] = {"waves": _waves}
    if find_spec("librosa") is not None:
        found["pYIN as V3 sets it"] = _pyin_v3
        found["pYIN 60-500 Hz"] = _pyin
    if find_spec("pyworld") is not None:
        found["dio + stonemask"] = _dio
        found["harvest"] = _harvest
    if find_spec("parselmouth") is not None:
        found["Praat ac"] = _praat
    return found


def _waves(samples: Float64) -> Float64:
    track = track_pitch(soxr.resample(samples, RATE_HZ, 8_000).astype(np.float32))
    return track.f0_hz.astype(np.float64)


def _pyin_v3(samples: Float64) -> Float64:
    from benchmarks.waves import v3  # noqa: PLC0415  # a peer that may not be installed

    f0_hz, voiced = v3.pitch(soxr.resample(samples, RATE_HZ, v3.RATE_HZ).astype(np.float32))
    return _at_steps(np.arange(len(f0_hz)) * v3.HOP / v3.RATE_HZ, f0_hz * voiced, len(samples))


def _pyin(samples: Float64) -> Float64:
    import librosa  # noqa: PLC0415

    hop = round(STEP_S * RATE_HZ)
    f0_hz, voiced, _ = librosa.pyin(
        samples, fmin=FLOOR_HZ, fmax=CEILING_HZ, sr=RATE_HZ, frame_length=1024, hop_length=hop
    )
    times_s: Float64 = STEP_S * np.arange(len(f0_hz), dtype=np.float64)
    return _at_steps(times_s, np.nan_to_num(f0_hz) * voiced, len(samples))


def _dio(samples: Float64) -> Float64:
    import pyworld  # noqa: PLC0415

    rough, times_s = pyworld.dio(
        samples, RATE_HZ, f0_floor=FLOOR_HZ, f0_ceil=CEILING_HZ, frame_period=1e3 * STEP_S
    )
    return _at_steps(times_s, pyworld.stonemask(samples, rough, times_s, RATE_HZ), len(samples))


def _harvest(samples: Float64) -> Float64:
    import pyworld  # noqa: PLC0415

    f0_hz, times_s = pyworld.harvest(
        samples, RATE_HZ, f0_floor=FLOOR_HZ, f0_ceil=CEILING_HZ, frame_period=1e3 * STEP_S
    )
    return _at_steps(times_s, f0_hz, len(samples))


def _praat(samples: Float64) -> Float64:
    import parselmouth  # noqa: PLC0415

    pitch = parselmouth.Sound(samples, RATE_HZ).to_pitch_ac(
        time_step=STEP_S, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ
    )
    return _at_steps(pitch.xs(), pitch.selected_array["frequency"], len(samples))


def _at_steps(times_s: Float64, f0_hz: Float64, count: int) -> Float64:
    """Return the values that are nearest in time to each step; unvoiced where there is no frame."""
    steps = np.arange(count // round(STEP_S * RATE_HZ)) * STEP_S
    after = np.clip(np.searchsorted(times_s, steps), 1, len(times_s) - 1)
    nearest = after - (steps - times_s[after - 1] <= times_s[after] - steps)
    near = np.abs(times_s[nearest] - steps) <= STEP_S
    values: Float64 = np.where(near, f0_hz[nearest], 0.0)
    return values
