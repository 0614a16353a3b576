"""The best way through pitch candidates: Viterbi over frames, by a tree instead of a line.

A Python step per frame would cost more than all other arithmetic of this package together. But what
a stretch of frames does to a path is a small table, the best sum by first and last state, and the
table of two stretches follows from theirs (a max-plus matrix product). Products may be grouped at
will, so neighbours are joined two by two, all pairs at once, until one table is left: ten rounds
for five seconds of speech. The way back down tells the states. The result is the exact one.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from waves.dsp.grid import Float32

Index = npt.NDArray[np.intp]
# From the features of all states now and next, (states, n) each, to the scores of all passages,
# (states from, states to, n).
Transition = Callable[[Float32, Float32], Float32]


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
        only: Index = np.argmax(score, axis=0)
        return only
    table = transition(feature[:, :-1], feature[:, 1:])
    table += score[:, 1:]
    halves = []
    while table.shape[2] > 1:
        pair = _halves(table)
        halves.append(pair)
        joined = _product(*pair)
        odd = table[:, :, 2 * pair[0].shape[2] :]
        table = np.concatenate([joined, odd], axis=2) if odd.size else joined
    whole = score[:, :1] + table[:, :, 0]
    # The states at the borders of all stretches, from one stretch down to one for each passage.
    path = np.array(np.unravel_index(whole.argmax(), whole.shape), dtype=np.intp)
    for left, right in reversed(halves):
        path = _refined(path, left, right)
    return path


def _halves(table: Float32) -> tuple[Float32, Float32]:
    """Return the tables of the first and of the second stretch of each pair."""
    left = np.ascontiguousarray(table[:, :, 0 : table.shape[2] - 1 : 2])
    return left, np.ascontiguousarray(table[:, :, 1::2])


def _product(left: Float32, right: Float32) -> Float32:
    """Return the tables of the joined pairs: the best sum over all states in the middle."""
    best: Float32 = left[:, 0, None] + right[0]
    for middle in range(1, len(right)):
        np.maximum(best, left[:, middle, None] + right[middle], out=best)
    # Sums grow for ever; only their differences matter, and 32 bits must keep those.
    best -= best.max(axis=(0, 1))
    return best


def _refined(path: Index, left: Float32, right: Float32) -> Index:
    """Return a path with the state in the middle of each pair of stretches.

    Which one that is was not noted on the way up: it is looked for in one place of each table here,
    there it would have been in all.
    """
    pairs = np.arange(left.shape[2])
    count = len(pairs)
    sums = left[path[:count], :, pairs] + right[:, path[1 : count + 1], pairs].T
    finer = np.empty(len(path) + count, dtype=np.intp)
    finer[0 : 2 * count : 2] = path[:count]
    finer[1 : 2 * count : 2] = sums.argmax(axis=1)
    finer[2 * count :] = path[count:]
    return finer
