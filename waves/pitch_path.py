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
# From the features of all states now and next, (states, n) each, to the scores of all passages,
# (states from, states to, n).
Transition = Callable[[Float32, Float32], Float32]

_BLOCK: Final = 64  # frames; near the square root of a long utterance's frame count


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
    A. Viterbi, "Error bounds for convolutional codes", IEEE Trans. Inf. Theory 13 (1967).
    """
    states, frames = score.shape
    block = max(1, min(_BLOCK, frames))
    count = -(-frames // block)
    # Frames beyond the end repeat the last one and cost nothing, so they change no decision.
    frame = np.arange(count * block).reshape(count, block).T
    beyond = frame >= frames
    # Blocks side by side in the last axis, so that each operation runs along all of them.
    scores = np.ascontiguousarray(score[:, np.minimum(frame, frames - 1)].swapaxes(0, 1))
    features = np.ascontiguousarray(feature[:, np.minimum(frame, frames - 1)].swapaxes(0, 1))

    # best[s, t, b]: of paths in block b that begin in state s and are now in t, the best one's sum.
    best = np.full((states, states, count), -np.inf, dtype=np.float32)
    best[np.arange(states), np.arange(states)] = scores[0]
    back = np.zeros((block, states, states, count), dtype=np.int8)
    for step in range(1, block):
        passage = transition(features[step - 1], features[step]) + scores[step]
        if beyond[step, -1]:
            passage[:, :, -1] = np.where(np.eye(states, dtype=bool), 0.0, -np.inf)
        best = _furthered(best, passage, back[step])

    first, last = _choose_block_states(best, transition(features[-1, :, :-1], features[0, :, 1:]))
    path = np.empty((block, count), dtype=np.intp)
    state = last
    for step in range(block - 1, 0, -1):
        path[step] = state
        state = back[step, first, state, np.arange(count)].astype(np.intp)
    path[0] = first
    return path.T.reshape(-1)[:frames]


def _furthered(best: Float32, passage: Float32, origin: npt.NDArray[np.int8]) -> Float32:
    """Return the best sums one frame later, and write where each came from to `origin`.

    A loop over the few states that a path may come from is several times as fast as an argmax along
    so short an axis.
    """
    furthest: Float32 = best[:, 0, None] + passage[0]
    for state in range(1, len(passage)):
        reached = best[:, state, None] + passage[state]
        np.copyto(origin, state, where=reached > furthest)
        np.maximum(furthest, reached, out=furthest)
    return furthest


def _choose_block_states(best: Float32, joints: Float32) -> tuple[Index, Index]:
    """Return the first and the last state of the best path in each block.

    Parameters
    ----------
    best : ndarray, shape (states, states, blocks)
        The best sums within each block, by its first and its last state.
    joints : ndarray, shape (states, states, blocks - 1)
        Scores of the passages from each block's last frame to the next one's first.
    """
    states, _, count = best.shape
    total = best[:, :, 0].max(axis=0)
    starts = np.zeros((count, states), dtype=np.intp)  # by the block's last state
    starts[0] = best[:, :, 0].argmax(axis=0)
    origins = np.zeros((count, states), dtype=np.intp)  # last state of the block before
    for place in range(1, count):
        entry = total[:, None] + joints[:, :, place - 1]
        origin = entry.argmax(axis=0)
        through = entry[origin, np.arange(states)][:, None] + best[:, :, place]
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
