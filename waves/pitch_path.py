"""The best way through pitch candidates: Viterbi over frames, by a tree instead of a line.

A Python step per frame would cost more than all other arithmetic of this package together. But what
a stretch of frames does to a path is a small table, the best sum by first and last state, and the
table of two stretches follows from theirs (a max-plus matrix product). Products may be grouped at
will, so neighbours are joined two by two, all pairs at once, until one table is left: ten rounds for
five seconds of speech. The way back down tells the states. The result is the exact one.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from waves.grid import Float32

Index = npt.NDArray[np.intp]
# From the features of all states now and next, (states, n) each, to the scores of all passages,
# (states from, states to, n).
Transition = Callable[[Float32, Float32], Float32]

_Middle = npt.NDArray[np.int8]
# Frames whose tables are in memory together; the tables of ten minutes would be 9 MB on each floor.
_STRETCH: Final = 4096


def best_path(score: Float32, feature: Float32, transition: Transition) -> Index:
    """Return the state in each frame that maximises the sum of scores and transitions.

    Parameters
    ----------
    score : ndarray, shape (states, frames)
        How good each state is by itself.
    feature : ndarray, shape (states, frames)
        What `transition` needs to know of each state.
    transition : callable
        Maps the features in n frames and in the frames that follow them, shape (states, n) each,
        to the scores of all passages, shape (states from, states to, n).

    Returns
    -------
    ndarray of int, shape (frames,)

    Notes
    -----
    A. Viterbi, "Error bounds for convolutional codes", IEEE Trans. Inf. Theory 13 (1967). That the
    recursion is a product, and so may be grouped: S. Särkkä and Á. García-Fernández, "Temporal
    parallelization of Bayesian smoothers", IEEE Trans. Automatic Control 66 (2021).
    """
    if score.shape[1] == 1:
        return score.argmax(axis=0)
    table = transition(feature[:, :-1], feature[:, 1:])
    table += score[:, 1:]
    middles = []
    while table.shape[2] > 1:
        table, middle = _joined(table)
        middles.append(middle)
    whole = score[:, :1] + table[:, :, 0]
    first, last = np.unravel_index(whole.argmax(), whole.shape)
    # The states at the borders of all stretches, from one stretch down to one for each passage.
    path = np.array([first, last], dtype=np.intp)
    for middle in reversed(middles):
        path = _refined(path, middle)
    return path


def _joined(table: Float32) -> tuple[Float32, _Middle]:
    """Return the tables of neighbours joined, and the state between the two in each case.

    A loop over the few states in the middle is several times as fast as an argmax along so short an
    axis.
    """
    states, _, count = table.shape
    left = np.ascontiguousarray(table[:, :, 0 : count - 1 : 2])
    right = np.ascontiguousarray(table[:, :, 1::2])
    best: Float32 = left[:, 0, None] + right[0]
    middle = np.zeros(best.shape, dtype=np.int8)
    for state in range(1, states):
        sums = left[:, state, None] + right[state]
        np.copyto(middle, state, where=sums > best)
        np.maximum(best, sums, out=best)
    # Sums grow for ever; only their differences matter, and 32 bits must keep those.
    best -= best.max(axis=(0, 1))
    if count % 2:
        best = np.concatenate([best, table[:, :, -1:]], axis=2)
    return best, middle


def _refined(path: Index, middle: _Middle) -> Index:
    """Return a path with the state in the middle of each stretch that was joined of two."""
    pairs = middle.shape[2]
    finer = np.empty(len(path) + pairs, dtype=np.intp)
    finer[0 : 2 * pairs : 2] = path[:pairs]
    finer[1 : 2 * pairs : 2] = middle[path[:pairs], path[1 : pairs + 1], np.arange(pairs)]
    finer[2 * pairs :] = path[pairs:]
    return finer
