"""Pictures of one clip: as V3 made waves of it, as it is now, and over the places of a dome."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.document import ROOT
from benchmarks.waves.material import Clip
from benchmarks.waves.ranged import DOME, SUMMARY
from waves.dsp.carriers import carrier_frequency
from waves.dsp.decomposition import synthesise_summary
from waves.dsp.grid import CELL_S, SAMPLE_RATE_HZ
from waves.dsp.metrics import measure
from waves.dsp.pitch import track_pitch
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
    _draw_dome(clip, FOLDER / "waves-dome.png")
    return f"waves-before.png, waves-after.png and waves-dome.png drawn of {clip.path.name}"


def _draw_dome(clip: Clip, path: Path) -> None:
    """Draw the speech, and the wave of each of the six places with its carrier's frequency."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    from waves.batch.plot import CORAL, INK, SAND, WATER  # noqa: PLC0415

    speech = load(clip.path)
    track = track_pitch(speech)
    waves = synthesise_summary(speech, SUMMARY) / 32767
    seconds = np.arange(len(speech)) / SAMPLE_RATE_HZ
    nodes_s = np.arange(len(track.f0_hz)) * CELL_S
    figure = Figure(figsize=(11, 9), dpi=100, facecolor="white", layout="constrained")
    figure.suptitle("One sentence over the six places of a dome", x=0.02, ha="left", color=INK)
    top, *rows = figure.subplots(1 + len(DOME), 1, sharex=True)
    top.plot(seconds, speech, color=SAND, lw=0.5)
    top.set_ylabel("speech")
    hertz = top.twinx()
    hertz.plot(nodes_s, np.where(track.voiced, track.f0_hz, np.nan), color=CORAL, lw=1.6)
    hertz.set_ylabel("pitch, Hz")
    loudest = 1.05 * float(np.abs(waves).max())
    for place, (axis, wave) in enumerate(zip(rows, waves, strict=True)):
        low_hz, high_hz = DOME[place]
        axis.plot(seconds[::4], wave[::4], color=WATER[place % len(WATER)], lw=0.5)
        axis.set_ylim(-loudest, loudest)
        axis.set_ylabel(f"place {place + 1}")
        low, high = SUMMARY.sweep_hz(place)
        line = axis.twinx()
        line.plot(nodes_s, carrier_frequency(track, low_hz=low, high_hz=high), color=CORAL, lw=1.4)
        line.set_ylim(low_hz, high_hz)
        line.set_ylabel("carrier, Hz")
    rows[-1].set_xlabel("seconds")
    for axis in figure.axes:
        axis.spines["top"].set_visible(False)
        axis.tick_params(labelsize=8)
        axis.margins(x=0)
    figure.savefig(path)


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
