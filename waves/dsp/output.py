"""Writes the four files of one utterance, or the six of a summary."""

import wave
from pathlib import Path

import numpy as np

from shared_schema.layout import (
    SUMMARY_WAVE_NAMES,
    WAVE_MIX,
    WAVE_NAMES,
    moved_into_place,
    wave_file_name,
)
from waves.dsp.decomposition import Waves
from waves.dsp.grid import SAMPLE_RATE_HZ, Int16


def write_waves(waves: Waves, folder: Path, *, stem: str) -> Path:
    """Write the waves and their mix as 8 kHz PCM_16 into `folder`, and return the mix's path.

    The mix is moved into place last: if it exists, all four do.

    Raises
    ------
    OSError
        If the folder cannot be created or written, or the disk is full.
    """
    for part, samples in zip(WAVE_NAMES, waves[:3], strict=True):
        _write(folder / wave_file_name(stem, part), samples)
    mix = folder / wave_file_name(stem, WAVE_MIX)
    _write(mix, waves.mix)
    return mix


def write_summary(waves: Int16, folder: Path, *, stem: str) -> None:
    """Write six waves, shape (6, n), as `write_waves` does, in their order: the sixth is the last.

    Raises
    ------
    OSError
        If the folder cannot be created or written, or the disk is full.
    """
    for part, samples in zip(SUMMARY_WAVE_NAMES, waves, strict=True):
        _write(folder / wave_file_name(stem, part), samples)


def _write(path: Path, samples: Int16) -> None:
    # Waves can be made again from the speech, so a job does not wait for the disk, which would take
    # twice as long as all other steps. The standard library's writer is used because it reports a
    # full disk as such.
    with (
        moved_into_place(path, sync=False) as partial,
        partial.open("wb") as file,
        wave.open(file, "wb") as writer,
    ):
        writer.setnchannels(1)
        writer.setsampwidth(samples.itemsize)
        writer.setframerate(SAMPLE_RATE_HZ)
        writer.writeframes(np.ascontiguousarray(samples).data)
