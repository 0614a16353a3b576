"""A visitor's recording: recognised by its bytes, decoded within bounds, ready for an engine.

What browsers record is WebM or MP4, which PyAV decodes (extra ``ears``); WAV, MP3, FLAC and Ogg can
be read without it. The decoder is chosen by the first bytes: FFmpeg's own probing also knows
playlists, which open other files.
"""

import importlib.util
import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chat_backend.errors import ChatBackendError
from chat_backend.speech.audio import audible, normalized
from chat_backend.speech.decoding import HIGHEST_RATE_HZ, LOWEST_RATE_HZ, MAX_CHANNELS, mono
from chat_backend.speech.formats import SNDFILE, NotSpeech, container_of

Array = NDArray[np.float32]

RATE_HZ: Final = 16_000
# Below it there is no voice, but the hum of amplifiers and the water itself.
LOW_CUT_HZ: Final = 80.0
# Less than any word.
MIN_S: Final = 0.1
# The demuxers of FFmpeg, and what the answer calls a recording.
_DEMUXERS: Final = {
    "WebM": "matroska", "Ogg": "ogg", "MP4": "mp4", "MP3": "mp3", "WAV": "wav", "FLAC": "flac",
    "AAC": "aac",
}  # fmt: skip
MEDIA_TYPES: Final = {
    "WebM": "audio/webm", "Ogg": "audio/ogg", "MP4": "audio/mp4", "MP3": "audio/mpeg",
    "WAV": "audio/wav", "FLAC": "audio/flac", "AAC": "audio/aac",
}  # fmt: skip
SUFFIXES: Final = {
    "WebM": ".webm", "Ogg": ".ogg", "MP4": ".m4a", "MP3": ".mp3", "WAV": ".wav", "FLAC": ".flac",
    "AAC": ".aac",
}  # fmt: skip
_BLOCK: Final = 65_536  # frames


class NotASound(ChatBackendError):
    """An upload that is not a recording, or not one that can be read."""


class TooLong(ChatBackendError):
    """A recording that is longer than the limit."""


class NothingSaid(ChatBackendError):
    """A recording in which nobody speaks, or nobody who can be understood."""


class Recording(Struct, frozen=True, kw_only=True):
    """A recording, prepared.

    Attributes
    ----------
    container : str
        What kind of file it was, a key of `MEDIA_TYPES`.
    samples : ndarray or None
        Mono at `RATE_HZ`, without hum, at a normal level, without the quiet at its ends. None if
        this installation cannot decode it: then `data` goes to the engine as it came.
    starts_s : float
        Where `samples` begin in the recording.
    duration_s : float
        The length of the whole recording.
    data : bytes
        The file itself, where it was not decoded.
    """

    container: str
    samples: Array | None = None
    starts_s: float = 0.0
    duration_s: float = 0.0
    data: bytes = b""

    @property
    def file(self) -> tuple[str, bytes, str]:
        """The name, bytes and media type of the file that a server is sent."""
        if self.samples is None:
            name = f"speech{SUFFIXES[self.container]}"
            return name, self.data, MEDIA_TYPES[self.container]
        import soundfile  # noqa: PLC0415  # only where a server listens

        buffer = io.BytesIO()
        soundfile.write(buffer, self.samples, RATE_HZ, format="WAV", subtype="PCM_16")
        return "speech.wav", buffer.getvalue(), MEDIA_TYPES["WAV"]


def kind_of(data: bytes) -> str:
    """Return the container of an uploaded file.

    Raises
    ------
    NotASound
        If it is none that browsers and recorders make.
    """
    try:
        container = container_of(data)
    except NotSpeech as error:
        raise NotASound(str(error)) from None
    if container not in _DEMUXERS:
        raise NotASound(container or "neither WebM, Ogg, MP4, MP3 nor WAV")
    return container


def prepared(data: bytes, *, longest_s: float) -> Recording:
    """Return a recording as an engine hears it best. Blocks.

    Raises
    ------
    NotASound, TooLong, NothingSaid
    """
    container = kind_of(data)
    has_av = importlib.util.find_spec("av") is not None
    if not has_av and container not in SNDFILE:
        return Recording(container=container, data=data)
    most = round(longest_s * RATE_HZ)
    samples = _decoded(_by_av(data, container) if has_av else _by_sndfile(data), container, most)
    if samples.size > most:
        raise TooLong(f"longer than {longest_s:g} s")
    if not np.isfinite(samples).all():
        raise NotASound(f"{container} with samples that are not numbers")
    starts_s, loud = levelled(samples)
    return Recording(
        container=container, samples=loud, starts_s=starts_s, duration_s=samples.size / RATE_HZ
    )


def levelled(samples: Array) -> tuple[float, Array]:
    """Return where the sound begins, in seconds, and all of it at a normal level, without hum.

    Raises
    ------
    NothingSaid
        If there is none.
    """
    spectrum = np.fft.rfft(np.clip(samples, -1.0, 1.0))
    spectrum[np.fft.rfftfreq(samples.size, 1.0 / RATE_HZ) < LOW_CUT_HZ] = 0.0
    voice: Array = np.fft.irfft(spectrum, samples.size).astype(np.float32)
    try:
        loud = normalized(voice, sample_rate=RATE_HZ)
    except ValueError:
        raise NothingSaid("no sound in it") from None
    begin, end = audible(loud, sample_rate=RATE_HZ)
    if end - begin < MIN_S * RATE_HZ:
        raise NothingSaid(f"less than {MIN_S:g} s of sound")
    return begin / RATE_HZ, loud[begin:end]


def _decoded(blocks: Iterator[Array], container: str, most: int) -> Array:
    """Return what a decoder yields, a little beyond `most` samples at most."""
    pieces: list[Array] = []
    size = 0
    try:
        while size <= most and (piece := next(blocks, None)) is not None:
            pieces.append(piece)
            size += len(piece)
    except Exception as error:  # decoders' errors have several base classes
        # A browser that is closed while it records leaves a file without an end.
        if size < MIN_S * RATE_HZ:
            raise NotASound(f"{container} that cannot be read ({type(error).__name__})") from None
    if not size:
        raise NotASound(f"{container} without a sound in it")
    return np.concatenate(pieces)


def _by_av(data: bytes, container: str) -> Iterator[Array]:
    import av  # noqa: PLC0415  # only where the extra is installed

    # It resamples frame by frame: memory stays that of the result, whatever the file declares.
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(io.BytesIO(data), mode="r", format=_DEMUXERS[container]) as file:
        if not file.streams.audio:
            return
        for frame in file.decode(file.streams.audio[0]):
            yield from map(_row, resampler.resample(frame))
        yield from map(_row, resampler.resample(None))


def _row(frame: Any) -> Array:
    samples: Array = frame.to_ndarray().reshape(-1)
    return samples


def _by_sndfile(data: bytes) -> Iterator[Array]:
    import soundfile  # noqa: PLC0415  # as above
    import soxr  # noqa: PLC0415

    with soundfile.SoundFile(io.BytesIO(data)) as file:
        rate_ok = LOWEST_RATE_HZ <= file.samplerate <= HIGHEST_RATE_HZ
        if not rate_ok or file.channels > MAX_CHANNELS:
            raise NotASound(f"{file.samplerate} Hz, {file.channels} channels")
        stream = soxr.ResampleStream(file.samplerate, RATE_HZ, 1, dtype="float32")
        while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
            yield stream.resample_chunk(mono(block))
        yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
