"""Speech in, three waves and their mix out."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from waves import carriers, envelope, harmonics, limiter, pitch
from waves.grid import CELL, Float32, Float64, Int16, between_nodes, cell_count
from waves.sound import checked

_FULL_SCALE: Final = 32767
_BLOCK: Final = 200  # cells: 2 s at a time, so that long sounds need little memory
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
    weights = harmonics.harmonic_weights(track)

    shapes = [
        envelope.carrier_shape(_weighted(frequency[part], phase[part], weights[:, part]))
        for part in _parts(len(frequency))
    ]
    moments = np.concatenate([shape.moments for shape in shapes])
    peak = np.concatenate([shape.peak for shape in shapes])
    amplitude = envelope.matched_amplitude(envelope.speech_envelope(speech), moments)
    amplitude = limiter.limited(amplitude, peak) * _FULL_SCALE
    return _rendered(frequency, phase, weights * amplitude.astype(np.float32), len(speech))


def _parts(nodes: int) -> Iterator[slice]:
    """Return slices of nodes; each begins with the node that the one before ends with."""
    for start in range(0, nodes - 1, _BLOCK):
        yield slice(start, min(start + _BLOCK + 1, nodes))


def _weighted(
    frequency: Float64, phase: Float64, weights: Float32
) -> tuple[Float32, Float32, Float32]:
    """Return the carriers between nodes, each multiplied with its weight."""
    one, two, three = carriers.carriers(frequency, phase)
    one *= between_nodes(weights[0])
    two *= between_nodes(weights[1])
    three *= between_nodes(weights[2])
    return one, two, three


def _rendered(frequency: Float64, phase: Float64, weights: Float32, count: int) -> Waves:
    """Return the waves as 16-bit samples."""
    whole = np.empty((4, cell_count(count) * CELL), dtype=np.int16)
    for part in _parts(len(frequency)):
        place = slice(part.start * CELL, (part.stop - 1) * CELL)
        for row, wave in enumerate(_weighted(frequency[part], phase[part], weights[:, part])):
            whole[row, place] = np.rint(wave, out=wave).reshape(-1)
    whole = whole[:, :count]
    fade = min(_FADE, count // 2)
    rise = np.sin(np.pi / 2 * np.arange(fade) / max(fade, 1)) ** 2
    whole[:3, :fade] = np.rint(whole[:3, :fade] * rise)
    whole[:3, count - fade :] = np.rint(whole[:3, count - fade :] * rise[::-1])
    np.sum(whole[:3], axis=0, out=whole[3], dtype=np.int16)
    return Waves(*whole)
