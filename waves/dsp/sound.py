"""Checks the input and converts it to finite mono samples at 8 kHz."""

import io
import math
import mmap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from shared_schema import wav_sizes
from waves.dsp.grid import SAMPLE_RATE_HZ, Float32, Float64
from waves.errors import TooLong, UnreadableSound, UnsuitableSound

LOWEST_RATE_HZ: Final = 8_000
HIGHEST_RATE_HZ: Final = 192_000
# 30 minutes at 24 kHz took 660 MB at the peak; utterances of a minute take 63 MB.
MAX_DURATION_S: Final = 1800.0

_BLOCK_S: Final = 10  # read and resampled at a time
# Mixed to mono, channels that cancel each other leave less than this of their power.
_LEAST_MIXED: Final = 0.4
# A float file with larger samples is damaged: full scale is 1, and 32-bit squares overflow.
_LARGEST_SAMPLE: Final = 1e6


def load(path: Path, *, max_duration_s: float = MAX_DURATION_S) -> Float32:
    """Return a sound file as mono at 8 kHz.

    Parameters
    ----------
    path : Path
        WAV, FLAC, OGG, MP3 or any other format of libsndfile; 8 to 192 kHz.
    max_duration_s : float
        Longer sounds are refused before they are read, in seconds.

    Returns
    -------
    ndarray of float32, shape (n,)

    Raises
    ------
    UnreadableSound
        If the file is missing, is not a sound, or is damaged.
    UnsuitableSound
        If it is empty, too long, has an unusual rate, or samples that are not finite.
    """
    try:
        blocks: list[Float32] = []
        duration_s = 0.0
        for file in _opened(path):
            _check_rate(file.samplerate)
            duration_s += file.frames / file.samplerate
            if duration_s > max_duration_s:
                raise TooLong(
                    f"{path.name} lasts {duration_s:.0f} s; the limit is {max_duration_s:.0f} s"
                )
            blocks += _resampled(_mono_blocks(file), sample_rate_hz=file.samplerate)
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        # libsndfile's own message; soundfile raises TypeError for headerless formats.
        reason = getattr(error, "error_string", None) or str(error)
        raise UnreadableSound(f"{path.name} cannot be read as sound: {reason}") from error
    return _centred(blocks, path.name)


def checked(samples: Float32 | Float64, *, sample_rate_hz: int) -> Float32:
    """Return samples as mono at 8 kHz; see `load` for the errors.

    Parameters
    ----------
    samples : ndarray, shape (n,) or (n, channels)
    sample_rate_hz : int
    """
    _check_rate(sample_rate_hz)
    if samples.ndim not in (1, 2):
        raise UnsuitableSound(f"the samples have {samples.ndim} dimensions instead of 1 or 2")
    mono = samples if samples.ndim == 1 else _mixer(iter([samples]))(samples)
    # A 64-bit value beyond the range of 32 bits becomes infinite, and is refused below.
    with np.errstate(over="ignore"):
        block = mono.astype(np.float32)
    return _centred(list(_resampled(iter([block]), sample_rate_hz=sample_rate_hz)), "the sound")


def _check_rate(sample_rate_hz: int) -> None:
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise UnsuitableSound(
            f"the sample rate is {sample_rate_hz} Hz; "
            f"{LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} Hz are accepted"
        )


def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Yield the sounds in a file: one, or each of several WAVs in a row, with sizes corrected."""
    content = _odd_wav(path) if path.is_file() else b""
    if not content:
        with soundfile.SoundFile(path) as file:
            yield file
        return
    for part in wav_sizes.parts_of(content):
        with soundfile.SoundFile(io.BytesIO(part.data)) as file:
            yield file


def _odd_wav(path: Path) -> bytes:
    """Return a WAV that libsndfile would not read completely; nothing of any other file."""
    with path.open("rb") as file:
        if file.read(4) not in (b"RIFF", b"RIFX"):
            return b""
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content[:] if wav_sizes.is_odd(content) else b""


def _mono_blocks(file: soundfile.SoundFile) -> Iterator[Float32]:
    """Return all channels as one, some seconds at a time."""
    if file.channels == 1:
        yield from (block[:, 0] for block in _blocks(file))
        return
    mixed = _mixer(_blocks(file))
    file.seek(0)
    yield from map(mixed, _blocks(file))


def _blocks(file: soundfile.SoundFile) -> Iterator[Float32]:
    # The header may declare more than there is, so the file is read to its end.
    while len(block := file.read(_BLOCK_S * file.samplerate, dtype="float32", always_2d=True)):
        yield block


def _mixer(blocks: Iterator[Float32 | Float64]) -> Callable[[Float32 | Float64], Float32]:
    """Return a function that mixes the channels of a sound to one.

    It returns their mean, or the loudest if they cancel each other.
    """
    power: Float64 = np.zeros(1)
    mixed = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for block in blocks:
            power = power + np.square(block, dtype=np.float64).sum(axis=0)
            mixed += float(np.square(block.mean(axis=1, dtype=np.float64)).sum())
    if mixed < _LEAST_MIXED * power.mean():
        loudest = int(power.argmax())
        return lambda block: block[:, loudest].astype(np.float32)
    return lambda block: block.mean(axis=1).astype(np.float32)


def _resampled(blocks: Iterator[Float32], *, sample_rate_hz: int) -> Iterator[Float32]:
    """Return the blocks at 8 kHz, with the rounded number of samples for the whole duration."""
    resampler = soxr.ResampleStream(sample_rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")
    count = made = 0
    for block in blocks:
        _check_samples(block)
        count += len(block)
        if sample_rate_hz == SAMPLE_RATE_HZ:
            yield block
            continue
        ready = resampler.resample_chunk(np.ascontiguousarray(block))
        made += len(ready)
        yield ready
    if sample_rate_hz == SAMPLE_RATE_HZ or count == 0:
        return
    rest = resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
    yield rest
    # A sound of less than one sample at 8 kHz is still a sound.
    if made + len(rest) == 0:
        yield np.zeros(1, dtype=np.float32)


def _check_samples(block: Float32) -> None:
    largest = max(float(block.max(initial=0.0)), -float(block.min(initial=0.0)))
    if not math.isfinite(largest):
        raise UnsuitableSound("the sound has samples that are not numbers or not finite")
    if largest > _LARGEST_SAMPLE:
        raise UnsuitableSound(f"the sound has a sample of {largest:.3g}; full scale is 1")


def _centred(blocks: list[Float32], name: str) -> Float32:
    """Return the sound without its mean: a constant offset is inaudible but would count as loud."""
    samples = np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)
    if not len(samples):
        raise UnsuitableSound(f"{name} is empty")
    centred: Float32 = samples - samples.mean(dtype=np.float64).astype(np.float32)
    return centred
