"""One known sound in many forms, as servers of speech send it, and things that are no sound."""

import base64
import io
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

Array = NDArray[np.float32]

SECONDS = 3.0
PITCH_HZ = 150.0


def voiced(rate_hz: int = 24_000, seconds: float = SECONDS) -> Array:
    """Return a hum with syllables, full scale 1: its pitch and its length are known."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    partials = range(1, min(9, int(rate_hz / 2.2 / PITCH_HZ)))
    hum = sum(np.sin(2 * np.pi * PITCH_HZ * number * time) / number for number in partials)
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)
    whole: Array = (0.18 * hum * syllables).astype(np.float32)
    return whole


def pcm(rate_hz: int = 24_000, *, channels: int = 1, order: str = "<") -> bytes:
    """Return raw 16-bit samples."""
    samples = np.rint(voiced(rate_hz) * 32767.0).astype(f"{order}i2")
    return np.repeat(samples[:, None], channels, axis=1).tobytes()


def wav(
    *,
    rate_hz: int = 24_000,
    channels: int = 1,
    data_size: int | None = None,
    riff_size: int | None = None,
    samples: bytes | None = None,
    extra: bytes = b"",
) -> bytes:
    """Return a WAV whose sizes may lie."""
    body = pcm(rate_hz, channels=channels) if samples is None else samples
    size = len(body) if data_size is None else data_size
    whole = len(body) + 36 + len(extra) if riff_size is None else riff_size
    width = 2 * channels
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate_hz, rate_hz * width, width, 16)
    return (
        b"RIFF" + struct.pack("<I", whole) + b"WAVEfmt " + form + extra
        + b"data" + struct.pack("<I", size) + body
    )  # fmt: skip


def by_sndfile(form: str, subtype: str | None = None, *, samples: Array | None = None) -> bytes:
    """Return the sound as libsndfile writes it."""
    file = io.BytesIO()
    sound = voiced() if samples is None else samples
    soundfile.write(file, sound, 24_000, format=form, subtype=subtype)
    return file.getvalue()


def by_av(form: str, codec: str, rate_hz: int = 24_000, **options: str) -> bytes:
    """Return the sound as FFmpeg writes it."""
    import av  # noqa: PLC0415  # only where the extra is installed

    file = io.BytesIO()
    with av.open(file, mode="w", format=form, options=options) as container:
        stream: Any = container.add_stream(codec, rate=rate_hz)
        stream.layout = "mono"
        resampler = av.AudioResampler(
            format=stream.format, layout="mono", rate=rate_hz, frame_size=stream.frame_size or 1024
        )
        frame = av.AudioFrame.from_ndarray(voiced()[None, :], format="fltp", layout="mono")
        frame.sample_rate = 24_000
        for each in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(each))
        container.mux(stream.encode(None))
    return file.getvalue()


# What libsndfile decodes.
FILES: dict[str, Callable[[], bytes]] = {
    "wav": wav,
    "wav 44.1 kHz stereo": lambda: wav(rate_hz=44_100, channels=2),
    "wav 8 kHz": lambda: wav(rate_hz=8_000),
    "wav float": lambda: by_sndfile("WAV", "FLOAT"),
    "wav 24 bit": lambda: by_sndfile("WAV", "PCM_24"),
    "wav mu-law": lambda: by_sndfile("WAV", "ULAW"),
    "wav 8 bit": lambda: by_sndfile("WAV", "PCM_U8"),
    "wav with sizes of 0": lambda: wav(data_size=0, riff_size=0),
    "wav with a size of 0": lambda: wav(data_size=0),
    "wav with the largest sizes": lambda: wav(data_size=0xFFFFFFFF, riff_size=0xFFFFFFFF),
    "wav with a size that is too large": lambda: wav(data_size=50_000_000),
    "wav with a list before the samples": lambda: wav(extra=b"LIST\x04\x00\x00\x00INFO"),
    "wav in two files in a row": lambda: wav(samples=pcm()[:60_000]) + wav(samples=pcm()[60_000:]),
    "wav in a row with sizes of 0": lambda: (
        wav(samples=pcm()[:60_000], data_size=0) + wav(samples=pcm()[60_000:], data_size=0)
    ),
    "rf64": lambda: by_sndfile("RF64"),
    "w64": lambda: by_sndfile("W64"),
    "aiff": lambda: by_sndfile("AIFF"),
    "caf": lambda: by_sndfile("CAF"),
    "au": lambda: by_sndfile("AU"),
    "voc": lambda: by_sndfile("VOC"),
    "nist": lambda: by_sndfile("NIST"),
    "flac": lambda: by_sndfile("FLAC"),
    "ogg vorbis": lambda: by_sndfile("OGG", "VORBIS"),
    "ogg opus": lambda: by_sndfile("OGG", "OPUS"),
    "mp3": lambda: by_sndfile("MP3"),
}
# What needs the extra `ears`.
MORE_FILES: dict[str, Callable[[], bytes]] = {
    "aac in adts": lambda: by_av("adts", "aac"),
    "m4a": lambda: by_av("ipod", "aac"),
    "mp4 in fragments": lambda: by_av("mp4", "aac", movflags="frag_keyframe+empty_moov"),
    "webm": lambda: by_av("webm", "libopus", 48_000),
    "matroska": lambda: by_av("matroska", "aac"),
    "mpeg-ts": lambda: by_av("mpegts", "aac"),
    "flv": lambda: by_av("flv", "aac", 44_100),
    "ac3": lambda: by_av("ac3", "ac3", 48_000),
    "wavpack": lambda: by_av("wv", "wavpack"),
    "tta": lambda: by_av("tta", "tta"),
    "mp3 with id3": lambda: by_av("mp3", "libmp3lame"),
    "mp2": lambda: by_av("mp2", "mp2"),
}
RANDOM = np.random.default_rng(7)
# What no loudspeaker may play, whatever it is called.
NO_SOUND: dict[str, bytes] = {
    "random bytes": RANDOM.bytes(100_000),
    "random bytes, an odd number": RANDOM.bytes(99_999),
    "compressed text": zlib.compress(RANDOM.bytes(80_000)),
    "a page": b"<!DOCTYPE html><html><title>Sign in</title>" + b"<p>hotel</p>" * 9000,
    "a page after blank lines": b"\n\n  <html><body>no</body></html>" * 3000,
    "json": json.dumps({"detail": ["no such voice"] * 5000}).encode(),
    "json in utf-16": json.dumps({"detail": ["no such voice"] * 5000}).encode("utf-16"),
    "plain text": b"I am sorry, I can't do that. " * 4000,
    "text of Japan": "水は夢を見る。".encode() * 4000,
    "base64": base64.b64encode(pcm()),
    "events": b'data: {"type":"speech.audio.delta","audio":"UklGRg=="}\n\n' * 2000,
    "a PNG": b"\x89PNG\r\n\x1a\n" + RANDOM.bytes(90_000),
    "a ZIP": b"PK\x03\x04" + RANDOM.bytes(90_000),
    "gzip": b"\x1f\x8b\x08\x00" + RANDOM.bytes(90_000),
    "floats as raw samples": voiced().astype("<f4").tobytes(),
    "24 bit as raw samples": b"".join(
        int(each * 8_388_607).to_bytes(3, "little", signed=True) for each in voiced()
    ),
    "8 bit as raw samples": ((voiced() * 127) + 128).astype(np.uint8).tobytes(),
    "mu-law as raw samples": by_sndfile("RAW", "ULAW"),
    "noise in a WAV": wav(samples=RANDOM.bytes(100_000)),
    "a page in a WAV": wav(samples=b"<html><body>Sign in</body></html>" * 3000),
    "samples and then a page": pcm()[:60_000] + b"<html>upstream error</html>" * 1000,
    "samples and then noise": pcm()[:60_000] + RANDOM.bytes(40_000),
    "nothing": b"",
    "a full offset": b"\xff\x7f" * 50_000,
    "one infinite sample": by_sndfile(
        "WAV", "FLOAT", samples=np.append(voiced(), np.float32(np.inf))
    ),
    "one sample that is no number": by_sndfile(
        "WAV", "FLOAT", samples=np.append(voiced(), np.float32(np.nan))
    ),
    "a sample far beyond full scale": by_sndfile(
        "WAV", "FLOAT", samples=np.append(voiced(), np.float32(1e30))
    ),
    "a WAV at 4 kHz": wav(rate_hz=4_000),
    "a WAV at 384 kHz": wav(rate_hz=384_000),
    "a WAV at 0 Hz": wav().replace(struct.pack("<I", 24_000), struct.pack("<I", 0), 1),
    "a WAV of four minutes": wav(samples=pcm() * 80),
    "a WAV without samples": wav(samples=b""),
    "half of an M4A's beginning": b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00",
    "MIDI": b"MThd\x00\x00\x00\x06" + bytes(2000),
}


def pitch_hz(signal: Array, rate_hz: int = 24_000) -> float:
    """Return the median pitch of a signal, by autocorrelation of 50 ms frames."""
    size = rate_hz // 20
    least, most = rate_hz // 400, rate_hz // 70
    found = []
    for begin in range(0, len(signal) - 2 * size, size):
        frame = signal[begin : begin + 2 * size]
        if np.sqrt(np.mean(frame**2)) < 0.02:
            continue
        correlation = np.correlate(frame, frame[:size], "valid")[: most + 1]
        # The shortest of nearly equal periods is the pitch; twice it fits as well.
        if correlation[least:].max() <= 0.0:
            continue
        high = np.flatnonzero(correlation[least:] > 0.85 * correlation[least:].max())
        lag = least + int(high[0])
        while lag < most and correlation[lag + 1] > correlation[lag]:
            lag += 1
        if least < lag < most:
            before, at, after = correlation[lag - 1 : lag + 2]
            lag_exact = lag + 0.5 * (before - after) / (before - 2 * at + after)
            found.append(rate_hz / lag_exact)
    return float(np.median(found))
