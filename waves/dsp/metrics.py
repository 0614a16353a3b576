"""Measures how well a wave-mix matches its speech, without using any step of the synthesis.

The frames are those of the first version of this algorithm, so that figures can be compared.
"""

from typing import Final

import numpy as np
from msgspec import Struct

from waves.dsp.grid import Bool, Float32, Float64

FRAME: Final = 512  # samples: 64 ms at 8 kHz
HOP: Final = 128  # samples: 16 ms
# Frames within 40 dB of the loudest are active; softer ones are breath and room.
ACTIVE_DB: Final = -40.0


class Metrics(Struct, frozen=True, kw_only=True):
    """The quality of a wave-mix.

    Attributes
    ----------
    rmse
        Root mean square of the sample-by-sample difference; silence has the best.
    envelope_correlation
        Pearson's, of the two root-mean-square envelopes; None if one of them is constant.
    level_error_db
        Median magnitude of the level difference over active frames; None if there is none.
    """

    rmse: float
    envelope_correlation: float | None
    level_error_db: float | None


def rms_envelope(samples: Float32) -> Float64:
    """Return the root mean square of 64 ms every 16 ms, frames centred and padded with silence."""
    count = -(-len(samples) // HOP)
    padded = np.zeros(count * HOP, dtype=np.float32)
    padded[: len(samples)] = samples
    blocks = padded.reshape(count, HOP)
    energy = np.einsum("ij,ij->i", blocks, blocks).astype(np.float64)
    return np.sqrt(np.convolve(energy, np.ones(FRAME // HOP)) / FRAME)


def active_frames(envelope: Float64) -> Bool:
    """Return which frames of an envelope are loud enough to count."""
    active: Bool = (envelope > 0) & (envelope >= envelope.max(initial=0.0) * 10 ** (ACTIVE_DB / 20))
    return active


def measure(speech: Float32, mix: Float32) -> Metrics:
    """Compare a wave-mix with its speech, both at 8 kHz and of the same length."""
    difference = speech - mix
    rmse = float(np.sqrt(np.mean(difference * difference, dtype=np.float64)))
    ours, theirs = rms_envelope(mix), rms_envelope(speech)
    return Metrics(
        rmse=rmse,
        envelope_correlation=_correlation(ours, theirs),
        level_error_db=_level_error_db(ours, theirs),
    )


def _correlation(one: Float64, other: Float64) -> float | None:
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    # Rounding gives a constant envelope a little variance, but it has no shape to compare.
    return float(one @ other) / scale if scale > 1e-9 else None


def _level_error_db(mix: Float64, speech: Float64) -> float | None:
    active = active_frames(speech)
    if not active.any():
        return None
    ratio = np.maximum(mix[active], 1e-9) / speech[active]
    return float(np.median(np.abs(20 * np.log10(ratio))))
