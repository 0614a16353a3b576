"""How the cost of a decomposition grows with its input."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.report import machine, median, table, verdict
from benchmarks.waves.material import long_speech, make_clips
from waves.job import decompose_file
from waves.workers.memory import keep_freed_memory

_DURATIONS_S: Final = (1, 2, 5, 10, 30, 60, 180, 600)
_ROUNDS: Final = 5
# Up to here what a file costs at all shows more than what a second costs.
_LONG_S: Final = 10

_PEAK: Final = """
import sys
from pathlib import Path
from benchmarks.waves.memory import peak_mb
from waves.job import decompose_file
decompose_file(Path(sys.argv[1]), Path(sys.argv[2]))
print(peak_mb())
"""


def run() -> int:
    """Print the growth; return 0 if it is linear."""
    keep_freed_memory()
    print(machine("numpy", "soundfile", "soxr"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = make_clips(folder)
        files = {
            seconds: long_speech(clips, folder / f"long_{seconds}.wav", duration_s=seconds)
            for seconds in _DURATIONS_S
        }
        times = _times(files, folder)
        peaks = {seconds: _peak_mb(path, folder) for seconds, path in files.items()}
    print("\nOne file, warm, one core; memory of a process that does nothing else.\n")
    rows = [
        [seconds, f"{1e3 * took:.1f}", f"{1e3 * took / seconds:.2f}", f"{peaks[seconds]:.0f}"]
        for seconds, took in times.items()
    ]
    print(table(["seconds of sound", "ms", "ms per second of sound", "peak RSS MB"], rows))
    long = [seconds for seconds in _DURATIONS_S if seconds >= _LONG_S]
    exponent = float(np.polyfit(np.log(long), np.log([times[each] for each in long]), 1)[0])
    outcome = verdict(exponent, 1.05)
    print(f"\nTime grows with length to the power of {exponent:.3f} from {_LONG_S} s on: {outcome}")
    return 0 if outcome.startswith("met") else 1


def _times(files: dict[int, Path], folder: Path) -> dict[int, float]:
    taken: dict[int, list[float]] = {seconds: [] for seconds in files}
    for count in range(_ROUNDS + 1):
        for seconds, path in files.items():
            started = time.perf_counter()
            decompose_file(path, folder / f"round_{count}")
            if count:
                taken[seconds].append(time.perf_counter() - started)
    return {seconds: median(values) for seconds, values in taken.items()}


def _peak_mb(path: Path, folder: Path) -> float:
    ended = subprocess.run(
        [sys.executable, "-c", _PEAK, path, folder / "peak"],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    return float(ended.stdout)
