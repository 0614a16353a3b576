"""Waves in ranges: how well each keeps to its range and to the speech, and what it costs."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from benchmarks.report import median, table, verdict
from benchmarks.waves.material import Clip
from benchmarks.waves.truth import share_outside
from shared_schema.water import Range
from waves.dsp import carriers, pitch
from waves.dsp.decomposition import synthesise, synthesise_summary
from waves.dsp.grid import Float32, Int16
from waves.dsp.metrics import active_frames, measure, rms_envelope
from waves.dsp.plan import WavePlan
from waves.dsp.sound import load

# The ranges of a dome's six places, in Hz.
DOME: Final[tuple[Range, ...]] = ((80, 100), (50, 70), (20, 40), (20, 40), (50, 70), (80, 100))
# Of the speaker's own place, the next one, and the own one again.
_UTTERANCES: Final = tuple(
    WavePlan((own, DOME[(place + 1) % len(DOME)], own)) for place, own in enumerate(DOME)
)
PLANS: Final = {
    **{f"dome, slot {slot}": plan for slot, plan in enumerate(_UTTERANCES, start=1)},
    "one range": WavePlan(((50, 70),) * 3),
    "narrow": WavePlan(((15, 25), (60, 70), (190, 200))),
}
SUMMARY: Final = WavePlan(DOME)

_WIDENED_HZ: Final = 12.0
_SILENT: Final = 0.01  # 40 dB below the speech
_ROUNDS: Final = 11


class Kept(NamedTuple):
    """What was measured on one clip with one plan: the worst of its waves, and the mix."""

    inside: float
    correlation: float
    silent: float
    order: float
    mix: float
    exact: bool


def run(clips: list[Clip]) -> list[tuple[str, str, str]]:
    """Print the tables; return the verdicts."""
    sounds = [load(clip.path) for clip in clips]
    kept = {name: [_kept(sound, plan) for sound in sounds] for name, plan in PLANS.items()}
    print("\nWaves in ranges, the worst of all waves and clips, and the mean of the mixes.\n")
    rows = [
        [
            name,
            f"{100 * min(one.inside for one in each):.2f}",
            f"{min(one.order for one in each):.3f}",
            f"{min(one.correlation for one in each):.4f}",
            f"{min(one.mix for one in each):.4f} / {np.mean([one.mix for one in each]):.4f}",
        ]
        for name, each in kept.items()
    ]
    header = ["plan", "inside range +-12 Hz, %", "order of pitch", "envelope r, waves"]
    print(table([*header, "envelope r, mix: worst / mean"], rows))
    three, six = _costs(sounds)
    every = [one for each in kept.values() for one in each]
    inside, order = min(one.inside for one in every), min(one.order for one in every)
    waves, mix = min(one.correlation for one in every), min(one.mix for one in every)
    silent, inexact = max(one.silent for one in every), sum(not one.exact for one in every)
    return [
        ("ranges: energy inside +-12 Hz", f"{inside:.4f}", verdict(inside, 0.99, at_least=True)),
        ("ranges: carrier against f0 (Spearman)", f"{order:.3f}", _at_least(order, 0.95)),
        ("ranges: envelope correlation, waves", f"{waves:.4f}", _at_least(waves, 0.98)),
        ("ranges: envelope correlation, mix", f"{mix:.4f}", _at_least(mix, 0.985)),
        ("ranges: silent active frames, share", f"{silent:g}", verdict(silent, 0)),
        ("ranges: mixes that are not the sum", f"{inexact}", verdict(inexact, 0)),
        ("ranges: cost of three waves, times", f"{three:.2f}", verdict(three, 1.15)),
        ("ranges: cost of the summary's six, times", f"{six:.2f}", verdict(six, 1.6)),
    ]


def _at_least(value: float, limit: float) -> str:
    return verdict(value, limit, at_least=True)


def _kept(speech: Float32, plan: WavePlan) -> Kept:
    waves = synthesise(speech, plan)
    track = pitch.track_pitch(speech)
    active = active_frames(rms_envelope(speech))
    wanted = rms_envelope(speech)[active]
    inside, correlation, silent, order = [], [], [], []
    for place, wave in enumerate(waves[:3]):
        sound = _as_float(wave)
        low_hz, high_hz = plan.ranges_hz[place] or (0.0, 0.0)
        outside = share_outside(sound, low_hz=low_hz - _WIDENED_HZ, high_hz=high_hz + _WIDENED_HZ)
        inside.append(1 - outside)
        correlation.append(measure(speech, sound).envelope_correlation or 0.0)
        silent.append(float((rms_envelope(sound)[active] < _SILENT * wanted).mean()))
        low_hz, high_hz = plan.sweep_hz(place)
        hertz = carriers.carrier_frequency(track, low_hz=low_hz, high_hz=high_hz)
        order.append(float(spearmanr(hertz[track.voiced], track.f0_hz[track.voiced]).statistic))
    return Kept(
        inside=min(inside),
        correlation=min(correlation),
        silent=max(silent),
        order=min(order),
        mix=measure(speech, _as_float(waves.mix)).envelope_correlation or 0.0,
        exact=bool((waves.mix == sum(wave.astype(np.int32) for wave in waves[:3])).all()),
    )


def _costs(sounds: list[Float32]) -> tuple[float, float]:
    """Return the CPU of three waves and of six in ranges, over that of three without ranges."""
    pipelines: list[Callable[[Float32], object]] = [
        synthesise,
        lambda sound: synthesise(sound, _UTTERANCES[0]),
        lambda sound: synthesise_summary(sound, SUMMARY),
    ]
    ratios = []
    for count in range(_ROUNDS + 1):
        taken = []
        for pipeline in pipelines:
            began = time.thread_time()
            for sound in sounds:
                pipeline(sound)
            taken.append(time.thread_time() - began)
        if count:
            ratios.append((taken[1] / taken[0], taken[2] / taken[0]))
    return median([three for three, _ in ratios]), median([six for _, six in ratios])


def _as_float(wave: Int16) -> Float32:
    return (wave / 32767).astype(np.float32)
