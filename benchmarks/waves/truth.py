"""How true the wave-mix is to the speech, ours beside V3's."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile

from benchmarks.report import median, table, verdict
from benchmarks.waves.material import Clip
from waves.dsp.metrics import active_frames, measure, rms_envelope
from waves.dsp.sound import load
from waves.job import decompose_file

Float32 = npt.NDArray[np.float32]

_FULL_SCALE = 32767
# A frame is silent if it is 40 dB below the speech.
_SILENT = 0.01


class Truth(NamedTuple):
    """What was measured on one clip."""

    correlation: float
    level_error_db: float
    silent: float  # share of active frames
    clipped: int  # samples
    outside: float  # share of energy outside 15..240 Hz
    rmse: float


def run(clips: list[Clip], folder: Path) -> list[tuple[str, str, str]]:
    """Print a table of the clips; return the verdicts on ours."""
    ours = [_ours(clip, folder) for clip in clips]
    theirs = [_v3(clip, folder) for clip in clips] if find_spec("librosa") else None
    print("\nTruth of the mix by clip; in brackets V3's.\n")
    rows = []
    for place, clip in enumerate(clips):
        other = theirs[place] if theirs else None
        rows.append(
            [
                f"{clip.voice}{' + noise' if clip.noisy else ''}",
                f"{clip.rate_hz / 1000:g} kHz",
                f"{clip.duration_s:.1f} s",
                *_cells(ours[place], other),
            ]
        )
    header = ["voice", "rate", "length", "envelope r", "level error dB", "silent %", "clipped"]
    print(table([*header, "outside %", "RMSE"], rows))
    return _verdicts(ours)


def _cells(mine: Truth, his: Truth | None) -> list[str]:
    formats = ["{:.4f}", "{:.2f}", "{:.0f}", "{}", "{:.2f}", "{:.3f}"]
    scales = [1, 1, 100, 1, 100, 1]
    cells = []
    for value, other, form, scale in zip(mine, his or mine, formats, scales, strict=True):
        cell = form.format(value * scale)
        cells.append(f"{cell} ({form.format(other * scale)})" if his else cell)
    return cells


def _ours(clip: Clip, folder: Path) -> Truth:
    done = decompose_file(clip.path, folder / "ours")
    written, _ = soundfile.read(done.mix_path, dtype="int16")
    clipped = int((np.abs(written.astype(np.int32)) >= _FULL_SCALE).sum())
    return _judge(done.speech, (written / _FULL_SCALE).astype(np.float32), clipped)


def _v3(clip: Clip, folder: Path) -> Truth:
    from benchmarks.waves import v3  # noqa: PLC0415  # a peer that may not be installed

    mix = v3.decompose_file(clip.path, folder / "v3")
    speech = load(clip.path)
    count = min(len(mix), len(speech))
    clipped = int((np.abs(mix) >= 1).sum())
    return _judge(speech[:count], np.clip(mix[:count], -1, 1).astype(np.float32), clipped)


def _judge(speech: Float32, mix: Float32, clipped: int) -> Truth:
    metrics = measure(speech, mix)
    reached, wanted = rms_envelope(mix), rms_envelope(speech)
    active = active_frames(wanted)
    return Truth(
        correlation=metrics.envelope_correlation or 0.0,
        level_error_db=metrics.level_error_db or 0.0,
        silent=float((reached[active] < _SILENT * wanted[active]).mean()),
        clipped=clipped,
        outside=share_outside(mix),
        rmse=metrics.rmse,
    )


def share_outside(mix: Float32, *, low_hz: float = 15.0, high_hz: float = 240.0) -> float:
    """Return the share of a sound's energy outside a band."""
    power = np.abs(np.fft.rfft(mix.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(mix), 1 / 8_000)
    return float(power[(hertz < low_hz) | (hertz > high_hz)].sum() / power.sum())


def _verdicts(ours: list[Truth]) -> list[tuple[str, str, str]]:
    correlations = [one.correlation for one in ours]
    mean, worst = float(np.mean(correlations)), min(correlations)
    level = median([one.level_error_db for one in ours])
    level_worst = max(one.level_error_db for one in ours)
    silent, clipped = max(one.silent for one in ours), sum(one.clipped for one in ours)
    outside = max(one.outside for one in ours)
    return [
        ("envelope correlation, mean", f"{mean:.4f}", verdict(mean, 0.990, at_least=True)),
        ("envelope correlation, worst", f"{worst:.4f}", verdict(worst, 0.980, at_least=True)),
        (
            "median level error, dB",
            f"{level:.2f} (worst clip {level_worst:.2f})",
            verdict(level_worst, 0.6),
        ),
        ("silent active frames, share", f"{silent:g}", verdict(silent, 0)),
        ("clipped samples", f"{clipped}", verdict(clipped, 0)),
        ("energy outside 15..240 Hz, worst", f"{100 * outside:.3f} %", verdict(outside, 0.002)),
    ]
