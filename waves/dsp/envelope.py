"""The amplitude that makes the mix as loud as the speech at every moment.

The loudness of a sum of slow sinusoids over 40 ms depends on where in their cycle they are, so the
speech envelope alone is not the right amplitude. The remaining error is measured and corrected,
twice. The correction is smoothed first: if it followed each cycle of the carriers, it would
modulate them with their own frequency, which moves energy below 15 Hz.
"""

from typing import Final, NamedTuple

import numpy as np

from waves.dsp.grid import CELL, Float32, Float64, cells, node_rms, smoothed

_HALF_WIDTH: Final = 2  # cells; 40 ms in all, nearly one cycle of the slowest carrier
_PASSES: Final = 2
_ROUNDING: Final = 5  # nodes: 50 ms
# Largest correction in one pass; where the carriers vanish, no factor would help.
_LARGEST_STEP: Final = 2.0

_T: Final = np.arange(CELL) / CELL
_MOMENTS: Final = np.stack([(1 - _T) ** 2, 2 * _T * (1 - _T), _T**2], axis=1).astype(np.float32)


class CarrierShape(NamedTuple):
    """Properties of the carriers for the envelope and the limiter, per cell.

    Attributes
    ----------
    moments : ndarray, shape (cells, 3)
        Energies of the carriers' sum weighted with (1-t)², 2t(1-t) and t², where t runs from 0 to
        1 through the cell. The energy of the sum times an amplitude that goes linearly from a to b
        is a² m0 + ab m1 + b² m2.
    peak : ndarray, shape (cells,)
        Largest magnitude of the sum.
    """

    moments: Float64
    peak: Float32


def speech_envelope(samples: Float32) -> Float64:
    """Return the root mean square of 40 ms around every node."""
    rows = cells(samples)
    return node_rms(np.einsum("ij,ij->i", rows, rows).astype(np.float64), half_width=_HALF_WIDTH)


def sinusoid_amplitude(target: Float64) -> Float64:
    """Return the amplitude that gives one fast sinusoid the envelope `target`, shape (nodes,).

    Its own oscillation is not corrected: a correction at its frequency would leave the range.
    """
    moments = _MOMENTS.sum(axis=0, dtype=np.float64) / 2
    return matched_amplitude(target, np.tile(moments, (len(target) - 1, 1)))


def carrier_shape(waves: tuple[Float32, Float32, Float32]) -> CarrierShape:
    """Return the shape of weighted carriers, each given as cells."""
    total = waves[0] + waves[1] + waves[2]
    peak = np.maximum(total.max(axis=1), -total.min(axis=1))
    return CarrierShape(((total * total) @ _MOMENTS).astype(np.float64), peak)


def matched_amplitude(target: Float64, moments: Float64) -> Float64:
    """Return the amplitude at every node that gives the mix the envelope `target`.

    Parameters
    ----------
    target : ndarray, shape (nodes,)
        Envelope of the speech.
    moments : ndarray, shape (nodes - 1, 3)
        Of the carriers, see `CarrierShape`.
    """
    amplitude = target.copy()
    for _ in range(_PASSES):
        start, end = amplitude[:-1], amplitude[1:]
        energy = start**2 * moments[:, 0] + start * end * moments[:, 1] + end**2 * moments[:, 2]
        reached = node_rms(energy, half_width=_HALF_WIDTH)
        step = target / np.maximum(reached, 1e-9)
        amplitude *= smoothed(np.clip(step, 1 / _LARGEST_STEP, _LARGEST_STEP), _ROUNDING)
    return amplitude
