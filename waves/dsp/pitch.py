"""Pitch by autocorrelation, after P. Boersma.

A windowed frame's autocorrelation is divided by that of the window itself, which gives the
autocorrelation of the sound without the window's taper. Its highest peaks are the frame's
candidates, "unvoiced" is one more, and a search over time chooses among them.

References
----------
P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise
ratio of a sampled sound", Proc. Inst. Phonetic Sciences Amsterdam 17 (1993), 97-110.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from waves.dsp.grid import CELL, SAMPLE_RATE_HZ, Bool, Float32, Float64, cell_count

FLOOR_HZ: Final = 60.0
CEILING_HZ: Final = 500.0
HARMONICS: Final = 3

# Above 2 kHz a voice has more noise than pitch, so half the samples are enough.
_RATE_HZ: Final = SAMPLE_RATE_HZ // 2
_HOP: Final = CELL // 2  # samples
_WINDOW: Final = 200  # samples: 50 ms, three periods of the lowest voice
# Samples. The longest lag wraps around onto the outermost 12 samples of both ends of the window,
# whose taper is so low that this adds 1e-5 to the autocorrelation.
_FFT: Final = 256
_CANDIDATES: Final = 4
_CHUNK: Final = 256  # frames whose spectra fit a core's cache together

_VOICING_THRESHOLD: Final = 0.25  # normalised autocorrelation at which voiced beats unvoiced
_SILENCE_LEVEL: Final = 0.05  # of the loudest frame's amplitude; below, frames lean to unvoiced
# Power in the inner half of a frame, relative to all of it, below which the voice is only at the
# frame's edges: it has just ended, or is about to begin.
_PRESENCE: Final = 0.5
_OCTAVE_COST: Final = 0.03  # a preference for the shorter of two equal periods, per octave
_OCTAVE_JUMP_COST: Final = 0.50  # for an octave within 10 ms
_VOICING_COST: Final = 0.30  # for a change between voiced and unvoiced

_SHORTEST: Final = _RATE_HZ / CEILING_HZ  # samples
_LONGEST: Final = _RATE_HZ / FLOOR_HZ
# Half samples: a parabola through whole ones would flatten the sharp peaks of high voices and so
# favour their double and triple periods. One more on each side, since a peak needs neighbours.
_LAG_STEP: Final = 0.5  # samples
_LAGS: Final = (
    _LAG_STEP * np.arange(2 * int(_SHORTEST) - 1, 2 * int(np.ceil(_LONGEST)) + 2)
).astype(np.float32)
_LAG_COST: Final = (_OCTAVE_COST * np.log2(_LAGS / _SHORTEST)).astype(np.float32)


class PitchTrack(NamedTuple):
    """The pitch at every node.

    Attributes
    ----------
    f0_hz : ndarray, shape (nodes,)
        Fundamental frequency; zero where unvoiced.
    voiced : ndarray of bool, shape (nodes,)
    harmonics : ndarray, shape (nodes, 3)
        Amplitudes of the first three harmonics, in any unit; zero where unvoiced.
    """

    f0_hz: Float32
    voiced: Bool
    harmonics: Float32


class _Candidates(NamedTuple):
    """Peaks of each frame, in any order; absent ones have strength minus infinity."""

    f0_hz: Float32  # (frames, candidates)
    strength: Float32  # (frames, candidates), normalised autocorrelation
    harmonics: Float32  # (frames, candidates, 3)
    amplitude: Float32  # (frames,)
    presence: Float32  # (frames,), power in the inner half relative to all of the frame


def _window() -> tuple[Float32, Float32, Float32]:
    """Return the window and two matrices.

    The first turns power spectra into autocorrelations corrected for the window, the second turns
    squared tapered samples into the energy of a frame and of its inner half.
    """
    window = np.hanning(_WINDOW + 2)[1:-1]
    power = np.abs(np.fft.rfft(window, _FFT)) ** 2
    bins = np.arange(_FFT // 2 + 1)
    fold = np.where((bins == 0) | (bins == _FFT // 2), 1.0, 2.0) / _FFT
    to_lags = np.cos(2 * np.pi / _FFT * np.outer(bins, _LAGS)) * fold[:, None]
    own = (power @ to_lags) / (power @ fold)
    inner = np.zeros(_WINDOW)
    inner[_WINDOW // 4 : -_WINDOW // 4] = np.hanning(_WINDOW // 2 + 2)[1:-1] ** 2
    inner *= (window @ window) / inner.sum()
    energies = np.stack([np.ones(_WINDOW), inner / window**2], axis=1)
    return (
        window.astype(np.float32),
        (to_lags / own).astype(np.float32),
        energies.astype(np.float32),
    )


_TAPER, _TO_LAGS, _TO_ENERGIES = _window()


def track_pitch(samples: Float32) -> PitchTrack:
    """Return the pitch track of a sound at 8 kHz.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Finite samples, at least one.

    Returns
    -------
    PitchTrack
        With ``cell_count(n) + 1`` nodes.
    """
    nodes = cell_count(len(samples)) + 1
    low = soxr.resample(samples, SAMPLE_RATE_HZ, _RATE_HZ)
    padded = np.zeros((nodes - 1) * _HOP + _WINDOW, dtype=np.float32)
    padded[_WINDOW // 2 : _WINDOW // 2 + len(low)] = low
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    chunks = [_candidates(frames[at : at + _CHUNK]) for at in range(0, nodes, _CHUNK)]
    return _choose(_Candidates(*(np.concatenate(parts) for parts in zip(*chunks, strict=True))))


def _candidates(frames: Float32) -> _Candidates:
    """Return the highest autocorrelation peaks of a chunk of frames."""
    tapered = frames - frames.mean(axis=1, keepdims=True)
    tapered *= _TAPER
    spectrum = np.fft.rfft(tapered, _FFT)
    power = spectrum.real**2 + spectrum.imag**2
    energy, inner = ((tapered * tapered) @ _TO_ENERGIES).T
    audible = np.maximum(energy, np.float32(1e-20))
    correlation = power @ _TO_LAGS
    correlation /= audible[:, None]

    # NumPy's type annotations lose the 32 bits of the transform; its values do not.
    f0_hz, strength = _peaks(correlation.astype(np.float32, copy=False))
    bins = np.rint(f0_hz[:, :, None] * np.arange(1, HARMONICS + 1) * (_FFT / _RATE_HZ))
    rows = np.arange(len(frames))[:, None, None]
    harmonics = np.sqrt(power[rows, bins.astype(np.intp)])
    return _Candidates(f0_hz, strength, harmonics, np.sqrt(energy), inner / audible)


def _peaks(correlation: Float32) -> tuple[Float32, Float32]:
    """Return frequency and height of the best peaks of each row, in no order."""
    rising = correlation[:, 1:] > correlation[:, :-1]
    peak = np.zeros(correlation.shape, dtype=np.bool_)
    peak[:, 1:-1] = rising[:, :-1] & ~rising[:, 1:] & (correlation[:, 1:-1] > 0)
    at = np.flatnonzero(peak)
    row, column = np.divmod(at, correlation.shape[1])
    # The parabola through a peak and its neighbours gives its true place and height.
    flat = correlation.reshape(-1)
    left, top, right = flat[at - 1], flat[at], flat[at + 1]
    slope = left - right
    shift = np.float32(0.5) * slope / np.minimum(left - 2 * top + right, np.float32(-1e-9))
    lag = _LAGS[column] + np.float32(_LAG_STEP) * shift
    height = top - np.float32(0.25) * slope * shift

    # One line of peaks for each row, as long as the longest, to find the best of each.
    count = np.bincount(row, minlength=len(correlation))
    first = np.cumsum(count) - count
    worth = np.full((len(peak), max(_CANDIDATES, int(count.max()))), -np.inf, dtype=np.float32)
    worth[row, np.arange(len(row)) - first[row]] = height - _LAG_COST[column]
    place = np.argpartition(worth, -_CANDIDATES, axis=1)[:, -_CANDIDATES:]
    # Rows with too few peaks point to an absent one at the end.
    index = np.where(place < count[:, None], first[:, None] + place, len(row))
    absent = np.array([CEILING_HZ, -np.inf], dtype=np.float32)
    f0_hz = np.clip(np.float32(_RATE_HZ) / lag, np.float32(FLOOR_HZ), np.float32(CEILING_HZ))
    return np.append(f0_hz, absent[0])[index], np.append(height, absent[1])[index]


def _choose(candidates: _Candidates) -> PitchTrack:
    """Return the best path through the candidates."""
    f0_hz, strength, harmonics, amplitude, presence = candidates
    frames = len(f0_hz)
    loudness = amplitude / max(float(amplitude.max()), 1e-9)
    quiet = np.maximum(0, 2 - loudness / (_SILENCE_LEVEL / (1 + _VOICING_THRESHOLD)))
    # The first state is unvoiced, the others are the candidates.
    score = np.empty((frames, _CANDIDATES + 1))
    score[:, 0] = _VOICING_THRESHOLD + quiet + np.maximum(0, 1 - presence / _PRESENCE)
    score[:, 1:] = strength - _OCTAVE_COST * np.log2(CEILING_HZ / f0_hz)
    state = best_path(score, _passages(np.log2(f0_hz)))

    rows, column = np.arange(frames), np.maximum(state - 1, 0)
    voiced = state > 0
    return PitchTrack(
        f0_hz=np.where(voiced, f0_hz[rows, column], np.float32(0)),
        voiced=voiced,
        harmonics=harmonics[rows, column] * voiced[:, None],
    )


def _passages(octave: Float32) -> Float64:
    """Return the scores of passing between the states of successive nodes, see `best_path`."""
    score = np.full((len(octave) - 1, _CANDIDATES + 1, _CANDIDATES + 1), -_VOICING_COST)
    score[:, 0, 0] = 0
    score[:, 1:, 1:] = -_OCTAVE_JUMP_COST * np.abs(octave[:-1, :, None] - octave[1:, None, :])
    return score


def best_path(score: Float64, passage: Float64) -> npt.NDArray[np.intp]:
    """Return the state in each frame that maximises the sum of scores and passages.

    Parameters
    ----------
    score : ndarray, shape (frames, states)
        How good each state is by itself.
    passage : ndarray, shape (frames - 1, states from, states to)
        How good it is to pass from a state to one in the next frame.

    Returns
    -------
    ndarray of int, shape (frames,)

    References
    ----------
    A. Viterbi, "Error bounds for convolutional codes", IEEE Trans. Inf. Theory 13 (1967), 260-269.
    """
    arrivals = passage + score[1:, None, :]
    best = np.empty_like(score)
    best[0] = score[0]
    for earlier, arrival, later in zip(best[:-1, :, None], arrivals, best[1:], strict=True):
        np.add(arrival, earlier, out=arrival)
        np.maximum.reduce(arrival, 0, None, later)
    path = [int(best[-1].argmax())]
    for row in arrivals.argmax(axis=1)[::-1].tolist():
        path.append(row[path[-1]])
    return np.array(path[::-1], dtype=np.intp)
