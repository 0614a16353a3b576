"""Decodes a speech server's response, or refuses it with the reason.

Media types are hints. A container is recognised by its first bytes and decoded by libsndfile, or by
PyAV if the extra ``ears`` is installed. Raw samples are accepted only if they were requested and
look like speech; everything else is refused, so that no loudspeaker ever plays noise.
"""

import importlib.util
import io
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chat_backend.providers import replies
from chat_backend.providers.failure import Trouble, excerpt
from chat_backend.speech.formats import (
    ANOTHER_FORMAT,
    ENDS_EARLY,
    NOT_A_SERVER,
    SNDFILE,
    WHOLE,
    Label,
    NotSpeech,
    container_of,
    is_cut,
    label_of,
    named,
    text_of,
)
from shared_schema.wav_sizes import parts_of

Array = NDArray[np.float32]

LOWEST_RATE_HZ: Final = 8_000
HIGHEST_RATE_HZ: Final = 192_000
MAX_CHANNELS: Final = 8
# 90 seconds: longer speech cannot be our text.
MAX_S: Final = 90.0
# A float file with larger samples is damaged: full scale is 1.
LARGEST_SAMPLE: Final = 1e6

# Correlation of neighbouring samples: speech has .9 and more, noise and compressed data about 0.
_LEAST_CORRELATION: Final = 0.5
# A loud block of noise or offset is not speech: the loudest sibilants reach .15.
_BLOCK_S: Final = 0.05
_LOUD: Final = 0.25
_LARGEST_OFFSET: Final = 0.2
# Speech has a twentieth of the power of full scale; 8-bit samples read as 16-bit have most of it.
_LARGEST_POWER: Final = 0.2
# Mixed to mono, channels that cancel each other leave less than this of their power.
_LEAST_MIXED: Final = 0.4


class Expected(Struct, frozen=True, kw_only=True):
    """What was requested.

    Attributes
    ----------
    raw : bool
        Whether raw samples are accepted.
    rate_hz : int
        Their sample rate, where the server declares none.
    framed : bool
        Whether the transport marks the end of the response, so that a missing part is detected.
    longest_s : float
        The longest time to speak the text: a WAV that declares more has an unknown length.
    """

    raw: bool = True
    rate_hz: int = 24_000
    framed: bool = True
    longest_s: float = 0.0


class Sound(Struct, frozen=True):
    """Mono samples, full scale 1, and their rate in Hz."""

    samples: Array
    rate_hz: int


def decoded(data: bytes, media_type: str, expected: Expected) -> Sound:
    """Return the sound in a response.

    Parameters
    ----------
    data : bytes
        The whole body.
    media_type : str
        As the server declared it; may be empty or wrong.
    expected : Expected
        What was requested.

    Raises
    ------
    NotSpeech
        If there is no sound, it cannot be decoded, or it is noise.
    """
    if not data:
        raise NotSpeech("nothing")
    container = container_of(data)
    if container is not None and is_cut(data, container, framed=expected.framed):
        raise NotSpeech(f"a sound file ({container}) whose end is missing", remedy=ENDS_EARLY)
    if container is not None:
        channels, rate_hz = _from_container(data, container, expected)
    elif text := text_of(data):
        raise _instead_of_sound(text.encode())
    elif not expected.raw:
        raise NotSpeech(f"{named(media_type)} in an unknown format")
    else:
        channels, rate_hz = _raw(data, label_of(media_type), expected)
    check_rate(rate_hz)
    if not len(channels):
        raise NotSpeech("a sound file without any sound")
    if len(channels) > MAX_S * rate_hz:
        raise NotSpeech(f"more than {MAX_S:g} s of sound")
    largest = max(float(channels.max()), -float(channels.min()))
    if not largest <= LARGEST_SAMPLE:
        raise NotSpeech(
            "samples that are not numbers, or far beyond full scale", remedy=ANOTHER_FORMAT
        )
    samples = mono(channels)
    if container is not None and _is_noise(samples / max(largest, 1.0), rate_hz, least=0.0):
        raise NotSpeech(f"noise in a file ({container})", remedy=ANOTHER_FORMAT)
    return Sound(samples, rate_hz)


def _instead_of_sound(text: bytes) -> NotSpeech:
    """Return the error in a text, or what it says; uncut, because it may quote a key."""
    words = replies.text_in(text)
    message = f"text instead of sound: {words}"
    trouble = replies.json_error_in(replies.parsed(text)) or Trouble(
        status=404 if words.startswith("a web page") else 200,
        words=message,
        known="sound",
        remedy=NOT_A_SERVER,
    )
    return NotSpeech(excerpt(message), trouble=trouble)


def check_rate(rate_hz: int) -> None:
    """Raise `NotSpeech` if a sample rate is out of range."""
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise NotSpeech(
            f"a sample rate of {rate_hz} Hz; {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} are accepted",
            remedy=ANOTHER_FORMAT,
        )


def mono(channels: Array) -> Array:
    """Return the mean of all channels, or the loudest where they cancel each other.

    Parameters
    ----------
    channels : ndarray, shape (samples, channels)
    """
    if channels.shape[1] == 1:
        return channels[:, 0]
    mixed: Array = channels.mean(axis=1, dtype=np.float32)
    power = np.mean(np.square(channels, dtype=np.float64), axis=0)
    if np.mean(np.square(mixed, dtype=np.float64)) >= _LEAST_MIXED * power.mean():
        return mixed
    loudest: Array = channels[:, int(power.argmax())]
    return loudest


# --- containers


def _from_container(data: bytes, container: str, expected: Expected) -> tuple[Array, int]:
    """Return the channels of a sound file and their rate."""
    problem = f"a sound file ({container}) that cannot be read"
    if container in SNDFILE:
        try:
            return _by_sndfile(data, expected)
        except (RuntimeError, OSError, ValueError, TypeError, MemoryError):
            pass
    if importlib.util.find_spec("av") is None:
        if container in SNDFILE:
            raise NotSpeech(problem, other_format=True)
        raise NotSpeech(
            f"{container}, which needs the extra `ears`: uv sync --extra ears",
            other_format=True,
            remedy="Install the extra: uv sync --extra ears. Or "
            + ANOTHER_FORMAT[:1].lower()
            + ANOTHER_FORMAT[1:],
        )
    try:
        return _by_av(data, expected)
    except NotSpeech:
        raise
    except Exception:  # FFmpeg's errors have several base classes
        raise NotSpeech(problem, other_format=True) from None


def _by_sndfile(data: bytes, expected: Expected) -> tuple[Array, int]:
    import soundfile  # noqa: PLC0415  # rarely needed, and megabytes of libraries

    found: list[Array] = []
    form = (0, 0)
    for part in parts_of(data):
        with soundfile.SoundFile(io.BytesIO(part.data)) as file:
            check_rate(file.samplerate)
            if found and form != (file.samplerate, file.channels):
                raise NotSpeech("several sound files of different formats")
            form = (file.samplerate, file.channels)
            most = round(MAX_S * file.samplerate) + 1
            samples = file.read(most, dtype="float32", always_2d=True)
            share = len(samples) / min(max(file.frames, 1), most) if file.frames < 1 << 40 else 1.0
        if part.promised is not None and (
            not expected.framed
            or (
                len(samples) < part.promised * expected.longest_s * form[0]
                and _stops_short(samples[:, 0], form[0])
            )
        ):
            share = min(share, part.promised)
        if share < WHOLE:
            raise NotSpeech(f"only {100 * share:.0f} % of a sound file", remedy=ENDS_EARLY)
        found.append(samples)
    return np.concatenate(found), form[0]


def _stops_short(samples: Array, rate_hz: int) -> bool:
    """Return whether a sound ends in the middle of a vowel, rather than in silence."""
    size = max(1, round(_BLOCK_S * rate_hz))
    power = np.square(samples, dtype=np.float64)
    loudest = max((power[at : at + size].mean() for at in range(0, len(power), size)), default=0.0)
    return bool(power[-size:].mean() > 0.03 * loudest)


def _by_av(data: bytes, expected: Expected) -> tuple[Array, int]:
    import av  # noqa: PLC0415  # only where the extra is installed

    pieces: list[Array] = []
    size = rate_hz = channels = 0
    with av.open(io.BytesIO(data), mode="r") as file:
        if not file.streams.audio:
            raise NotSpeech("a file without a sound track")
        stream = file.streams.audio[0]
        for frame in file.decode(stream):
            if not pieces:
                rate_hz, channels = frame.sample_rate, len(frame.layout.channels)
                check_rate(rate_hz)
            piece = _floats(frame.to_ndarray(), channels, planar=frame.format.is_planar)
            if frame.sample_rate != rate_hz or piece.shape[1] != channels:
                raise NotSpeech("a sound file whose format changes")
            pieces.append(piece)
            size += len(piece)
            if size > MAX_S * rate_hz:
                break
        whole_s = float(file.duration or 0) / av.time_base
    if not pieces:
        raise NotSpeech("a sound file without any sound")
    # An encoder's delay and padding count as duration in some formats.
    if size < (WHOLE * min(whole_s, MAX_S) - 0.1) * rate_hz:
        raise NotSpeech(
            f"only {size / rate_hz:.2f} s of {whole_s:.2f} s of sound", remedy=ENDS_EARLY
        )
    return np.concatenate(pieces), rate_hz


def _floats(frame: NDArray[Any], channels: int, *, planar: bool) -> Array:
    """Return a decoded frame as floats, shape (samples, channels), full scale 1."""
    table = frame.T if planar else frame.reshape(-1, channels)
    if table.dtype.kind == "f":
        return table.astype(np.float32)
    if table.dtype == np.uint8:
        return ((table.astype(np.float32) - 128.0) / 128.0).astype(np.float32)
    return (table / np.float32(np.iinfo(table.dtype).max + 1)).astype(np.float32)


# --- raw samples

_LAWS: Final[Mapping[str, str]] = {
    "audio/basic": "ulaw", "audio/pcmu": "ulaw", "audio/mulaw": "ulaw", "audio/x-mulaw": "ulaw",
    "audio/ulaw": "ulaw", "audio/x-ulaw": "ulaw", "audio/pcma": "alaw", "audio/alaw": "alaw",
    "audio/x-alaw": "alaw",
}  # fmt: skip
_LAW_RATE_HZ: Final = 8_000


def _raw(data: bytes, label: Label, expected: Expected) -> tuple[Array, int]:
    """Return raw samples with their declared rate and channels, if they look like speech.

    ``audio/L16`` is big-endian by definition and little-endian on many servers, and a stream may
    have lost its first byte: the interpretation with the smoothest samples is right. Every sample
    twice is undeclared stereo.
    """
    name, parameters = label
    law = _LAWS.get(name)
    rate_hz = _number(parameters, ("rate", "samplerate", "sample_rate", "sample-rate"))
    if rate_hz is None:
        rate_hz = _LAW_RATE_HZ if law else expected.rate_hz
    channels = _number(parameters, ("channels", "channel", "ch", "channel_count")) or 1
    check_rate(rate_hz)
    if not 1 <= channels <= MAX_CHANNELS:
        raise NotSpeech(f"{channels} channels; 1 to {MAX_CHANNELS} are accepted")
    readings = [_samples(data, law)] if law else [
        _samples(each, order) for each in (data, data[1:]) for order in ("<i2", ">i2")
    ]  # fmt: skip
    tables = [each[: len(each) // channels * channels].reshape(-1, channels) for each in readings]
    best = max(tables, key=lambda table: _correlation(mono(table)))
    if channels == 1 and np.array_equal(best[0 : len(best) // 2 * 2 : 2], best[1::2]):
        best = best[::2]
    if len(best) and not _is_noise(mono(best), rate_hz, least=_LEAST_CORRELATION):
        return best, rate_hz
    raise NotSpeech(
        f"{named(name)} that does not look like speech: noise, or another format",
        other_format=True,
    )


def _number(parameters: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    found = next((parameters[name] for name in names if name in parameters), "")
    match = re.match(r"\d{1,7}", found)
    return int(match[0]) if match else None


def _samples(data: bytes, code: str) -> Array:
    if code in ("ulaw", "alaw"):
        import soundfile  # noqa: PLC0415  # as above

        samples: Array = soundfile.read(
            io.BytesIO(data), dtype="float32", format="RAW", subtype=code.upper(),
            samplerate=_LAW_RATE_HZ, channels=1,
        )[0]  # fmt: skip
        return samples
    return (np.frombuffer(data[: len(data) // 2 * 2], code) / np.float32(32768.0)).astype(
        np.float32
    )


def _correlation(samples: Array) -> float:
    """Return the correlation of neighbouring samples: 1 for a slow signal, 0 for noise."""
    centred = samples - samples.mean(dtype=np.float64) if len(samples) else samples
    power = float(np.dot(centred, centred))
    return float(np.dot(centred[1:], centred[:-1])) / power if power > 0.0 else 0.0


def _is_noise(samples: Array, rate_hz: int, *, least: float) -> bool:
    """Return whether a signal is noise or data, rather than speech.

    Parameters
    ----------
    samples : ndarray, shape (samples,)
        Full scale 1.
    rate_hz : int
    least : float
        The minimum correlation of neighbouring samples over the whole signal.
    """
    if not samples.any():
        return False  # silence is refused elsewhere
    if least and (_correlation(samples) < least or np.square(samples).mean() > _LARGEST_POWER):
        return True
    size = min(len(samples), max(8, round(_BLOCK_S * rate_hz)))
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    offset = blocks.mean(axis=1, keepdims=True)
    blocks = blocks - offset
    energy = np.square(blocks).mean(axis=1)
    neighbours = (blocks[:, 1:] * blocks[:, :-1]).mean(axis=1)
    noisy = (np.sqrt(energy) > _LOUD) & (neighbours < 0.3 * energy)
    return bool(noisy.any() or (np.abs(offset) > _LARGEST_OFFSET).any())
