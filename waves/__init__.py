"""Speech becomes waves for water: three slow carriers that keep its melody and its loudness.

Read first `dsp`, the algorithm, pure arrays in and out (`docs/waves.md` explains it); then `job`,
one utterance from file to files; then `workers`, the processes that run jobs for the backend.
`batch` and `__main__` are the command line tool for folders of files.
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
