"""Plots one decomposition: the speech and its waves."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from waves.dsp.carriers import carrier_frequency
from waves.dsp.grid import CELL_S, SAMPLE_RATE_HZ, Float32, Float64
from waves.dsp.metrics import HOP, rms_envelope
from waves.dsp.pitch import track_pitch
from waves.job import Decomposition

_FULL_SCALE: Final = np.float32(1 / 32767)
INK: Final = "#16324f"
SAND: Final = "#e4b66a"
CORAL: Final = "#d1603d"
WATER: Final = ("#0b4f6c", "#1b8ca6", "#7cc6c3")
FAINT: Final = "#8795a1"
_CLOSE_UP_S: Final = 0.3


class Drawing(NamedTuple):
    """The data of a plot; full scale is 1.

    Attributes
    ----------
    speech, waves, mix : ndarray
        At 8 kHz.
    times_s, f0_hz, carrier_hz : ndarray
        The voice's pitch, zero where it has none, and the base carrier's frequency.
    """

    title: str
    subtitle: str
    speech: Float32
    waves: tuple[Float32, Float32, Float32]
    mix: Float32
    times_s: Float64
    f0_hz: Float64
    carrier_hz: Float64


def plot_decomposition(done: Decomposition, *, name: str) -> Path:
    """Plot a decomposition next to its mix, as ``<stem>_v3_waves.png``, and return the path."""
    path = done.mix_path.with_name(done.mix_path.stem.removesuffix("_wave_mix") + "_waves.png")
    one, two, three, mix = (wave * _FULL_SCALE for wave in done.waves)
    track = track_pitch(done.speech)
    metrics = done.metrics
    figures = [
        f"{done.duration_s:.2f} s",
        _figure("envelope correlation", metrics.envelope_correlation, "{:.4f}"),
        _figure("level error", metrics.level_error_db, "{:.2f} dB"),
        f"{1e3 * done.processing_s:.0f} ms",
    ]
    drawing = Drawing(
        title=name,
        subtitle="   ·   ".join(each for each in figures if each),
        speech=done.speech,
        waves=(one, two, three),
        mix=mix,
        times_s=np.arange(len(track.f0_hz), dtype=np.float64) * CELL_S,
        f0_hz=track.f0_hz.astype(np.float64),
        carrier_hz=carrier_frequency(track),
    )
    draw(drawing, path)
    return path


def draw(drawing: Drawing, path: Path) -> None:
    """Write the plot as PNG."""
    figure = Figure(figsize=(11, 8.2), dpi=100, facecolor="white", layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08, w_pad=0.12)  # type: ignore[union-attr, call-arg, unused-ignore]
    figure.suptitle(drawing.title, x=0.02, ha="left", fontsize=15, fontweight="bold", color=INK)
    axes = figure.subplots(4, 1, height_ratios=[1.1, 1.1, 1.2, 0.9])
    axes[0].set_title(drawing.subtitle, loc="left", fontsize=10, color=FAINT, pad=14)
    seconds = len(drawing.speech) / SAMPLE_RATE_HZ
    _loudness(axes[0], drawing)
    _melody(axes[1], drawing)
    _carriers(axes[2], drawing)
    start = _close_up(axes[3], drawing)
    for axis in axes[:3]:
        axis.set_xlim(0, seconds)
    axes[2].axvspan(start, start + _CLOSE_UP_S, color=SAND, alpha=0.25, lw=0)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set_color(FAINT)
        axis.tick_params(colors=FAINT, labelsize=8)
        axis.yaxis.label.set(color=INK, size=9)
    axes[3].set_xlabel("seconds", color=FAINT, fontsize=9)
    figure.savefig(path)


def _loudness(axis: Any, drawing: Drawing) -> None:
    speech, mix = rms_envelope(drawing.speech), rms_envelope(drawing.mix)
    times_s = np.arange(len(speech)) * HOP / SAMPLE_RATE_HZ
    axis.fill_between(times_s, speech, color=SAND, alpha=0.75, lw=0, label="speech")
    axis.plot(times_s[: len(mix)], mix, color=INK, lw=1.4, label="wave mix")
    axis.set_ylim(0, 1.15 * max(float(speech.max()), float(mix.max()), 1e-3))
    axis.set_ylabel("loudness (RMS)")
    _legend(axis)


def _melody(axis: Any, drawing: Drawing) -> None:
    voiced = np.where(drawing.f0_hz > 0, drawing.f0_hz, np.nan)
    axis.plot(drawing.times_s, voiced, color=CORAL, lw=2.4, label="pitch of the voice")
    axis.plot(drawing.times_s, drawing.carrier_hz, color=WATER[1], lw=1.4, label="base carrier")
    if float(drawing.carrier_hz.min()) > 0:
        axis.set_yscale("log")
        ticks = [20, 40, 80, 160, 320]
        axis.set_yticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.set_ylim(16, 520)
    else:
        axis.axhspan(axis.get_ylim()[0], 0, color=CORAL, alpha=0.10, lw=0)
        axis.axhline(0, color=CORAL, lw=0.8)
    axis.set_ylabel("hertz")
    _legend(axis)


def _carriers(axis: Any, drawing: Drawing) -> None:
    step = 1.9 * max(*(float(np.abs(wave).max(initial=0)) for wave in drawing.waves), 1e-3)
    times_s = np.arange(len(drawing.speech)) / SAMPLE_RATE_HZ
    for row, (wave, color) in enumerate(zip(drawing.waves, WATER, strict=True)):
        # A low sound has far more samples than a picture has columns.
        axis.plot(times_s[::8], wave[::8] - row * step, color=color, lw=0.6)
    axis.set_yticks([0, -step, -2 * step], ["wave 1", "wave 2", "wave 3"])
    axis.set_ylabel("carriers")


def _close_up(axis: Any, drawing: Drawing) -> float:
    """Draw a moment around the loudest, and return its start."""
    loudest = int(rms_envelope(drawing.speech).argmax()) * HOP / SAMPLE_RATE_HZ
    last = max(0.0, len(drawing.speech) / SAMPLE_RATE_HZ - _CLOSE_UP_S)
    start = min(max(0.0, loudest - _CLOSE_UP_S / 2), last)
    place = slice(round(start * SAMPLE_RATE_HZ), round((start + _CLOSE_UP_S) * SAMPLE_RATE_HZ))
    times_s = np.arange(len(drawing.speech))[place] / SAMPLE_RATE_HZ
    axis.fill_between(times_s, drawing.mix[place], color=WATER[2], alpha=0.35, lw=0)
    for wave, color in zip(drawing.waves, WATER, strict=True):
        axis.plot(times_s, wave[place], color=color, lw=1.2)
    axis.plot(times_s, drawing.mix[place], color=INK, lw=1.8, label="wave mix")
    axis.set_xlim(start, start + _CLOSE_UP_S)
    axis.set_ylabel("close up")
    _legend(axis)
    return start


def _legend(axis: Any) -> None:
    axis.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 0.98),  # above the axis, where there are no data
        frameon=False,
        fontsize=8,
        ncols=2,
        labelcolor=INK,
    )


def _figure(name: str, value: float | None, form: str) -> str:
    return "" if value is None else f"{name} {form.format(value)}"
