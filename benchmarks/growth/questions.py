"""What a spoken question costs before an engine hears it: decoded, levelled, its quiet cut off."""

import asyncio
import io
import time
from typing import Final

import numpy as np
import psutil
import soundfile

from benchmarks.growth.fit import LINEAR_LIMIT, Curve
from chat_backend.hearing.listener import Listener
from chat_backend.speech.audio import SAMPLE_RATE_HZ
from shared_schema.settings import Settings
from tests.support.recordings import SENTENCES, spoken

LENGTHS_S: Final = (1, 4, 15, 60)
NUMBERS: Final = (10, 100, 1_000)
_ROUNDS: Final = 10
_SHORT_S: Final = 1
_LONGEST_S: Final = Settings().stt_max_duration_s


def lengths() -> list[Curve]:
    """Return the time of one question, by its seconds."""
    return asyncio.run(_lengths())


def numbers() -> list[Curve]:
    """Return the time of one more question and the memory of its process, by those before."""
    return asyncio.run(_numbers())


async def _lengths() -> list[Curve]:
    listener = Listener(None)
    try:
        await _prepared(listener, _recording(_SHORT_S))
        costs = []
        for seconds in LENGTHS_S:
            data = _recording(seconds)
            costs.append(min([await _prepared(listener, data) for _ in range(_ROUNDS)]))
    finally:
        listener.close()
    curve = Curve(name="prepared", sizes=LENGTHS_S, costs=tuple(costs), limit=LINEAR_LIMIT)
    return [curve]


async def _numbers() -> list[Curve]:
    others = set(psutil.Process().children())
    listener = Listener(None)
    data = _recording(_SHORT_S)
    times: list[float] = []
    memory: list[float] = []
    try:
        asked = 0
        for number in NUMBERS:
            taken = [await _prepared(listener, data) for _ in range(number - asked)]
            asked = number
            times.append(min(taken[-_ROUNDS:]))
            ours = set(psutil.Process().children()) - others
            memory.append(float(sum(each.memory_info().rss for each in ours)))
    finally:
        listener.close()
    return [
        Curve(name="prepared", sizes=NUMBERS, costs=tuple(times)),
        Curve(name="the listening process", sizes=NUMBERS, costs=tuple(memory), unit="MB"),
    ]


def _recording(seconds: int) -> bytes:
    """Return a WAV of speech, which can be read without the extra `ears`."""
    speech = np.concatenate([spoken(sentence) for sentence in SENTENCES[:4]])
    buffer = io.BytesIO()
    whole = np.resize(speech, seconds * SAMPLE_RATE_HZ)
    soundfile.write(buffer, whole, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


async def _prepared(listener: Listener, data: bytes) -> float:
    started = time.perf_counter()
    await listener.prepare(data, longest_s=_LONGEST_S)
    return time.perf_counter() - started
