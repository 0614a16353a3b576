"""How strong each of the three carriers is: the balance of the voice's first three harmonics."""

from typing import Final

import numpy as np

from waves.dsp.grid import Float32
from waves.dsp.pitch import HARMONICS, PitchTrack
from waves.dsp.smoothing import bridged, smoothed

_SMOOTHING: Final = 5  # nodes: 50 ms, the length of the frames that were measured
# Of the strongest; a wave that is hardly there cannot be seen on water.
_LEAST: Final = 0.1


def harmonic_weights(track: PitchTrack) -> Float32:
    """Return the amplitudes of the three carriers at every node.

    They follow the amplitudes of the voice at f0, 2 f0 and 3 f0, run linearly through unvoiced
    speech, and are scaled so that the sum of the carriers has a root mean square of one.

    Returns
    -------
    ndarray, shape (3, nodes)
    """
    strongest = track.harmonics.max(axis=1, keepdims=True)
    known = track.voiced & (strongest[:, 0] > 0)
    if not known.any():
        # No voice to imitate: the even tilt of a relaxed one.
        balance = np.tile(1 / np.arange(1.0, HARMONICS + 1), (len(track.voiced), 1)).T
    else:
        relative = track.harmonics / np.where(strongest > 0, strongest, 1)
        balance = np.stack([smoothed(bridged(row, known), _SMOOTHING) for row in relative.T])
    balance = np.maximum(balance, _LEAST)
    # Sinusoids of different frequencies add in power; each has half its squared amplitude.
    weights: Float32 = (balance / np.sqrt((balance**2).sum(axis=0) / 2)).astype(np.float32)
    return weights
