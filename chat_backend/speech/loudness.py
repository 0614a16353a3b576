"""How loud speech is to the ear, and how it is brought to a level without clipping.

Loudness follows ITU-R BS.1770-4: K-weighting, 400 ms blocks that overlap by three quarters, an
absolute and a relative gate. The weighting is applied in the frequency domain with the responses of
the two published 48 kHz filters, so it holds at any sample rate.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# BS.1770-4, tables 1 and 2: (b0, b1, b2), (a0, a1, a2) at 48 kHz.
_FILTER_RATE_HZ: Final = 48_000
_HEAD: Final = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_LOW_CUT: Final = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
# Makes a 997 Hz sine at full scale read -3.01 LUFS.
_OFFSET_DB: Final = -0.691
BLOCK_S: Final = 0.4
STEP_S: Final = 0.1
ABSOLUTE_GATE_LUFS: Final = -70.0
RELATIVE_GATE_LU: Final = -10.0
# The limiter sees a peak this long before it comes; longer than a glottal pulse of a low voice.
LOOKAHEAD_S: Final = 0.012


def db_to_factor(decibels: float) -> float:
    """Return the amplitude factor of a level in dB."""
    return float(10.0 ** (decibels / 20.0))


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
    power = power[power > _power_of(ABSOLUTE_GATE_LUFS)]
    if not power.size:
        return -math.inf
    loud = power[power > np.mean(power) * 10.0 ** (RELATIVE_GATE_LU / 10.0)]
    return _OFFSET_DB + 10.0 * math.log10(float(np.mean(loud)))


def normalized(
    signal: Array, *, sample_rate: int, target_lufs: float, ceiling_dbfs: float
) -> Array:
    """Return the signal at a loudness, with no sample above a ceiling.

    The limiter takes a little loudness away, so it is measured and made up for once.

    Raises
    ------
    ValueError
        If the signal is silent: no gain makes silence loud.
    """
    shaped = signal
    for _ in range(2):
        measured = loudness(shaped, sample_rate=sample_rate)
        if not math.isfinite(measured):
            raise ValueError("a silent signal has no loudness")
        shaped = limited(
            shaped * np.float32(db_to_factor(target_lufs - measured)),
            sample_rate=sample_rate,
            ceiling_dbfs=ceiling_dbfs,
        )
    return shaped


def limited(signal: Array, *, sample_rate: int, ceiling_dbfs: float) -> Array:
    """Return the signal turned down around its peaks so that none exceeds a ceiling.

    The gain is the smallest that any sample within the look-ahead asks for, smoothed over the same
    length: it is down before a peak arrives and never jumps. A signal below the ceiling is returned
    unchanged.
    """
    ceiling = db_to_factor(ceiling_dbfs)
    size = np.abs(signal)
    if not signal.size or float(size.max()) <= ceiling:
        return signal
    wanted = np.minimum(1.0, ceiling / np.maximum(size, 1e-9))
    reach = int(LOOKAHEAD_S * sample_rate)
    held = _running_minimum(np.pad(wanted, reach, constant_values=1.0), 2 * reach + 1)
    held = np.pad(held, reach, mode="edge")
    window = np.hanning(2 * reach + 3)[1:-1]
    gain = _smoothed(held, window / window.sum())
    # Rounding may lift a sample above the ceiling by one part in ten million.
    return np.clip(signal * gain, -ceiling, ceiling).astype(np.float32)


def _smoothed(values: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the valid part of the convolution with `window`, by FFT."""
    size = _fast_length(values.size)
    product = np.fft.rfft(values, size) * np.fft.rfft(window, size)
    whole = np.fft.irfft(product, size)
    return whole[window.size - 1 : values.size]


def _running_minimum(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the minimum of every `length` neighbours, two passes whatever the length.

    Within blocks of `length`, a window is the tail of one block and the head of the next.
    """
    count = values.size - length + 1
    padded = np.pad(values, (0, -values.size % length), constant_values=np.inf)
    blocks = padded.reshape(-1, length)
    heads = np.minimum.accumulate(blocks, axis=1).ravel()
    tails = np.minimum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].ravel()
    return np.minimum(tails[:count], heads[length - 1 : length - 1 + count])


def _fast_length(size: int) -> int:
    return 1 << max(size - 1, 1).bit_length()


def _k_weighted(signal: Array, sample_rate: int) -> NDArray[np.float64]:
    # Half a second of zeros takes up the filters' decay, which would wrap around to the beginning.
    size = _fast_length(signal.size + sample_rate // 2)
    frequency = np.fft.rfftfreq(size, 1.0 / sample_rate)
    spectrum = np.fft.rfft(signal.astype(np.float64), size)
    # Above their own half rate the filters are not defined; speech has nothing there.
    turn = np.exp(-2j * np.pi * np.minimum(frequency / _FILTER_RATE_HZ, 0.5))
    for numerator, denominator in (_HEAD, _LOW_CUT):
        spectrum *= np.polyval(numerator[::-1], turn) / np.polyval(denominator[::-1], turn)
    return np.fft.irfft(spectrum, size)[: signal.size]


def _block_power(signal: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """Return the mean square of each block; what is shorter than a block is one block."""
    block, step = round(BLOCK_S * sample_rate), round(STEP_S * sample_rate)
    if not signal.size:
        return np.zeros(0)
    total = np.concatenate(([0.0], np.cumsum(signal * signal)))
    starts = np.arange(0, max(signal.size - block, 0) + 1, step)
    ends = np.minimum(starts + block, signal.size)
    return (total[ends] - total[starts]) / (ends - starts)


def _power_of(lufs: float) -> float:
    return float(10.0 ** ((lufs - _OFFSET_DB) / 10.0))
