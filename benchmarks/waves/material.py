"""Speech to judge by: the embedded voices, and espeak-ng where it is installed."""

import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from chat_backend.speech.audio import SAMPLE_RATE_HZ as HIBARI_RATE_HZ
from chat_backend.speech.hibari import HibariModel, synthesize
from chat_backend.speech.shaping import VOICES

Float32 = npt.NDArray[np.float32]

# From two to fifteen seconds when spoken.
_TEXTS: Final = (
    "Listen, the tide is turning its pages again.",
    "The sea remembers every stone it ever held, and forgets them all again by morning.",
    "Water is a slow mirror. It answers after you have stopped asking, and it never says the same "
    "thing twice; ask the rain what it was before it was rain.",
    "Perhaps the moon is only tired of being looked at.",
    "I would rather be a river than a lake, because a river is always about to leave. Nobody asks "
    "it where it is going, and still it arrives. When it is wide enough it forgets its name, and "
    "when it is deep enough it stops being afraid of stones.",
    "Seven small waves ran home before the evening came.",
)
_RATES_HZ: Final = (24_000, 16_000, 48_000)
_ESPEAK_VOICES: Final = ("en-us", "en-gb+f2", "en-us+m3", "en-gb+f4")
_NOISE_SNR_DB: Final = 20.0


class Clip(NamedTuple):
    """A sound file, and what it is."""

    path: Path
    voice: str
    rate_hz: int
    noisy: bool
    duration_s: float


def make_clips(folder: Path) -> list[Clip]:
    """Speak, resample, add noise to every third, and write; about a quarter of a minute each."""
    spoken = _spoken_by_hibari() + _spoken_by_espeak(folder)
    clips = []
    for place, (voice, samples, rate_hz) in enumerate(spoken):
        wanted_hz = _RATES_HZ[place % len(_RATES_HZ)]
        noisy = place % 3 == 2
        sound = soxr.resample(samples, rate_hz, wanted_hz)
        if noisy:
            sound = _in_noise(sound, seed=place)
        path = folder / f"{place:02d}_{voice.replace('+', '-')}_{wanted_hz}.wav"
        soundfile.write(path, np.clip(sound, -1, 1), wanted_hz, subtype="PCM_16")
        clips.append(Clip(path, voice, wanted_hz, noisy, len(sound) / wanted_hz))
    return clips


def _spoken_by_hibari() -> list[tuple[str, Float32, int]]:
    model = HibariModel()
    return [
        (profile, synthesize(model, text, profile), HIBARI_RATE_HZ)
        for place, profile in enumerate(VOICES)
        for text in (_TEXTS[place], _TEXTS[(place + 3) % len(_TEXTS)])
    ]


def _spoken_by_espeak(folder: Path) -> list[tuple[str, Float32, int]]:
    program = shutil.which("espeak-ng")
    if program is None:
        return []
    spoken = []
    for place, voice in enumerate(_ESPEAK_VOICES):
        path = folder / "espeak.wav"
        subprocess.run([program, "-v", voice, "-w", path, _TEXTS[place + 1]], check=True)
        samples, rate_hz = soundfile.read(path, dtype="float32")
        path.unlink()
        spoken.append((f"espeak-{voice}", samples, rate_hz))
    return spoken


def _in_noise(sound: Float32, *, seed: int) -> Float32:
    noise = np.random.default_rng(seed).standard_normal(len(sound)).astype(np.float32)
    level = np.sqrt(np.mean(sound**2)) / 10 ** (_NOISE_SNR_DB / 20)
    noisy: Float32 = sound + noise * level
    return noisy


def long_speech(clips: list[Clip], path: Path, *, duration_s: float) -> Path:
    """Write clips one after the other, again and again, until the duration is reached."""
    rate_hz = _RATES_HZ[0]
    parts = []
    for clip in clips:
        samples, had_hz = soundfile.read(clip.path, dtype="float32")
        parts.append(soxr.resample(samples, had_hz, rate_hz))
    once = np.concatenate(parts)
    count = round(duration_s * rate_hz)
    soundfile.write(path, np.resize(once, count), rate_hz, subtype="PCM_16")
    return path
