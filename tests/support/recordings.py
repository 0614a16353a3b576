"""Recordings as browsers make them, of the embedded voices and of sounds that say nothing."""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from chat_backend.speech.audio import SAMPLE_RATE_HZ
from chat_backend.speech.hibari import HibariModel, synthesize
from shared_schema.ids import VoiceProfile

Array = NDArray[np.float32]

SENTENCES: Final = tuple(
    (Path(__file__).parents[2] / "benchmarks" / "hearing" / "sentences.txt")
    .read_text("utf-8")
    .splitlines()
)
# Container, codec, sample rate: what a browser or a recorder writes.
CONTAINERS: Final = {
    "webm": ("webm", "libopus", 48_000),
    "ogg": ("ogg", "libopus", 48_000),
    "mp4": ("mp4", "aac", 48_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "wav": ("wav", "pcm_s16le", 24_000),
}


@cache
def _model() -> HibariModel:
    return HibariModel()


@cache
def spoken(sentence: str, profile: VoiceProfile = "warm_professional") -> Array:
    """Return a sentence in one of the embedded voices, at `SAMPLE_RATE_HZ`."""
    return synthesize(_model(), sentence, profile)


def recorded(sound: Array, container: str, *, bit_rate: int = 24_000) -> bytes:
    """Return a sound of `SAMPLE_RATE_HZ` in a file, as a recorder in a browser would."""
    import av  # noqa: PLC0415  # of the group `voices`

    form, codec, rate_hz = CONTAINERS[container]
    samples = sound
    if rate_hz != SAMPLE_RATE_HZ:
        samples = soxr.resample(sound, SAMPLE_RATE_HZ, rate_hz)
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format=form) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if codec != "pcm_s16le":
            stream.bit_rate = bit_rate
        whole = np.clip(samples, -1.0, 1.0).astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(whole, format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return buffer.getvalue()


def with_noise(sound: Array, *, below_db: float, seed: int = 1) -> Array:
    """Return a sound in pink noise that is so much weaker."""
    noise = pink(sound.size, seed=seed)
    level = np.sqrt(np.mean(np.square(sound))) * 10.0 ** (-below_db / 20.0)
    mixed: Array = (sound + level * noise).astype(np.float32)
    return mixed


def pink(size: int, *, seed: int = 1) -> Array:
    """Return pink noise with the power 1."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.size), 1))
    noise = np.fft.irfft(spectrum, size)
    return (noise / np.std(noise)).astype(np.float32)


def _times(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def _partials(pitch_hz: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    sound = np.zeros(t.size)
    for number in range(1, 9):
        sound += np.sin(2 * np.pi * pitch_hz * number * t + number) / number
    return sound


def _hum(seconds: float) -> NDArray[np.float64]:
    """An amplifier's: mains and its harmonics."""
    return _partials(50.0, _times(seconds))


def _clicks(seconds: float) -> NDArray[np.float64]:
    """Taps on the microphone."""
    rng = np.random.default_rng(3)
    sound = np.zeros(_times(seconds).size)
    for at in rng.integers(0, sound.size - 500, 12):
        sound[at : at + 500] += rng.standard_normal(500) * np.exp(-np.arange(500) / 90)
    return sound


def _music(seconds: float) -> NDArray[np.float64]:
    """A melody over a bass, plucked."""
    sound = np.zeros(_times(seconds).size)
    for number, at in enumerate(np.arange(0.0, seconds - 0.1, 0.25)):
        pitch = (262, 330, 392, 523, 440, 349, 294, 392)[number * 3 % 8]
        begin = round(at * SAMPLE_RATE_HZ)
        t = _times(min(0.5, seconds - at))
        note = np.sum([np.sin(2 * np.pi * pitch * n * t) / n**1.2 for n in range(1, 8)], 0)
        bass = np.sum([np.sin(2 * np.pi * pitch / 4 * n * t) / n for n in range(1, 6)], 0)
        sound[begin : begin + t.size] += (
            (note + 0.5 * bass) * np.exp(-4 * t) * np.minimum(1, 99 * t)
        )
    return sound


def _tremolo(seconds: float) -> NDArray[np.float64]:
    """A hum with the rhythm of syllables."""
    t = _times(seconds)
    return _partials(150.0, t) * (1 + 0.9 * np.sin(2 * np.pi * 4 * t))


def _scaled(make: Callable[[float], NDArray[np.float64]]) -> Callable[[float], Array]:
    def made(seconds: float) -> Array:
        sound = make(seconds)
        return (0.1 * sound / max(float(np.std(sound)), 1e-9)).astype(np.float32)

    return made


# What a microphone hears while nobody speaks; each of any length.
SPEECHLESS: Final[dict[str, Callable[[float], Array]]] = {
    "silence": lambda seconds: np.zeros(_times(seconds).size, np.float32),
    "room": lambda seconds: 1e-3 * pink(_times(seconds).size),
    "pink noise": lambda seconds: 0.1 * pink(_times(seconds).size),
    "white noise": _scaled(lambda s: np.random.default_rng(5).standard_normal(_times(s).size)),
    "hum": _scaled(_hum),
    "clicks": _scaled(_clicks),
    "music": _scaled(_music),
    "tremolo": _scaled(_tremolo),
}
