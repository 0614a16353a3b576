"""The files that every engine leaves: mono PCM_16 at 24 kHz, equally loud."""

import wave
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SAMPLE_RATE_HZ: Final = 24_000
# Speech of this loudness peaks around -4 dBFS, so that the limiter has next to nothing to do.
TARGET_LUFS: Final = -20.0
CEILING_DBFS: Final = -1.0


def write_wav(signal: Array, path: Path) -> None:
    """Write mono PCM_16 at 24 kHz.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(np.rint(signal * 32767.0).astype("<i2").tobytes())
