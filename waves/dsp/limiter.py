"""A look-ahead limiter: the gain falls before a peak and rises after it, never abruptly.

Used for the waves and for speech.
"""

import numpy as np

from waves.dsp.grid import Float32, Float64, smoothed


def around_nodes(peak: Float32) -> Float32:
    """Return the larger of the peaks before and after each node.

    Parameters
    ----------
    peak : ndarray, shape (nodes - 1,)
        Largest magnitude of a sound between two nodes, at any distance.

    Returns
    -------
    ndarray, shape (nodes,)
    """
    return np.maximum(np.append(peak, peak[-1:]), np.append(peak[:1], peak))


def gain(level: Float64 | Float32, *, ceiling: float, look_ahead: int) -> Float64:
    """Return the gain at every node, linear in between, that keeps a sound below a ceiling.

    Parameters
    ----------
    level : ndarray, shape (nodes,)
        Largest magnitude around each node, see `around_nodes`.
    ceiling : float
        Largest magnitude of the output; full scale is 1.
    look_ahead : int
        Nodes over which the gain falls and rises.

    Returns
    -------
    ndarray, shape (nodes,)
        At most one.

    Notes
    -----
    The gain at a node is the minimum that the nodes within the look-ahead need, averaged over the
    same span: every value in this average is low enough for the node in its middle.
    """
    needed = np.minimum(1.0, ceiling / np.maximum(level.astype(np.float64), 1e-9))
    if needed.min() >= 1:
        return needed
    span = 2 * look_ahead + 1
    padded = np.pad(needed, look_ahead, constant_values=1.0)
    spans = np.lib.stride_tricks.sliding_window_view(padded, span)
    return smoothed(spans.min(axis=1), span)
