"""The listening process, without a process."""

import asyncio
import time
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pebble import ProcessExpired

from chat_backend.hearing import listener
from chat_backend.hearing.engine import WrongLanguage
from chat_backend.hearing.recording import RATE_HZ, NotASound, Recording
from chat_backend.providers.failure import ProviderFailed


class Started:
    """A process that answers every job."""

    healthy = True
    count = 0

    def __init__(self, **_: Any) -> None:
        time.sleep(0.05)  # in a thread, as a process takes its time
        Started.count += 1

    def schedule(self, *_: Any, **__: Any) -> Future[None]:
        future: Future[None] = Future()
        future.set_result(None)
        return future


class Dying:
    """A process that dies before it begins a job, as long as any are `left` to die."""

    left = 0

    def __init__(self, **_: Any) -> None:
        self.healthy = True

    def schedule(self, *_: Any, **__: Any) -> Future[str]:
        future: Future[str] = Future()
        if Dying.left > 0:
            Dying.left -= 1
            self.healthy = False
            future.set_exception(BrokenProcessPool("All workers expired"))
        else:
            future.set_result("prepared")
        return future


async def test_a_recording_that_waited_for_a_process_that_died_is_given_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two that die, e.g. since the model's file is damaged, are an answer of the service."""
    monkeypatch.setattr(listener, "Processes", Dying)
    ears = listener.Listener(None)
    monkeypatch.setattr(Dying, "left", 1)
    assert str(await ears.prepare(b"", longest_s=1.0)) == "prepared"
    monkeypatch.setattr(Dying, "left", 2)
    with pytest.raises(ProviderFailed, match="ends before it has begun"):
        await ears.prepare(b"", longest_s=1.0)


@pytest.mark.parametrize(
    ("error", "answer", "told"),
    [
        (ProcessExpired("died"), NotASound, "does not survive"),  # type: ignore[no-untyped-call]
        (TimeoutError(), NotASound, "does not survive"),
        (ImportError("no VAD here"), ProviderFailed, "ImportError"),
    ],
)
async def test_only_what_a_file_does_to_its_decoder_is_the_fault_of_the_file(
    error: Exception, answer: type[Exception], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation that can prepare nothing would blame every visitor, and log nothing."""

    class Failing:
        healthy = True

        def __init__(self, **_: Any) -> None:
            pass

        def schedule(self, *_: Any, **__: Any) -> Future[str]:
            future: Future[str] = Future()
            future.set_exception(error)
            return future

    monkeypatch.setattr(listener, "Processes", Failing)
    with pytest.raises(answer, match=told):
        await listener.Listener(None).prepare(b"", longest_s=1.0)


async def test_two_recordings_that_find_no_process_start_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other would have no owner who ends it."""
    monkeypatch.setattr(listener, "Processes", Started)
    ears = listener.Listener(None)
    await asyncio.gather(*(ears.prepare(b"", longest_s=1.0) for _ in range(2)))
    assert Started.count == 1


def test_a_language_that_a_multilingual_model_lacks_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The model itself raises a ValueError, which would be no answer at all."""

    def transcribe(*_: object, language: str, **__: object) -> None:
        raise ValueError(f"{language!r} is not a valid language code")

    model = SimpleNamespace(
        model=SimpleNamespace(is_multilingual=True),
        supported_languages=["en", "de"],
        transcribe=transcribe,
    )
    monkeypatch.setattr(listener, "_model", model)
    recording = Recording(container="WAV", samples=np.zeros(RATE_HZ, np.float32))
    with pytest.raises(WrongLanguage, match="'xx'"):
        listener._transcribe(listener._Speech(recording, "xx"))
