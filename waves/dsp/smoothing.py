"""Curves over nodes: closing their gaps and rounding their corners."""

from functools import cache

import numpy as np

from waves.dsp.grid import Bool, Float32, Float64


def bridged(values: Float32 | Float64, known: Bool) -> Float64:
    """Return `values` with straight lines over what is not known, constant beyond the ends."""
    nodes = np.arange(len(values))
    return np.interp(nodes, nodes[known], values[known])


def smoothed(values: Float64, length: int) -> Float64:
    """Return the average around each node under a Hann window of `length` nodes (odd).

    The ends are repeated outwards, so a constant stays one.
    """
    half = length // 2
    padded = np.concatenate([values[:1].repeat(half), values, values[-1:].repeat(half)])
    return np.convolve(padded, _hann(length), mode="valid")


@cache
def _hann(length: int) -> Float64:
    window: Float64 = np.hanning(length + 2)[1:-1]
    window /= window.sum()
    return window
