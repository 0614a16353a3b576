"""Turn speech into three waves and their mix: all steps in their order."""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from waves.dsp import carriers, envelope, limiter, pitch
from waves.dsp.grid import CELL, Float32, Float64, Int16, between_nodes, cell_count
from waves.dsp.sound import checked

_FULL_SCALE: Final = 32767
CEILING: Final = 0.98  # of full scale
_LOOK_AHEAD: Final = 6  # nodes: 60 ms, slow enough to add no sound of its own
_BLOCK: Final = 400  # cells: 4 s at a time, so that long sounds need little memory
_KEPT_BLOCKS: Final = 8  # 3 MB; the carriers of longer sounds are computed twice
_FADE: Final = 40  # samples: 5 ms at both ends; an abrupt beginning would click


class Waves(NamedTuple):
    """Three waves and their mix, as they are written: 16 bits, 8 kHz.

    Attributes
    ----------
    wave1, wave2, wave3 : ndarray of int16, shape (n,)
        Base carrier, the one of twice its frequency, the one of three times.
    mix : ndarray of int16, shape (n,)
        Their sum, sample by sample, exactly.
    """

    wave1: Int16
    wave2: Int16
    wave3: Int16
    mix: Int16


def decompose(samples: Float32 | Float64, *, sample_rate_hz: int) -> Waves:
    """Turn speech into three slow waves whose mix has its melody and its loudness.

    Parameters
    ----------
    samples : ndarray, shape (n,) or (n, channels)
        Speech; full scale is 1.
    sample_rate_hz : int
        From 8,000 to 192,000.

    Returns
    -------
    Waves
        At 8 kHz, of the length that the speech has at 8 kHz.

    Raises
    ------
    UnsuitableSound
        If there are no samples, some are not finite, or the rate is out of range.
    """
    return synthesise(checked(samples, sample_rate_hz=sample_rate_hz))


def synthesise(speech: Float32) -> Waves:
    """Decompose speech that is checked and at 8 kHz, shape (n,)."""
    track = pitch.track_pitch(speech)
    frequency = carriers.carrier_frequency(track)
    phase = carriers.node_phase(frequency)
    weights = carriers.harmonic_weights(track)

    @lru_cache(maxsize=_KEPT_BLOCKS)
    def block(start: int) -> tuple[Float32, Float32, Float32]:
        """Return the weighted carriers from node `start` on."""
        part = slice(start, start + _BLOCK + 1)
        waves = carriers.carriers(frequency[part], phase[part])
        for carrier, weight in zip(waves, weights, strict=True):
            np.multiply(carrier, between_nodes(weight[part]), out=carrier)
        return waves

    starts = range(0, len(frequency) - 1, _BLOCK)
    shapes = [envelope.carrier_shape(block(start)) for start in starts]
    moments = np.concatenate([shape.moments for shape in shapes])
    # A cosine is never larger than its weight, so each wave alone is known to keep the ceiling too.
    loudest = weights.max(axis=0)
    peak = np.concatenate([shape.peak for shape in shapes])
    peak = np.maximum.reduce([peak, loudest[:-1], loudest[1:]])
    amplitude = envelope.matched_amplitude(envelope.speech_envelope(speech), moments)
    # All three waves share the gain, so that their balance and the mix being their sum are kept.
    amplitude = limiter.limited(amplitude, peak, ceiling=CEILING, look_ahead=_LOOK_AHEAD)
    amplitude *= _FULL_SCALE

    whole = np.empty((4, cell_count(len(speech)) * CELL), dtype=np.int16)
    for start in starts:
        gain = between_nodes(amplitude[start : start + _BLOCK + 1].astype(np.float32))
        place = slice(start * CELL, start * CELL + gain.size)
        for row, wave in zip(whole, block(start), strict=False):
            row[place] = np.rint(wave * gain).reshape(-1)
    return _finished(whole[:, : len(speech)])


def _finished(whole: Int16) -> Waves:
    """Return the waves with soft ends, and their mix; `whole` has a row for each."""
    count = whole.shape[1]
    fade = min(_FADE, count // 2)
    rise = np.sin(np.pi / 2 * np.arange(fade) / max(fade, 1)) ** 2
    whole[:3, :fade] = np.rint(whole[:3, :fade] * rise)
    whole[:3, count - fade :] = np.rint(whole[:3, count - fade :] * rise[::-1])
    np.add(whole[0], whole[1], out=whole[3])
    whole[3] += whole[2]
    return Waves(*whole)
