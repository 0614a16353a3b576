"""The sound that a speech server sent: whether it is speech, and its final form."""

import io
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from chat_backend.speech.audio import (
    CEILING_DBFS,
    SAMPLE_RATE_HZ,
    TARGET_LUFS,
    normalized,
    trimmed,
    with_margins,
    write_wav,
)

Array = NDArray[np.float32]

# Hurried English has some 20 characters a second; less than half of that time was not the text.
MIN_S_PER_CHARACTER: Final = 0.02
MIN_S: Final = 0.15
# Asked for raw samples, some servers send a file all the same.
_CONTAINERS: Final = (b"RIFF", b"ID3", b"OggS", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")
_LOOKED_AT: Final = 256


class NotSpeech(Exception):
    """Why what was received is not speech."""


def finish(path: Path, text: str) -> None:
    """Turn what was received into the final WAV at the same path. Blocks.

    Raises
    ------
    NotSpeech
        If it is empty, text, no sound, silent, or far shorter than `text`.
    OSError
        If the file can't be read or written.
    """
    signal = trimmed(samples(path.read_bytes()), sample_rate=SAMPLE_RATE_HZ)
    seconds = signal.size / SAMPLE_RATE_HZ
    least = max(MIN_S, MIN_S_PER_CHARACTER * len(text))
    if seconds < least:
        raise NotSpeech(f"{seconds:.2f} s of sound for {len(text)} characters")
    try:
        level = normalized(
            signal,
            sample_rate=SAMPLE_RATE_HZ,
            target_lufs=TARGET_LUFS,
            ceiling_dbfs=CEILING_DBFS,
        )
    except ValueError:
        raise NotSpeech("silence") from None
    write_wav(with_margins(level, sample_rate=SAMPLE_RATE_HZ), path)


def samples(data: bytes) -> Array:
    """Return the samples of raw PCM (24 kHz, mono, 16 bit) or of a sound file, full scale 1.

    Raises
    ------
    NotSpeech
        If there are none.
    """
    if not data:
        raise NotSpeech("nothing")
    if data.startswith(_CONTAINERS):
        return _decoded(data)
    head = data[:_LOOKED_AT]
    if head.isascii() and head.decode("ascii").replace("\n", " ").strip().isprintable():
        raise NotSpeech("text instead of sound")
    whole = data[: len(data) // 2 * 2]
    return (np.frombuffer(whole, "<i2") / np.float32(32768.0)).astype(np.float32)


def _decoded(data: bytes) -> Array:
    import soundfile  # noqa: PLC0415  # rarely needed, and megabytes of libraries
    import soxr  # noqa: PLC0415

    try:
        signal, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError:
        raise NotSpeech("a sound file that can't be read") from None
    mono = signal.mean(axis=1)
    resampled: Array = soxr.resample(mono, rate, SAMPLE_RATE_HZ).astype(np.float32)
    return resampled
