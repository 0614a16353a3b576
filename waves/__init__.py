"""Speech becomes waves for water: three slow carriers that keep its melody and its loudness.

`decompose` works on arrays, `decompose_file` on files; `waves.workers.pool.WavePool` does the
latter in worker processes. The steps are one module each in `waves.dsp`, in this order: `sound`,
`pitch`, `harmonics`, `carriers`, `envelope`, `limiter`, `decomposition`, `output`; `metrics` judges
the outcome.
"""

from waves.dsp.decomposition import Waves, decompose
from waves.dsp.metrics import Metrics, measure
from waves.errors import UnreadableSound, UnsuitableSound, WavesError
from waves.job import Decomposition, decompose_file, run_job

__all__ = [
    "Decomposition",
    "Metrics",
    "UnreadableSound",
    "UnsuitableSound",
    "Waves",
    "WavesError",
    "decompose",
    "decompose_file",
    "measure",
    "run_job",
]
