"""The running backend makes room and warns of a full disk; the commands look after the rest."""

import json
import os
import time
import zipfile
from pathlib import Path

import pytest

from shared_schema.layout import session_file
from tests.support.client import listening
from tests.support.processes import Process, System, system, until
from tests.support.sessions import session_id
from tests.support.staging import brief_chat
from tests.support.visitor import post, request

ASK = {"message": "What stays?", "slots": [{"slotId": 1, "agentId": "gpt-4o"}]}
DAY_S = 86_400


def sessions(show: System, *arguments: str) -> Process:
    process = show.start("sessions", "-m", "chat_backend", "sessions", *arguments)
    process.wait()
    return process


def grow_old(show: System, session: str, *, days: float) -> None:
    """Let a session's files be that old."""
    at = time.time() - days * DAY_S
    for root in ("tts", "waves"):
        for path in (show.artifacts / root / "sessions" / session).rglob("*"):
            os.utime(path, (at, at))


def test_old_sessions_go_and_the_disk_is_watched(tmp_path: Path) -> None:
    """With RR_ARTIFACTS_KEEP_DAYS=7 one of eight days goes at the start, one of six stays."""
    with system(tmp_path) as show:
        chat = brief_chat(show)
        ids = [post(show.chat_url, ASK).session_id for _ in range(2)]
        for each in ids:
            show.settled(each)
        documents = [show.artifacts / session_file(each) for each in ids]
        assert request(show.chat_url, "GET", "/v1/health").json()["warnings"] == []
        chat.stop()
        grow_old(show, ids[0], days=8)
        grow_old(show, ids[1], days=6)
        show.settings |= {"RR_ARTIFACTS_KEEP_DAYS": "7", "RR_DISK_MIN_GB": "1000000"}
        brief_chat(show)
        until(lambda: not documents[0].parent.exists(), "the old one gone")
        assert documents[1].exists()
        (warning,) = request(show.chat_url, "GET", "/v1/health").json()["warnings"]
        assert "RR_DISK_MIN_GB" in warning
        assert "sessions prune" in warning


def test_what_a_killed_life_left_half_written_goes_at_the_start(tmp_path: Path) -> None:
    """A partial file of a process that is gone does not stay for ever."""
    with system(tmp_path) as show:
        gone = show.start("gone", "-c", "")
        gone.wait()
        partial = show.artifacts / f"tts/sessions/{session_id()}/turn_1/slot-1.wav.{gone.pid}.tmp"
        partial.parent.mkdir(parents=True)
        partial.write_bytes(b"half")
        brief_chat(show)
        until(lambda: not partial.exists(), "the partial file gone")


async def test_the_commands_look_after_sessions(tmp_path: Path) -> None:
    """list, show, export with events, prune; each mistake names the remedy."""
    with system(tmp_path) as show:
        empty = sessions(show, "list")
        assert "chat_backend say" in empty.log
        show.gateway()
        brief_chat(show)
        async with listening(show.events_url) as client:
            ask = {**ASK, "slots": [*ASK["slots"], {"slotId": 2, "agentId": "gpt-5.1"}]}
            session = post(show.chat_url, ask).session_id
            told = await client.told(session)
        assert session in sessions(show, "list").log
        shown = json.loads(sessions(show, "show", session[:8]).log)
        assert shown["message"] == "What stays?"
        target = tmp_path / "evening.zip"
        exported = sessions(show, "export", session[:8], "--to", str(target))
        assert exported.popen.returncode == 0, exported.log
        with zipfile.ZipFile(target) as zipped:
            events = zipped.read("events.jsonl").splitlines()
            assert [json.loads(each)["seq"] for each in events] == [each.seq for each in told]
            assert any(name.startswith("speech/turn_1/") for name in zipped.namelist())
            assert any(name.endswith("_v3_wave_mix.wav") for name in zipped.namelist())
        unknown = sessions(show, "show", "ffffffff")
        assert unknown.popen.returncode != 0
        assert "sessions list" in unknown.log
        show.settings["RR_ARTIFACTS_KEEP_DAYS"] = "0"
        vague = sessions(show, "prune")
        assert vague.popen.returncode != 0
        assert "RR_ARTIFACTS_KEEP_DAYS" in vague.log
        grow_old(show, session, days=2)
        assert session in sessions(show, "prune", "--days", "1", "--dry-run").log
        assert session in sessions(show, "list").log
        assert sessions(show, "prune", "--days", "1").popen.returncode == 0
        assert session not in sessions(show, "list").log


@pytest.mark.parametrize(
    "command",
    [
        "chat_backend say",
        "chat_backend check",
        "chat_backend report",
        "chat_backend restart",
        "chat_backend supervise",
        "chat_backend sessions list",
        "chat_backend sessions show",
        "chat_backend sessions export",
        "chat_backend sessions keep",
        "chat_backend sessions delete",
        "chat_backend sessions prune",
        "event_gateway listen",
        "event_gateway keys",
        "event_gateway rehearse",
        "event_gateway sample",
        "event_gateway history",
        "event_gateway delete",
        "event_gateway describe",
        "event_gateway restart",
        "event_gateway supervise",
    ],
)
def test_every_command_shows_an_example(tmp_path: Path, command: str) -> None:
    """--help ends well and shows how it is used."""
    with system(tmp_path) as show:
        process = show.start("help", "-m", *command.split(), "--help")
        assert process.wait() == 0
        words = " ".join(process.log.replace("\u2502", " ").split())
        assert f"Example: python -m {command}" in words, process.log
