"""Turns a speech server's sound into a file like those of the other engines."""

from pathlib import Path
from typing import Final

import numpy as np

from chat_backend.speech.audio import SAMPLE_RATE_HZ, normalized, trimmed, with_margins, write_wav
from chat_backend.speech.decoding import Expected, decoded
from chat_backend.speech.formats import NotSpeech

# Fast English has some 20 characters a second; less than half of that time cannot be the text.
MIN_S_PER_CHARACTER: Final = 0.02
# Slow English, with pauses, takes a third of that.
MAX_S_PER_CHARACTER: Final = 0.4
MIN_S: Final = 0.15


def finish(path: Path, text: str, media_type: str, expected: Expected) -> None:
    """Turn what was received into the final WAV at the same path. Blocks.

    Raises
    ------
    NotSpeech
        If it is not sound, cannot be decoded, is noise or silence, or far shorter than `text`.
    OSError
        If the file cannot be read or written.
    """
    data = path.read_bytes()
    try:
        sound = decoded(data, media_type, expected)
    except (ValueError, ArithmeticError, LookupError, TypeError, MemoryError) as error:
        # Bytes that no decoder foresaw must not look like a fault of the network or of ours.
        raise NotSpeech(f"sound that can't be read ({type(error).__name__})") from error
    signal = sound.samples
    if sound.rate_hz != SAMPLE_RATE_HZ:
        import soxr  # noqa: PLC0415  # rarely needed

        signal = soxr.resample(signal, sound.rate_hz, SAMPLE_RATE_HZ).astype(np.float32)
    signal = trimmed(signal, sample_rate=SAMPLE_RATE_HZ)
    seconds = signal.size / SAMPLE_RATE_HZ
    if seconds < max(MIN_S, MIN_S_PER_CHARACTER * len(text)):
        raise NotSpeech(f"{seconds:.2f} s of sound for {len(text)} characters")
    try:
        level = normalized(signal, sample_rate=SAMPLE_RATE_HZ)
    except ValueError:
        raise NotSpeech("silence") from None
    write_wav(with_margins(level, sample_rate=SAMPLE_RATE_HZ), path)
