"""Turns speech into waves for water: three slow carriers with its melody and its loudness.

Read `dsp` first, the algorithm, pure arrays in and out (`docs/waves.md` explains it); then `job`,
which turns one speech file into wave files; then `workers`, the processes that run jobs for the
backend. `batch` and `__main__` are the command line tool for many files.
"""

from waves.dsp.decomposition import Waves, decompose, decompose_summary
from waves.dsp.metrics import Metrics, measure
from waves.dsp.plan import WavePlan
from waves.errors import UnreadableSound, UnsuitableSound, WavesError
from waves.job import Decomposition, decompose_file, run_job

__all__ = [
    "Decomposition",
    "Metrics",
    "UnreadableSound",
    "UnsuitableSound",
    "WavePlan",
    "Waves",
    "WavesError",
    "decompose",
    "decompose_file",
    "decompose_summary",
    "measure",
    "run_job",
]
