"""The three carriers: a slow image of the voice's melody, at a speed that water can follow.

The range of the voice, 3rd to 97th percentile of f0, becomes the range of the base carrier; the
other two run at exactly twice and three times its frequency. The phase is one continuous line, so
nothing jumps however the pitch may leap.
"""

from typing import Final

import numpy as np

from waves.dsp.grid import CELL, SAMPLE_RATE_HZ, Float32, Float64
from waves.dsp.pitch import PitchTrack
from waves.dsp.smoothing import bridged, smoothed

# Three times the top, and the sidebands of a changing amplitude around it, stay below 240 Hz; those
# around the bottom stay above 15 Hz. From 21 Hz, a voice that ends its phrases low had 0.8 % of its
# energy below 15 Hz; from here the worst of 31 clips has 0.07 %.
LOWEST_HZ: Final = 27.0
HIGHEST_HZ: Final = 76.0

_PERCENTILES: Final = (3.0, 97.0)  # what lies outside is mostly the tracker's error
# A monotone voice shall not swing through the whole range for a trembling of a few hertz.
_LEAST_RANGE: Final = 1.25  # top over bottom, about four semitones
_SMOOTHING: Final = 7  # nodes: 70 ms; rounds the corners of the bridges

_POSITION: Final = np.arange(CELL, dtype=np.float32)


def carrier_frequency(track: PitchTrack) -> Float64:
    """Return the frequency of the base carrier at every node, in hertz.

    Unvoiced speech is bridged by a straight line of log-frequency. A sound without any voice gets
    the middle of the range.
    """
    if not track.voiced.any():
        return np.full(len(track.voiced), (LOWEST_HZ + HIGHEST_HZ) / 2)
    bottom, top = _range_of(track.f0_hz[track.voiced])
    if top < bottom * _LEAST_RANGE:
        middle = np.sqrt(bottom * top)
        bottom, top = middle / np.sqrt(_LEAST_RANGE), middle * np.sqrt(_LEAST_RANGE)
    octaves = bridged(np.log2(np.where(track.voiced, track.f0_hz, 1.0)), track.voiced)
    place = np.clip((2.0**octaves - bottom) / (top - bottom), 0.0, 1.0)
    return smoothed(LOWEST_HZ + place * (HIGHEST_HZ - LOWEST_HZ), _SMOOTHING)


def _range_of(voiced_hz: Float32) -> Float64:
    """Return the percentiles; `numpy.percentile` does the same and takes longer than a sort."""
    places = np.array(_PERCENTILES) / 100 * (len(voiced_hz) - 1)
    return np.interp(places, np.arange(len(voiced_hz)), np.sort(voiced_hz))


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
    carrier is turned over: with signs + + - the sum of three equal carriers peaks at 2.1 instead of
    3 times one of them, so that the limiter has less to do.
    """
    # Angle at the cell's beginning, its gain from sample to sample, and how that gain grows.
    angle = _column(2 * np.pi * phase[:-1])
    gain = _column(2 * np.pi / SAMPLE_RATE_HZ * frequency_hz[:-1])
    growth = _column(np.pi / (CELL * SAMPLE_RATE_HZ) * np.diff(frequency_hz))
    base = growth * _POSITION
    base += gain
    base *= _POSITION
    base += angle
    np.cos(base, out=base)
    second = base * base
    third = second * -4
    third += 3
    third *= base
    second *= 2
    second -= 1
    return base, second, third


def _column(values: Float64) -> Float32:
    column: Float32 = values.astype(np.float32)[:, None]
    return column
