"""One clip before and after: what V3 made of it, and what the waves make of it now."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.document import ROOT
from benchmarks.waves.material import Clip
from waves.dsp.grid import SAMPLE_RATE_HZ
from waves.dsp.metrics import measure
from waves.dsp.sound import load
from waves.job import decompose_file

FOLDER: Final = ROOT / "docs" / "images"
# The carrier's frequency is drawn this often, in samples of the sound.
_STEP: Final = 80


def draw(clip: Clip, folder: Path) -> str:
    """Write both pictures into the documents, and return a sentence about them."""
    if not (find_spec("matplotlib") and find_spec("librosa")):
        return "no pictures: matplotlib or librosa is not installed (extra bench)"
    from waves.batch import plot  # noqa: PLC0415  # needs what may not be installed

    after = plot.plot_decomposition(decompose_file(clip.path, folder / "drawn"), name="Now")
    after.replace(FOLDER / "waves-after.png")
    plot.draw(_before(clip), FOLDER / "waves-before.png")
    return f"waves-before.png and waves-after.png drawn of {clip.path.name}"


def _before(clip: Clip) -> Any:
    from benchmarks.waves import v3  # noqa: PLC0415
    from waves.batch.plot import Drawing  # noqa: PLC0415

    speech = load(clip.path)
    one, two, three, mix = (part.astype(np.float32) for part in v3.decompose(speech))
    f0_hz, voiced = v3.pitch(speech)
    metrics = measure(speech, np.clip(mix, -1, 1))
    hertz = v3.carrier(f0_hz, voiced, len(speech))[::_STEP]
    times_s = np.arange(len(hertz)) * _STEP / SAMPLE_RATE_HZ
    at_frames_s = np.arange(len(f0_hz)) * v3.HOP / v3.RATE_HZ
    nearest = np.clip(np.searchsorted(at_frames_s, times_s), 0, len(f0_hz) - 1)
    return Drawing(
        title="Before: V3",
        subtitle=f"{clip.duration_s:.2f} s   ·   envelope correlation"
        f" {metrics.envelope_correlation:.4f}   ·   level error {metrics.level_error_db:.2f} dB",
        speech=speech,
        waves=(one, two, three),
        mix=mix,
        times_s=times_s,
        f0_hz=(f0_hz * voiced)[nearest],
        carrier_hz=hertz,
    )
