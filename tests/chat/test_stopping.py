"""What a backend that stops leaves behind."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from chat_backend.server import open_chat
from chat_backend.speech.engine import Speech
from chat_backend.speech.voices import Voices
from chat_backend.storage.archive import write_document
from shared_schema.ids import VoiceProfile
from shared_schema.session_document import SessionDocument, read_document
from shared_schema.settings import Settings
from tests.support.platforms import PIPES

ASK = {"message": "What stays?", "slots": [{"slotId": 1, "agentId": "gpt-4o"}]}


class UnfinishedSpeech:
    """Speaks into a pipe that nobody writes to: the wave job begins and does not end."""

    async def start(self) -> None:
        pass

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        path.parent.mkdir(parents=True)
        os.mkfifo(path)

    def with_voices(self, _: Voices) -> "UnfinishedSpeech":
        return self

    async def close(self) -> None:
        pass


@PIPES
async def test_what_ends_while_the_backend_stops_is_written(tmp_path: Path) -> None:
    """A wave job that the stop ends has failed in session.json: nobody would write it later."""
    (document,) = await visit(tmp_path, speech=UnfinishedSpeech())
    assert document is not None
    assert document.settled


class FailingDisk:
    """Refuses session.json as often as it is told to, each time with `error`."""

    def __init__(self, error: Exception, *, times: int) -> None:
        self.error, self.left = error, times

    def __call__(self, path: Path, document: SessionDocument) -> None:
        """Write it, or raise."""
        if self.left:
            self.left -= 1
            raise self.error
        write_document(path, document)


async def nothing() -> None:
    pass


async def visit(
    root: Path, speech: Speech | None = None, meanwhile: Callable[[], Awaitable[None]] = nothing
) -> list[SessionDocument | None]:
    """Run one session, stop in order, and return what was written."""
    settings = Settings(
        artifacts_dir=root, agents="offline", events_ws_enabled=False, waves_max_workers=1
    )
    async with open_chat(settings, speech=speech) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as visitor:
            answer = await visitor.post("/v1/chat", json=ASK)
            assert "event: done" in answer.text
        await meanwhile()
    return [read_document(path) for path in root.glob("tts/sessions/*/session.json")]


async def test_a_refused_session_file_is_written_when_the_disk_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is unsaved stays unsaved until it is written."""

    async def written() -> None:
        while disk.left or not list(tmp_path.glob("tts/sessions/*/session.json")):
            await asyncio.sleep(0.01)

    disk = FailingDisk(OSError("no space left on device"), times=3)
    monkeypatch.setattr("chat_backend.session.sessions.write_document", disk)
    monkeypatch.setattr("chat_backend.session.sessions.FIRST_RETRY_S", 0.01)
    (document,) = await visit(tmp_path, meanwhile=written)
    assert document is not None
    assert document.settled


async def test_a_session_whose_file_fails_for_another_reason_ends_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged; the backend stops, and its pages do not call the session live for ever."""
    disk = FailingDisk(RuntimeError("a mistake of ours"), times=1_000)
    monkeypatch.setattr("chat_backend.session.sessions.write_document", disk)
    with capture_logs() as logs:
        assert await visit(tmp_path) == []
    assert "session.json crashed" in [line["event"] for line in logs]


async def test_a_deletion_waits_for_the_file_that_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers when nothing is left, not while a writer may still put the file back."""
    writing, go_on = threading.Event(), threading.Event()

    def slowly(path: Path, document: SessionDocument) -> None:
        if document.settled:
            writing.set()
            go_on.wait(60)
        write_document(path, document)

    monkeypatch.setattr("chat_backend.session.sessions.write_document", slowly)
    settings = Settings(
        artifacts_dir=tmp_path, agents="offline", events_ws_enabled=False, waves_max_workers=1
    )
    folders = tmp_path / "tts" / "sessions"
    async with open_chat(settings) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as visitor:
            await visitor.post("/v1/chat", json=ASK)
            await asyncio.to_thread(writing.wait, 60)
            (session,) = folders.iterdir()
            deleting = asyncio.create_task(visitor.delete(f"/v1/sessions/{session.name}"))
            done, _ = await asyncio.wait([deleting], timeout=0.5)
            go_on.set()
            assert not done
            assert (await deleting).is_success
            assert list(folders.iterdir()) == []
