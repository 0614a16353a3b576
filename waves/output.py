"""The four files of one utterance."""

from pathlib import Path

import soundfile

from shared_schema.files import moved_into_place
from shared_schema.layout import WAVE_MIX, WAVE_NAMES, wave_file_name
from waves.decomposition import Waves
from waves.grid import SAMPLE_RATE_HZ, Int16


def write_waves(waves: Waves, folder: Path, *, stem: str) -> Path:
    """Write the waves and their mix as 8 kHz PCM_16 into `folder`, and return the mix's path.

    The mix is moved into place last: who sees it may rely on all four.

    Raises
    ------
    OSError
        If the folder cannot be made or written, or the disk is full.
    """
    for part, samples in zip(WAVE_NAMES, waves[:3], strict=True):
        # Only the mix is ever named to others, so only the mix must outlive a power cut.
        _write(folder / wave_file_name(stem, part), samples, sync=False)
    mix = folder / wave_file_name(stem, WAVE_MIX)
    _write(mix, waves.mix, sync=True)
    return mix


def _write(path: Path, samples: Int16, *, sync: bool) -> None:
    try:
        with moved_into_place(path, sync=sync) as partial:
            soundfile.write(partial, samples, SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")
    except soundfile.SoundFileError as error:
        # libsndfile hides the reason (a full disk, a name too long); the sentence still helps.
        raise OSError(f"{path.name} cannot be written: {error}") from error
