"""Turns speech into waves: all steps in order."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from shared_schema.water import Range
from waves.dsp import carriers, envelope, limiter, pitch
from waves.dsp.grid import CELL, Float32, Float64, Int16, between_nodes, cell_count
from waves.dsp.pitch import PitchTrack
from waves.dsp.plan import SUMMARY, SUMMARY_WAVES, UTTERANCE, WAVES, WavePlan
from waves.dsp.sound import checked

_FULL_SCALE: Final = 32767
CEILING: Final = 0.98  # of full scale
_LOOK_AHEAD: Final = 6  # nodes: 60 ms, slow enough to add no audible modulation
_BLOCK: Final = 400  # cells: 4 s at a time, so that long sounds need little memory
_KEPT_BLOCKS: Final = 8  # 3 MB; the carriers of longer sounds are computed twice
_FADE: Final = 40  # samples: 5 ms at both ends; an abrupt beginning would click


class Waves(NamedTuple):
    """Three waves and their mix, as they are written: 16 bits, 8 kHz.

    Attributes
    ----------
    wave1, wave2, wave3 : ndarray of int16, shape (n,)
        Without ranges: the base carrier, twice and three times its frequency.
    mix : ndarray of int16, shape (n,)
        Their sum, sample by sample, exactly.
    """

    wave1: Int16
    wave2: Int16
    wave3: Int16
    mix: Int16


class _Part(NamedTuple):
    """Waves that share one amplitude.

    Attributes
    ----------
    rows : sequence of int
        The indices of these waves, from 0.
    block : callable
        Returns the unscaled waves from a node on, `_BLOCK` cells of each.
    amplitude : ndarray, shape (nodes,)
    level : ndarray, shape (nodes,)
        Largest magnitude of their sum, scaled, around each node.
    """

    rows: Sequence[int]
    block: Callable[[int], Sequence[Float32]]
    amplitude: Float64
    level: Float64


def decompose(
    samples: Float32 | Float64, *, sample_rate_hz: int, plan: WavePlan = UTTERANCE
) -> Waves:
    """Turn speech into three slow waves whose mix has its melody and its loudness.

    Parameters
    ----------
    samples : ndarray, shape (n,) or (n, channels)
        Speech; full scale is 1.
    sample_rate_hz : int
        From 8,000 to 192,000.
    plan : WavePlan
        Of three waves.

    Returns
    -------
    Waves
        At 8 kHz, as long as the speech at 8 kHz.

    Raises
    ------
    UnsuitableSound
        If there are no samples, some are not finite, or the rate is out of range.
    """
    return synthesise(checked(samples, sample_rate_hz=sample_rate_hz), plan)


def decompose_summary(
    samples: Float32 | Float64, *, sample_rate_hz: int, plan: WavePlan = SUMMARY
) -> Int16:
    """Turn speech into six waves for six places, without a mix; see `decompose`.

    Without ranges the first three are those of an utterance, and the others have the same carriers
    with the weights rotated and a quarter turn of phase.

    Returns
    -------
    ndarray of int16, shape (6, n)
    """
    return synthesise_summary(checked(samples, sample_rate_hz=sample_rate_hz), plan)


def synthesise(speech: Float32, plan: WavePlan = UTTERANCE) -> Waves:
    """Decompose checked speech at 8 kHz, shape (n,), into three waves and a mix."""
    _check_count(plan, WAVES)
    parts = _parts(speech, plan)
    # The level of a mix is at most the sum of the levels of its parts.
    level = np.sum([part.level for part in parts], axis=0)
    one, two, three = _rendered(speech, parts, level, rows=WAVES)
    return Waves(one, two, three, one + two + three)


def synthesise_summary(speech: Float32, plan: WavePlan = SUMMARY) -> Int16:
    """Decompose checked speech at 8 kHz, shape (n,), into six waves, shape (6, n)."""
    _check_count(plan, SUMMARY_WAVES)
    parts = _parts(speech, plan)
    level = np.max([part.level for part in parts], axis=0)
    return _rendered(speech, parts, level, rows=SUMMARY_WAVES)


def _check_count(plan: WavePlan, count: int) -> None:
    if len(plan.ranges_hz) != count:
        raise ValueError(f"a plan of {len(plan.ranges_hz)} waves instead of {count}")


def _parts(speech: Float32, plan: WavePlan) -> list[_Part]:
    """Return the waves of a plan, in parts of one amplitude; later parts override rows."""
    track = pitch.track_pitch(speech)
    target = envelope.speech_envelope(speech)
    parts: list[_Part] = []
    for first in range(0, len(plan.ranges_hz), WAVES):
        rows = range(first, first + WAVES)
        if any(plan.ranges_hz[row] is None for row in rows):
            parts.append(_harmonic_part(track, target, rows))
    ranged = [row for row, range_hz in enumerate(plan.ranges_hz) if range_hz is not None]
    if ranged:
        parts.append(_ranged_part(track, target, plan, ranged))
    return parts


def _harmonic_part(track: PitchTrack, target: Float64, rows: range) -> _Part:
    """Return three harmonic carriers, whose sum has the envelope `target`; the last are turned."""
    frequency = carriers.carrier_frequency(track)
    phase = carriers.node_phase(frequency)
    weights = carriers.harmonic_weights(track)
    turned = rows.start > 0
    if turned:
        weights = np.roll(weights, -1, axis=0)
    make = carriers.turned_carriers if turned else carriers.carriers

    @lru_cache(maxsize=_KEPT_BLOCKS)
    def block(start: int) -> tuple[Float32, Float32, Float32]:
        """Return the weighted carriers from node `start` on."""
        part = slice(start, start + _BLOCK + 1)
        waves = make(frequency[part], phase[part])
        for carrier, weight in zip(waves, weights, strict=True):
            np.multiply(carrier, between_nodes(weight[part]), out=carrier)
        return waves

    shapes = [
        envelope.carrier_shape(block(start)) for start in range(0, len(frequency) - 1, _BLOCK)
    ]
    moments = np.concatenate([shape.moments for shape in shapes])
    amplitude = envelope.matched_amplitude(target, moments)
    # A cosine never exceeds its weight, so each single wave is below the ceiling as well.
    loudest = weights.max(axis=0)
    peak = np.concatenate([shape.peak for shape in shapes])
    peak = np.maximum.reduce([peak, loudest[:-1], loudest[1:]])
    return _Part(rows, block, amplitude, amplitude * limiter.around_nodes(peak))


def _ranged_part(track: PitchTrack, target: Float64, plan: WavePlan, rows: list[int]) -> _Part:
    """Return waves in ranges, each with the whole envelope `target`."""
    sweeps = {row: plan.sweep_hz(row) for row in rows}
    lines: dict[Range, tuple[Float64, Float64]] = {}
    for low_hz, high_hz in set(sweeps.values()):
        frequency = carriers.carrier_frequency(track, low_hz=low_hz, high_hz=high_hz)
        lines[low_hz, high_hz] = frequency, carriers.node_phase(frequency)

    def block(start: int) -> list[Float32]:
        """Return the sinusoids from node `start` on."""
        part = slice(start, start + _BLOCK + 1)
        waves = []
        for row, sweep in sweeps.items():
            frequency, phase = lines[sweep]
            waves.append(carriers.sinusoid(frequency[part], phase[part] + plan.turn_of(row)))
        return waves

    amplitude = plan.share() * envelope.sinusoid_amplitude(target)
    return _Part(rows, block, amplitude, amplitude * plan.crest())


def _rendered(speech: Float32, parts: list[_Part], level: Float64, *, rows: int) -> Int16:
    """Return all waves with soft ends, shape (rows, n).

    They share one gain, so that their balance is kept and the mix stays their sum.
    """
    gain = limiter.gain(level, ceiling=CEILING, look_ahead=_LOOK_AHEAD) * _FULL_SCALE
    whole = np.empty((rows, cell_count(len(speech)) * CELL), dtype=np.int16)
    for part in parts:
        amplitude = (part.amplitude * gain).astype(np.float32)
        for start in range(0, len(gain) - 1, _BLOCK):
            scale = between_nodes(amplitude[start : start + _BLOCK + 1])
            place = slice(start * CELL, start * CELL + scale.size)
            for row, wave in zip(part.rows, part.block(start), strict=True):
                whole[row, place] = np.rint(wave * scale).reshape(-1)
    return _faded(whole[:, : len(speech)])


def _faded(whole: Int16) -> Int16:
    """Return the waves with soft ends."""
    count = whole.shape[1]
    fade = min(_FADE, count // 2)
    rise = np.sin(np.pi / 2 * np.arange(fade) / max(fade, 1)) ** 2
    whole[:, :fade] = np.rint(whole[:, :fade] * rise)
    whole[:, count - fade :] = np.rint(whole[:, count - fade :] * rise[::-1])
    return whole
