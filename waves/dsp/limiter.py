"""A look-ahead limiter: the gain goes down before a peak and comes up after it, never abruptly.

The waves and the embedded voice use the same one.
"""

import numpy as np
from scipy.ndimage import minimum_filter1d

from waves.dsp.grid import Float32, Float64, smoothed


def limited(amplitude: Float64, peak: Float32, *, ceiling: float, look_ahead: int) -> Float64:
    """Return `amplitude`, turned down where what it amplifies would pass the ceiling.

    Parameters
    ----------
    amplitude : ndarray, shape (nodes,)
        Factor of a sound, linear between nodes, which may be any length apart.
    peak : ndarray, shape (nodes - 1,)
        Largest magnitude of the sound between each two nodes.
    ceiling : float
        Largest magnitude that may come out; full scale is 1.
    look_ahead : int
        Nodes over which the gain goes down and up again.

    Returns
    -------
    ndarray, shape (nodes,)
        `amplitude` itself if nothing would pass the ceiling.

    Notes
    -----
    The gain at a node is the least that any node within the look-ahead needs, averaged over the
    same span: every value in that average is low enough for the node in its middle.
    """
    around = np.maximum(np.append(peak, 0), np.append(0, peak))
    needed = np.minimum(1.0, ceiling / np.maximum(amplitude * around, 1e-9))
    if needed.min() >= 1:
        return amplitude
    span = 2 * look_ahead + 1
    return amplitude * smoothed(minimum_filter1d(needed, span, mode="constant", cval=1.0), span)
