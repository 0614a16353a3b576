"""The voice as the workflow meets it: files, errors, six at once, and a free event loop."""

import asyncio
import errno
import threading
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import pytest_asyncio

from chat_backend.errors import SpeechFailed
from chat_backend.speech import hibari
from chat_backend.speech.engine import Speech
from chat_backend.speech.hibari import HibariModel, HibariSpeech, synthesize
from chat_backend.speech.shaping import Frames
from shared_schema.ids import VOICE_PROFILES

T = TypeVar("T")

LONG = (
    "You said water remembers, and I believe the river keeps every name it was given. "
    "Two people can look at the same pond and see different skies. When the wind stops, listen "
    "for what keeps moving, because that part of the lake was never about you. A good question "
    "floats even when nobody is holding it, and yours has been floating here all evening long."
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def speech() -> AsyncIterator[HibariSpeech]:
    """A started voice with two workers."""
    voice = HibariSpeech(workers=2)
    await voice.start()
    yield voice
    await voice.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")


def names(folder: Path) -> list[str]:
    """Everything in the folder and below."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


async def test_it_is_a_speech(speech: HibariSpeech) -> None:
    """The interface and the implementation agree (the type checker reads this line)."""
    engine: Speech = speech
    assert engine is speech


async def test_a_file_is_mono_pcm_16_at_24_khz(speech: HibariSpeech, tmp_path: Path) -> None:
    """And its folders are made."""
    path = tmp_path / "turn_1" / "slot-1.wav"
    await speech.speak("Hello, water.", "friendly_casual", path)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        assert 0.5 < file.getnframes() / 24_000 < 3.0
    assert names(tmp_path) == ["turn_1", "turn_1/slot-1.wav"]


@pytest.mark.parametrize("text", ["", "🌊", "你好", "?!"])
async def test_an_unspeakable_text_fails_and_leaves_no_file(
    speech: HibariSpeech, tmp_path: Path, text: str
) -> None:
    """An error of the slot, not silence."""
    with pytest.raises(SpeechFailed):
        await speech.speak(text, "calm_soothing", tmp_path / "x.wav")
    assert not names(tmp_path)


@pytest.mark.parametrize("text", ["hmm", "3.14", "a", "zzzzz", "½", "HELLO!!!", "x" * 400, "%"])
async def test_strange_words_are_spoken(speech: HibariSpeech, tmp_path: Path, text: str) -> None:
    """Whatever has a reading has a sound."""
    await speech.speak(text, "playful_expressive", tmp_path / "x.wav")
    assert (tmp_path / "x.wav").stat().st_size > 5000


async def test_a_file_where_the_folder_should_be_is_named(
    speech: HibariSpeech, tmp_path: Path
) -> None:
    """The message has the file and the system's reason, but not the path of our folders."""
    (tmp_path / "turn_1").write_text("in the way")
    with pytest.raises(SpeechFailed, match=r"cannot write turn_1/slot-1\.wav: ") as caught:
        await speech.speak("Hello.", "friendly_casual", tmp_path / "turn_1" / "slot-1.wav")
    assert str(tmp_path) not in str(caught.value)
    assert names(tmp_path) == ["turn_1"]


async def test_a_full_disk_is_named_and_leaves_nothing(
    speech: HibariSpeech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file is removed again."""

    def half_written(signal: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hibari, "write_wav", half_written)
    with pytest.raises(SpeechFailed, match="No space left on device"):
        await speech.speak("Hello.", "friendly_casual", tmp_path / "x.wav")
    assert not names(tmp_path)


async def test_six_at_once_leave_the_event_loop_free(
    speech: HibariSpeech, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an utterance is made or written, in a worker thread, the event loop answers."""
    loop = asyncio.get_running_loop()
    threads: set[str] = set()

    def checked(work: Callable[..., T]) -> Callable[..., T]:
        def run(*arguments: Any, **named: Any) -> T:
            threads.add(threading.current_thread().name)
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(60)
            return work(*arguments, **named)

        return run

    for name in ("synthesize", "write_wav"):
        monkeypatch.setattr(hibari, name, checked(getattr(hibari, name)))
    await asyncio.gather(
        *(speech.speak(LONG, profile, tmp_path / f"{profile}.wav") for profile in VOICE_PROFILES)
    )
    assert names(tmp_path) == sorted(f"{profile}.wav" for profile in VOICE_PROFILES)
    assert threads
    assert all(name.startswith("speech") for name in threads)


async def test_who_no_longer_waits_gets_no_file(speech: HibariSpeech, tmp_path: Path) -> None:
    """A stopped session's utterance does not turn up later."""
    task = asyncio.create_task(speech.speak(LONG, "calm_soothing", tmp_path / "late.wav"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # Both workers' queues are behind the abandoned job when these are done.
    await asyncio.gather(
        *(speech.speak("Done.", "calm_soothing", tmp_path / f"{n}.wav") for n in range(4))
    )
    assert not (tmp_path / "late.wav").exists()


async def test_speaking_before_the_start_and_after_the_end_is_an_error(tmp_path: Path) -> None:
    """It is an error of the slot; closing twice does no harm."""
    voice = HibariSpeech(workers=1)
    with pytest.raises(SpeechFailed, match="not been started"):
        await voice.speak("Hello.", "friendly_casual", tmp_path / "x.wav")
    await voice.close()
    await voice.close()


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "not finite"), (0.0, "silence")], ids=["nan", "zeros"]
)
async def test_a_broken_model_is_an_error_and_not_a_file(
    model: HibariModel, monkeypatch: pytest.MonkeyPatch, value: float, reason: str
) -> None:
    """Neither NaN nor silence goes to a loudspeaker."""

    def broken(frames: Frames, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype]:
        return np.full(24_000, value, np.float32)

    monkeypatch.setattr(model, "signal", broken)
    with pytest.raises(SpeechFailed, match=reason):
        synthesize(model, "Hello.", "friendly_casual")
