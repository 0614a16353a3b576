"""The time grid that all steps share: a node every 10 ms, a cell of samples between two nodes.

Pitch, harmonic weights and amplitudes are curves over nodes, linear in between.
"""

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int16 = npt.NDArray[np.int16]
Bool = npt.NDArray[np.bool_]

SAMPLE_RATE_HZ: Final = 8000
# 10 ms: a syllable's onset takes 20 to 50 ms, and the pitch of speech turns more slowly.
CELL: Final = 80  # samples
CELL_S: Final = CELL / SAMPLE_RATE_HZ

# Shares of the node before and of the node after in each sample of a cell.
_SHARES: Final = np.stack([1 - np.arange(CELL) / CELL, np.arange(CELL) / CELL]).astype(np.float32)


def cell_count(sample_count: int) -> int:
    """Return the number of cells for this many samples; the last may be partly empty."""
    return -(-sample_count // CELL)


def cells(samples: Float32) -> Float32:
    """Return `samples` as rows of one cell each, shape (cells, CELL), zeros at the end."""
    count = cell_count(len(samples))
    if len(samples) == count * CELL:
        return samples.reshape(count, CELL)
    whole = np.zeros(count * CELL, dtype=np.float32)
    whole[: len(samples)] = samples
    return whole.reshape(count, CELL)


def between_nodes(nodes: Float32) -> Float32:
    """Return the values at all samples between `nodes`, shape (len(nodes) - 1, CELL)."""
    between: Float32 = np.stack([nodes[:-1], nodes[1:]], axis=1) @ _SHARES
    return between


def node_rms(energy: Float64, *, half_width: int) -> Float64:
    """Return the root mean square around each node.

    Parameters
    ----------
    energy : ndarray, shape (cells,)
        Sum of squares of each cell's samples.
    half_width : int
        Cells on each side of a node; beyond the ends there is silence.

    Returns
    -------
    ndarray, shape (cells + 1,)
    """
    padded = np.zeros(len(energy) + 2 * half_width + 1)
    np.cumsum(energy, out=padded[half_width + 1 : half_width + 1 + len(energy)])
    padded[half_width + 1 + len(energy) :] = energy.sum()
    window: Float64 = padded[2 * half_width :] - padded[: -2 * half_width]
    # The difference of two large sums may be a rounding error below zero.
    return np.sqrt(np.maximum(window, 0.0) / (2 * half_width * CELL))


def bridged(values: Float32 | Float64, known: Bool) -> Float64:
    """Return `values` with unknown ones interpolated linearly, constant beyond the ends.

    Parameters
    ----------
    values : ndarray, shape (nodes,)
    known : ndarray of bool, shape (nodes,)
        At least one is true.
    """
    nodes = np.arange(len(values))
    return np.interp(nodes, nodes[known], values[known])


def smoothed(values: Float64, length: int) -> Float64:
    """Return the average around each node under a Hann window of `length` nodes (odd).

    The ends are extended, so a constant stays constant.
    """
    return np.convolve(np.pad(values, length // 2, mode="edge"), _hann(length), mode="valid")


@cache
def _hann(length: int) -> Float64:
    window: Float64 = np.hanning(length + 2)[1:-1]
    window /= window.sum()
    return window
