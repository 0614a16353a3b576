"""The best way through pitch candidates: Viterbi over frames, many blocks of time at once.

A Python step per frame would cost more than all other arithmetic of this package together. The
search is therefore split into blocks that are walked through side by side. What lies before a
block is not known yet, so each block is walked once for every state that it may begin in; a short
walk over the blocks then chooses among those (max-plus matrix products are associative). The
result is the exact one, not an approximation.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from waves.grid import Float32

Index = npt.NDArray[np.intp]
# Score of going from each state (second last axis) to each next one (last axis).
Transition = Callable[[Float32, Float32], Float32]

_BLOCK: Final = 64  # frames; near the square root of a long utterance's frame count


def best_path(score: Float32, feature: Float32, transition: Transition) -> Index:
    """Return the state in each frame that maximises the sum of scores and transitions.

    Parameters
    ----------
    score : ndarray, shape (frames, states)
        How good each state is by itself.
    feature : ndarray, shape (frames, states)
        What `transition` needs to know of each state.
    transition : callable
        Maps features of shape (n, states) in one frame and in the next to the scores of all
        passages, shape (n, states, states), first axis of states: from.

    Returns
    -------
    ndarray of int, shape (frames,)

    Notes
    -----
    A. Viterbi, "Error bounds for convolutional codes", IEEE Trans. Inf. Theory 13 (1967).
    """
    frames, states = score.shape
    block = max(1, min(_BLOCK, frames))
    count = -(-frames // block)
    # Frames beyond the end repeat the last one and cost nothing, so they change no decision.
    rows = np.minimum(np.arange(count * block), frames - 1).reshape(count, block)
    inside = np.arange(count * block).reshape(count, block) < frames

    # best[b, s, t]: of paths in block b that begin in state s and are now in t, the best one's sum.
    best = np.full((count, states, states), -np.inf, dtype=np.float32)
    diagonal = np.arange(states)
    best[:, diagonal, diagonal] = score[rows[:, 0]]
    back = np.empty((block, count, states, states), dtype=np.int8)
    for step in range(1, block):
        before, now = rows[:, step - 1], rows[:, step]
        passage = transition(feature[before], feature[now]) + score[now][:, None, :]
        stay = ~inside[:, step]
        if stay.any():
            passage[stay] = np.where(np.eye(states, dtype=bool), 0.0, -np.inf)
        best = _furthered(best, passage, back[step])

    first, last = _choose_block_states(best, feature, rows, transition)
    path = np.empty((count, block), dtype=np.intp)
    blocks = np.arange(count)
    state = last
    for step in range(block - 1, 0, -1):
        path[:, step] = state
        state = back[step, blocks, first, state].astype(np.intp)
    path[:, 0] = first
    return path.reshape(-1)[:frames]


def _furthered(best: Float32, passage: Float32, origin: npt.NDArray[np.int8]) -> Float32:
    """Return the best sums one frame later, and write where each came from to `origin`.

    A loop over the few states that a path may come from; over such a short axis it is twice as
    fast as numpy's argmax.
    """
    furthest: Float32 = best[:, :, 0, None] + passage[:, None, 0, :]
    origin[:] = 0
    for state in range(1, best.shape[2]):
        reached = best[:, :, state, None] + passage[:, None, state, :]
        np.copyto(origin, state, where=reached > furthest)
        np.maximum(furthest, reached, out=furthest)
    return furthest


def _choose_block_states(
    best: Float32, feature: Float32, rows: Index, transition: Transition
) -> tuple[Index, Index]:
    """Return the first and the last state of the best path in each block."""
    count, states, _ = best.shape
    joints = transition(feature[rows[:-1, -1]], feature[rows[1:, 0]])
    total = best[0].max(axis=0)
    starts = np.zeros((count, states), dtype=np.intp)  # by the block's last state
    starts[0] = best[0].argmax(axis=0)
    origins = np.zeros((count, states), dtype=np.intp)  # last state of the block before
    for place in range(1, count):
        entry = total[:, None] + joints[place - 1]
        origin = entry.argmax(axis=0)
        through = entry[origin, np.arange(states)][:, None] + best[place]
        starts[place] = through.argmax(axis=0)
        origins[place] = origin[starts[place]]
        total = through.max(axis=0)
        # Sums of scores grow for ever; only their differences matter.
        total -= total.max()
    first = np.empty(count, dtype=np.intp)
    last = np.empty(count, dtype=np.intp)
    state = int(total.argmax())
    for place in range(count - 1, -1, -1):
        last[place], first[place] = state, starts[place, state]
        state = int(origins[place, state])
    return first, last
