"""Curves over nodes: closing their gaps and rounding their corners."""

import numpy as np

from waves.grid import Bool, Float32, Float64


def bridged(values: Float32 | Float64, known: Bool) -> Float64:
    """Return `values` with straight lines over what is not known, constant beyond the ends."""
    nodes = np.arange(len(values))
    return np.interp(nodes, nodes[known], values[known])


def smoothed(values: Float64, length: int) -> Float64:
    """Return the average around each node under a Hann window of `length` nodes (odd).

    The ends are repeated outwards, so a constant stays one.
    """
    window = np.hanning(length + 2)[1:-1]
    padded = np.pad(values, length // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")
