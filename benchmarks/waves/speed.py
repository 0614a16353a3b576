"""What a decomposition costs: beside the floor, beside V3, and from a fresh process."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from benchmarks.report import median, table, verdict
from benchmarks.waves.material import Clip
from waves.job import decompose_file
from waves.workers.memory import keep_freed_memory

# V3 takes a quarter of the sound's own time; it gets as many clips as patience allows.
_CLIPS_FOR_V3: Final = 6
_ROUNDS_WITH_V3: Final = 3
_FRESH_ROUNDS: Final = 5

_FRESH_WAVES: Final = """
import sys
from pathlib import Path
from waves.job import decompose_file
decompose_file(Path(sys.argv[1]), Path(sys.argv[2]))
"""
_FRESH_V3: Final = """
import sys
from pathlib import Path
from benchmarks.waves.v3 import decompose_file
decompose_file(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def run(clips: list[Clip], *, rounds: int) -> list[tuple[str, str, str]]:
    """Print the times; return the verdicts."""
    keep_freed_memory()  # as workers do; it speeds the floor up as well
    seconds = sum(clip.duration_s for clip in clips)
    floor, ours = _interleaved([_floor, _waves], clips, rounds=rounds)
    ratio = median([one / other for one, other in zip(ours, floor, strict=True)])
    rows = [
        ["floor: read, resample, write four files", f"{1e3 * median(floor):.1f}", "1"],
        ["waves", f"{1e3 * median(ours):.1f}", f"{ratio:.2f}"],
    ]
    verdicts = [("waves against the floor, times", f"{ratio:.2f}", verdict(ratio, 3))]
    if find_spec("librosa") is not None:
        few = clips[:_CLIPS_FOR_V3]
        ours, theirs = _interleaved([_waves, _v3], few, rounds=_ROUNDS_WITH_V3)
        faster = median([one / other for one, other in zip(theirs, ours, strict=True)])
        share = sum(clip.duration_s for clip in few) / seconds
        theirs_ms = f"{1e3 * median(theirs) / share:.0f}"
        rows.append(["V3 on librosa", theirs_ms, f"{ratio * faster:.0f}"])
        verdicts.append(
            ("faster than V3, warm, times", f"{faster:.0f}", verdict(faster, 20, at_least=True))
        )
    print(f"\nWarm, one core, {len(clips)} clips of {seconds:.0f} s in all; medians of interleaved")
    print("rounds, ratios within each round.\n")
    print(table(["pipeline", "ms for all clips", "times the floor"], rows))
    return [*verdicts, *_fresh(clips[2])]


def _interleaved(
    pipelines: list[Callable[[Path, Path], None]], clips: list[Clip], *, rounds: int
) -> list[list[float]]:
    """Return the seconds of each pipeline in each round, after one that does not count."""
    seconds: list[list[float]] = [[] for _ in pipelines]
    for count in range(rounds + 1):
        for place, pipeline in enumerate(pipelines):
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                for clip in clips:
                    pipeline(clip.path, Path(folder))
                if count:
                    seconds[place].append(time.perf_counter() - started)
    return seconds


def _waves(path: Path, folder: Path) -> None:
    decompose_file(path, folder)


def _v3(path: Path, folder: Path) -> None:
    from benchmarks.waves import v3  # noqa: PLC0415  # a peer that may not be installed

    v3.decompose_file(path, folder)


def _floor(path: Path, folder: Path) -> None:
    """Do nothing but read, resample to 8 kHz and write the speech four times."""
    samples, rate_hz = soundfile.read(path, dtype="float32")
    speech = (soxr.resample(samples, rate_hz, 8_000) * 32767).astype(np.int16)
    for part in ("wave1", "wave2", "wave3", "wave_mix"):
        soundfile.write(folder / f"{path.stem}_{part}.wav", speech, 8_000, subtype="PCM_16")


def _fresh(clip: Clip) -> list[tuple[str, str, str]]:
    """Time new processes from their start to their end, the first file decomposed."""
    programs = {"waves": _FRESH_WAVES}
    if find_spec("librosa") is not None:
        programs["V3 on librosa"] = _FRESH_V3
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    peaks: dict[str, float] = {}
    for count in range(_FRESH_ROUNDS + 1):  # the first one fills caches of the disk and of numba
        for name, program in programs.items():
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                peaks[name] = _run(program, clip.path, Path(folder))
                if count:
                    seconds[name].append(time.perf_counter() - started)
    length = f"{clip.duration_s:.0f} s"
    print(f"\nA fresh process and one clip of {length}, medians of {_FRESH_ROUNDS}.\n")
    rows = [
        [name, f"{1e3 * median(times):.0f}", f"{peaks[name]:.0f}"]
        for name, times in seconds.items()
    ]
    print(table(["pipeline", "ms from start to end", "peak RSS MB"], rows))
    if len(programs) == 1:
        return []
    share = median(seconds["waves"]) / median(seconds["V3 on librosa"])
    return [("fresh process, share of V3's time", f"1/{1 / share:.1f}", verdict(share, 1 / 8))]


def _run(program: str, clip: Path, folder: Path) -> float:
    """Run a program; return the peak of its memory in MB, where the system reports it."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program + _TELL_PEAK, clip, folder],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    return float(ended.stdout)


_TELL_PEAK: Final = """
from benchmarks.waves.memory import peak_mb
print(peak_mb())
"""
