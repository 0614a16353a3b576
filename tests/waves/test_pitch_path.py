"""The search over many blocks at once against the plain one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from waves.dsp.grid import Float32
from waves.dsp.pitch_path import best_path

STATES = 4


def transition(before: Float32, now: Float32) -> Float32:
    """Return the score of passing between two features: minus their distance."""
    distance: Float32 = np.abs(before[:, None] - now)
    return -distance


def total(
    path: np.ndarray[tuple[int], np.dtype[np.intp]], score: Float32, feature: Float32
) -> float:
    """Return what a path is worth."""
    columns = np.arange(len(path))
    along = feature[path, columns]
    return float(score[path, columns].sum() - np.abs(np.diff(along)).sum())


def best_total(score: Float32, feature: Float32) -> float:
    """Return the worth of the best path, found one frame at a time."""
    best = score[:, 0].astype(np.float64)
    for frame in range(1, score.shape[1]):
        step = transition(feature[:, frame - 1 : frame], feature[:, frame : frame + 1])[:, :, 0]
        best = (best[:, None] + step).max(axis=0) + score[:, frame]
    return float(best.max())


@settings(max_examples=60, deadline=None)
@given(frames=st.integers(1, 400), seed=st.integers(0, 2**32 - 1), rough=st.floats(0.01, 10))
def test_finds_a_best_path(frames: int, seed: int, rough: float) -> None:
    """No path is worth more, however the frames fall into blocks."""
    random = np.random.default_rng(seed)
    score = random.standard_normal((STATES, frames)).astype(np.float32)
    feature = (rough * random.standard_normal((STATES, frames))).astype(np.float32)
    path = best_path(score, feature, transition)
    assert path.shape == (frames,)
    np.testing.assert_allclose(
        total(path, score, feature), best_total(score, feature), rtol=1e-4, atol=1e-3
    )


def test_avoids_what_is_impossible() -> None:
    """A state of score minus infinity is never chosen where another one exists."""
    score = np.zeros((STATES, 200), dtype=np.float32)
    score[:3, ::2] = -np.inf
    path = best_path(score, np.zeros_like(score), transition)
    assert (path[::2] == 3).all()
