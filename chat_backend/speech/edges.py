"""Where an utterance begins and ends: silence cut to a short, faded margin."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

BLOCK_S: Final = 0.005
# Below the loudest block; a soft f or th lies 35 to 45 dB below a vowel.
SILENCE_DB: Final = -55.0
MARGIN_S: Final = 0.05


def trimmed(signal: Array, *, sample_rate: int) -> Array:
    """Return the signal without the silence at its ends; empty if all of it is silence.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Mono.
    sample_rate : int
        In Hz.
    """
    block = max(1, round(BLOCK_S * sample_rate))
    padded = np.pad(signal, (0, -signal.size % block)).reshape(-1, block)
    power = np.mean(np.square(padded, dtype=np.float64), axis=1)
    if not power.size or not power.max() > 0.0:
        return signal[:0]
    heard = np.flatnonzero(power > power.max() * 10.0 ** (SILENCE_DB / 10.0))
    return signal[heard[0] * block : (heard[-1] + 1) * block]


def with_margins(signal: Array, *, sample_rate: int) -> Array:
    """Return the signal with a short silence before and after it, its own ends faded."""
    margin = round(MARGIN_S * sample_rate)
    fade = min(round(BLOCK_S * sample_rate), signal.size // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))).astype(np.float32)
    faded = signal.copy()
    faded[:fade] *= ramp
    faded[signal.size - fade :] *= ramp[::-1]
    return np.pad(faded, margin)


def joined(parts: list[Array], *, pause_s: float, sample_rate: int) -> Array:
    """Return the sentences one after the other with a pause between each two."""
    pause = np.zeros(round(pause_s * sample_rate), np.float32)
    pieces: list[Array] = []
    for part in parts:
        pieces += [pause, part]
    return np.concatenate(pieces[1:]) if pieces else np.zeros(0, np.float32)
