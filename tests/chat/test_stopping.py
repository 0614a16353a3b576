"""What a backend that stops leaves behind."""

import os
import sys
from pathlib import Path

import httpx
import pytest

from chat_backend.server import open_chat
from shared_schema.ids import VoiceProfile
from shared_schema.session_document import read_document
from shared_schema.settings import Settings

ASK = {"message": "What stays?", "slots": [{"slotId": 1, "agentId": "gpt-4o"}]}


class UnfinishedSpeech:
    """Speaks into a pipe that nobody writes to: the wave job begins and does not end."""

    async def start(self) -> None:
        pass

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        path.parent.mkdir(parents=True)
        os.mkfifo(path)

    async def close(self) -> None:
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
async def test_what_ends_while_the_backend_stops_is_written(tmp_path: Path) -> None:
    """A wave job that the stop ends has failed in session.json: nobody would write it later."""
    settings = Settings(
        artifacts_dir=tmp_path, agents="offline", events_ws_enabled=False, waves_max_workers=1
    )
    async with open_chat(settings, speech=UnfinishedSpeech()) as app:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as visitor:
            answer = await visitor.post("/v1/chat", json=ASK)
    assert "event: done" in answer.text
    (path,) = tmp_path.glob("tts/sessions/*/session.json")
    document = read_document(path)
    assert document is not None
    assert document.settled
