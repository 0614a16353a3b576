"""The sound of all engines: 24 kHz mono, equally loud, never clipped, with short silent margins.

Loudness follows ITU-R BS.1770-4: K-weighting, 400 ms blocks that overlap by three quarters, an
absolute and a relative gate. The weighting is applied in the frequency domain with the responses of
the two published 48 kHz filters, so it holds at any sample rate.
"""

import math
import wave
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from waves.dsp import limiter
from waves.dsp.grid import between_nodes, cells

Array = NDArray[np.float32]

SAMPLE_RATE_HZ: Final = 24_000
TARGET_LUFS: Final = -20.0
# Between samples the sound is up to .1 dB higher, and must stay below -1 dBFS there as well.
CEILING_DBFS: Final = -1.5

# BS.1770-4, tables 1 and 2: (b0, b1, b2), (a0, a1, a2) at 48 kHz.
_FILTER_RATE_HZ: Final = 48_000
_HEAD: Final = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_LOW_CUT: Final = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_FFT: Final = 16_384  # samples; fits a core's cache
_DECAY_S: Final = 0.1  # by then the filters' response to a click is below a hundred-millionth
# Makes a 997 Hz sine at full scale read -3.01 LUFS.
_OFFSET_DB: Final = -0.691
_BLOCK_STEPS: Final = 4  # of STEP_S
STEP_S: Final = 0.1
ABSOLUTE_GATE_LUFS: Final = -70.0
RELATIVE_GATE_LU: Final = -10.0

# Cells of `waves.dsp.grid`, which are 3.3 ms at this rate: together the period of a low voice, so
# that the gain does not follow its pulses.
_LOOK_AHEAD: Final = 3

_EDGE_S: Final = 0.005  # of the blocks for detecting silence, and of the fades
# Below the loudest block; a soft f or th lies 35 to 45 dB below a vowel.
SILENCE_DB: Final = -55.0
MARGIN_S: Final = 0.05


def loudness(signal: Array, *, sample_rate: int) -> float:
    """Measure the gated loudness of a mono signal.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Full scale is 1.
    sample_rate : int
        In Hz.

    Returns
    -------
    float
        In LUFS; ``-inf`` for silence and for an empty signal.
    """
    power = _block_power(_k_weighted(signal, sample_rate), sample_rate)
    power = power[power > 10.0 ** ((ABSOLUTE_GATE_LUFS - _OFFSET_DB) / 10.0)]
    if not power.size:
        return -math.inf
    loud = power[power > np.mean(power) * 10.0 ** (RELATIVE_GATE_LU / 10.0)]
    return _OFFSET_DB + 10.0 * math.log10(float(np.mean(loud)))


def normalized(
    signal: Array,
    *,
    sample_rate: int,
    target_lufs: float = TARGET_LUFS,
    ceiling_dbfs: float = CEILING_DBFS,
) -> Array:
    """Return the signal at a loudness, by default that of all, with no sample above a ceiling.

    Raises
    ------
    ValueError
        If the signal is silent: no gain makes silence loud.
    """
    measured = loudness(signal, sample_rate=sample_rate)
    if not math.isfinite(measured):
        raise ValueError("a silent signal has no loudness")
    level = signal * np.float32(_factor(target_lufs - measured))
    quieter = limited(level, ceiling_dbfs=ceiling_dbfs)
    if quieter is level:
        return level
    # The limiter reduces the loudness a little, which is corrected once.
    measured = loudness(quieter, sample_rate=sample_rate)
    louder = quieter * np.float32(_factor(target_lufs - measured))
    return limited(louder, ceiling_dbfs=ceiling_dbfs)


def limited(signal: Array, *, ceiling_dbfs: float) -> Array:
    """Return the signal attenuated around its peaks, so that no sample exceeds a ceiling.

    A signal below the ceiling is returned unchanged; `waves.dsp.limiter` explains the method.
    """
    ceiling = np.float32(_factor(ceiling_dbfs))
    if not signal.size or float(np.abs(signal).max()) <= ceiling:
        return signal
    rows = cells(signal)
    level = limiter.around_nodes(np.abs(rows).max(axis=1))
    gain = limiter.gain(level, ceiling=float(ceiling), look_ahead=_LOOK_AHEAD)
    turned_down = rows * between_nodes(gain.astype(np.float32))
    # Rounding may lift a sample above the ceiling by one part in ten million.
    kept: Array = np.clip(turned_down, -ceiling, ceiling).reshape(-1)[: signal.size]
    return kept


def trimmed(signal: Array, *, sample_rate: int) -> Array:
    """Return the signal without the silence at its ends; empty if all of it is silence."""
    begin, end = audible(signal, sample_rate=sample_rate)
    return signal[begin:end]


def audible(signal: Array, *, sample_rate: int) -> tuple[int, int]:
    """Return where the sound in a signal begins and ends; twice the same if there is none.

    Parameters
    ----------
    signal : ndarray, shape (samples,)
        Mono.
    sample_rate : int
        In Hz.
    """
    block = max(1, round(_EDGE_S * sample_rate))
    rows = _rows(signal, block)
    power = np.einsum("ij,ij->i", rows, rows) / block
    if not power.size or not power.max() > 0.0:
        return 0, 0
    loud = np.flatnonzero(power > power.max() * 10.0 ** (SILENCE_DB / 10.0))
    return int(loud[0]) * block, min(signal.size, (int(loud[-1]) + 1) * block)


def with_margins(signal: Array, *, sample_rate: int) -> Array:
    """Return the signal with faded ends and a short silence before and after it."""
    margin = round(MARGIN_S * sample_rate)
    fade = min(round(_EDGE_S * sample_rate), signal.size // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))).astype(np.float32)
    padded = np.pad(signal, margin)
    padded[margin : margin + fade] *= ramp
    padded[margin + signal.size - fade : margin + signal.size] *= ramp[::-1]
    return padded


def joined(parts: list[Array], *, pause_s: float, sample_rate: int) -> Array:
    """Return the sentences one after the other with a pause between each two."""
    pause = np.zeros(round(pause_s * sample_rate), np.float32)
    pieces: list[Array] = []
    for part in parts:
        pieces += [pause, part]
    return np.concatenate(pieces[1:]) if pieces else np.zeros(0, np.float32)


def write_wav(signal: Array, path: Path) -> None:
    """Write mono PCM_16 at 24 kHz.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.rint(signal * np.float32(32767.0)).astype("<i2").tobytes())


def _factor(decibels: float) -> float:
    """Return the amplitude factor of a level in dB."""
    return float(10.0 ** (decibels / 20.0))


def _rows(signal: Array, length: int) -> Array:
    """Return the signal as rows of a length, zeros at the end."""
    rows: Array = np.pad(signal, (0, -signal.size % length)).reshape(-1, length)
    return rows


def _k_weighted(signal: Array, sample_rate: int) -> Array:
    """Return the K-weighted signal, by FFT in overlapping blocks (overlap-save)."""
    decay = round(_DECAY_S * sample_rate)
    hop = _FFT - decay
    count = max(1, -(-signal.size // hop))
    padded = np.zeros(decay + count * hop, np.float32)
    padded[decay : decay + signal.size] = signal
    blocks = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::hop]
    spectrum = scipy.fft.rfft(blocks, axis=1)
    spectrum *= _k_response(sample_rate)
    # The filters' decay has wrapped around to the beginning of each block.
    weighted = scipy.fft.irfft(spectrum, _FFT, axis=1, overwrite_x=True)[:, decay:]
    whole: Array = weighted.reshape(-1)[: signal.size]
    return whole


@cache
def _k_response(sample_rate: int) -> NDArray[np.complex64]:
    """Return the weighting at the frequencies of a block's transform, shape (_FFT // 2 + 1,)."""
    frequency = scipy.fft.rfftfreq(_FFT, 1.0 / sample_rate)
    # Above half their own rate the filters are undefined; speech has no energy there.
    turn = np.exp(-2j * np.pi * np.minimum(frequency / _FILTER_RATE_HZ, 0.5))
    response = np.ones(turn.size, np.complex128)
    for numerator, denominator in (_HEAD, _LOW_CUT):
        response *= np.polyval(numerator[::-1], turn) / np.polyval(denominator[::-1], turn)
    return response.astype(np.complex64)


def _block_power(signal: Array, sample_rate: int) -> NDArray[np.float64]:
    """Return the mean square of each block; a shorter signal is one block."""
    step = round(STEP_S * sample_rate)
    if signal.size < _BLOCK_STEPS * step:
        return np.array([float(signal @ signal) / max(signal.size, 1)])
    steps = signal[: signal.size // step * step].reshape(-1, step)
    energy = np.einsum("ij,ij->i", steps, steps).astype(np.float64)
    return np.convolve(energy, np.full(_BLOCK_STEPS, 1 / (_BLOCK_STEPS * step)), mode="valid")
