"""A look-ahead limiter: the gain goes down before a peak and comes up after it, never abruptly."""

from typing import Final

import numpy as np

from waves.dsp.grid import Float32, Float64
from waves.dsp.smoothing import smoothed

CEILING: Final = 0.98  # of full scale
_LOOK_AHEAD: Final = 6  # nodes: 60 ms, slow enough to add no sound of its own


def limited(amplitude: Float64, peak: Float32) -> Float64:
    """Return `amplitude`, turned down where the waves would pass the ceiling.

    All three waves share it, so that their balance and the mix being their sum are kept.

    Parameters
    ----------
    amplitude : ndarray, shape (nodes,)
        Factor of the carriers; linear between nodes.
    peak : ndarray, shape (nodes - 1,)
        Largest magnitude within each cell, see `CarrierShape`.

    Notes
    -----
    The gain at a node is the least that any node within the look-ahead needs, averaged over the
    same span: every value in that average is low enough for the node in its middle.
    """
    around = np.maximum(np.append(peak, 0), np.append(0, peak))
    needed = np.minimum(1.0, CEILING / np.maximum(amplitude * around, 1e-9))
    if needed.min() >= 1:
        return amplitude
    padded = np.pad(needed, _LOOK_AHEAD, constant_values=1.0)
    spans = np.lib.stride_tricks.sliding_window_view(padded, 2 * _LOOK_AHEAD + 1)
    return amplitude * smoothed(spans.min(axis=1), 2 * _LOOK_AHEAD + 1)
