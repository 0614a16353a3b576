"""The three carriers: the voice's melody at a speed that water can follow.

The range of the voice, 3rd to 97th percentile of f0, becomes the range of the base carrier; the
other two run at exactly twice and three times its frequency. The phase is one continuous line, so
nothing jumps, even if the pitch does. Each carrier is as strong as one of the voice's first three
harmonics.
"""

from typing import Final

import numpy as np

from waves.dsp.grid import CELL, SAMPLE_RATE_HZ, Float32, Float64, bridged, smoothed
from waves.dsp.pitch import HARMONICS, PitchTrack

# Three times the top, and the sidebands of a changing amplitude around it, stay below 240 Hz; those
# around the bottom stay above 15 Hz. From 21 Hz, a voice with low phrase endings had 0.8 % of its
# energy below 15 Hz; from here the worst of 31 clips has 0.07 %.
LOWEST_HZ: Final = 27.0
HIGHEST_HZ: Final = 76.0

_PERCENTILES: Final = (3.0, 97.0)  # values outside are mostly errors of the tracker
# A few hertz of variation in a monotone voice must not fill the whole range.
_LEAST_RANGE: Final = 1.25  # top over bottom, about four semitones
_MELODY_SMOOTHING: Final = 7  # nodes: 70 ms; rounds the corners of the bridges

_WEIGHT_SMOOTHING: Final = 5  # nodes: 50 ms, the length of the frames that were measured
# Of the strongest; a weaker wave cannot be seen on water.
_LEAST_WEIGHT: Final = 0.1

_POSITION: Final = np.arange(CELL, dtype=np.float32)


def carrier_frequency(
    track: PitchTrack, *, low_hz: float = LOWEST_HZ, high_hz: float = HIGHEST_HZ
) -> Float64:
    """Return the frequency of a carrier at every node, in hertz: by default, of the base carrier.

    Unvoiced speech is bridged by a straight line of log-frequency. A sound without voice has
    the middle of the range.
    """
    if not track.voiced.any():
        return np.full(len(track.voiced), (low_hz + high_hz) / 2)
    bottom, top = np.percentile(track.f0_hz[track.voiced].astype(np.float64), _PERCENTILES)
    if top < bottom * _LEAST_RANGE:
        middle = np.sqrt(bottom * top)
        bottom, top = middle / np.sqrt(_LEAST_RANGE), middle * np.sqrt(_LEAST_RANGE)
    octaves = bridged(np.log2(np.where(track.voiced, track.f0_hz, 1.0)), track.voiced)
    place = np.clip((2.0**octaves - bottom) / (top - bottom), 0.0, 1.0)
    return smoothed(low_hz + place * (high_hz - low_hz), _MELODY_SMOOTHING)


def node_phase(frequency_hz: Float64) -> Float64:
    """Return the base carrier's phase at every node, in turns within [0, 1).

    Within a cell the frequency runs linearly, so the phase gains its mean.
    """
    gain = (frequency_hz[:-1] + frequency_hz[1:]) * (0.5 * CELL / SAMPLE_RATE_HZ)
    # Reduced to one turn: 32-bit cosines of a large phase would be noise after some minutes.
    return np.concatenate(([0.0], np.cumsum(gain))) % 1.0


def carriers(frequency_hz: Float64, phase: Float64) -> tuple[Float32, Float32, Float32]:
    """Return the three carriers between nodes, each of shape (nodes - 1, CELL).

    Parameters
    ----------
    frequency_hz, phase : ndarray, shape (nodes,)
        The base carrier's frequency, and its phase in turns, at the nodes.

    Notes
    -----
    Only one cosine is computed; cos 2x = 2 cos² x - 1 and cos 3x = cos x (4 cos² x - 3). The third
    carrier is inverted: with signs + + - the sum of three equal carriers peaks at 2.1 instead of
    3 times one of them, so that the limiter has less to do.
    """
    base = angles(frequency_hz, phase)
    np.cos(base, out=base)
    second = base * base
    third = second * -4
    third += 3
    third *= base
    second *= 2
    second -= 1
    return base, second, third


def turned_carriers(frequency_hz: Float64, phase: Float64) -> tuple[Float32, Float32, Float32]:
    """Return the same three carriers, each a quarter of its own turn ahead.

    Notes
    -----
    sin 2x = 2 sin x cos x and sin 3x = sin x (4 cos² x - 1).
    """
    angle = angles(frequency_hz, phase)
    cosine, sine = np.cos(angle), np.sin(angle)
    third = cosine * cosine
    third *= 4
    third -= 1
    third *= sine
    second = cosine
    second *= sine
    second *= -2
    return np.negative(sine, out=sine), second, third


def sinusoid(frequency_hz: Float64, phase: Float64) -> Float32:
    """Return one carrier between nodes, shape (nodes - 1, CELL); see `angles`."""
    angle = angles(frequency_hz, phase)
    return np.cos(angle, out=angle)


def angles(frequency_hz: Float64, phase: Float64) -> Float32:
    """Return a carrier's angle in radians between nodes, shape (nodes - 1, CELL).

    Parameters
    ----------
    frequency_hz, phase : ndarray, shape (nodes,)
        Its frequency, and its phase in turns, at the nodes.
    """
    # Angle at the cell's beginning, its increment per sample, and the growth of the increment.
    gain = _column(2 * np.pi / SAMPLE_RATE_HZ * frequency_hz[:-1])
    growth = _column(np.pi / (CELL * SAMPLE_RATE_HZ) * np.diff(frequency_hz))
    angle = growth * _POSITION
    angle += gain
    angle *= _POSITION
    angle += _column(2 * np.pi * phase[:-1])
    return angle


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
        # Without voice: the spectral tilt of a relaxed voice.
        balance = np.tile(1 / np.arange(1.0, HARMONICS + 1), (len(track.voiced), 1)).T
    else:
        relative = track.harmonics / np.where(strongest > 0, strongest, 1)
        balance = np.stack([smoothed(bridged(row, known), _WEIGHT_SMOOTHING) for row in relative.T])
    balance = np.maximum(balance, _LEAST_WEIGHT)
    # Sinusoids of different frequencies add in power; each has half its squared amplitude.
    weights: Float32 = (balance / np.sqrt((balance**2).sum(axis=0) / 2)).astype(np.float32)
    return weights


def _column(values: Float64) -> Float32:
    column: Float32 = values.astype(np.float32)[:, None]
    return column
