"""Sessions on disk that are not as the backend wrote them, and text that steers a terminal."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared_schema.chat import encode_chat_event
from shared_schema.foreign_text import shown, shown_lines
from shared_schema.layout import session_file
from shared_schema.runtime.process.exits import CONFIGURATION, FAILED
from tests.support.client import listening
from tests.support.platforms import posix
from tests.support.processes import Process, System, system, until
from tests.support.sessions import session_id
from tests.support.staging import brief_chat
from tests.support.visitor import post, request

ASK = {
    "message": "What stays?",
    "slots": [{"slotId": 1, "agentId": "gpt-4o"}, {"slotId": 2, "agentId": "gpt-5.1"}],
}
NASTY = "\x1b]0;owned\x07\x1b[2J\x9b1A\u202edlrow\nforged line\r"
NOT_UTF8 = b'{"format":2,"message":"\xff\xfe"}'


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with one sound session, and its id."""
    with system(tmp_path_factory.mktemp("odd"), artifacts_keep_days=1) as it:
        it.gateway()
        brief_chat(it)
        yield it


@pytest.fixture(scope="module")
def sound(show: System) -> str:
    session = post(show.chat_url, ASK).session_id
    show.settled(session)
    return session


def edited(show: System, session: str, number: int, **changes: Any) -> str:
    """Return a copy of a session, its document edited by hand."""
    other = session_id(number)
    for root in ("tts", "waves"):
        folder = show.artifacts / root / "sessions"
        shutil.copytree(folder / session, folder / other)
    path = show.artifacts / session_file(other)
    text = path.read_text("utf-8").replace(session, other)
    path.write_text(json.dumps({**json.loads(text), **changes}), "utf-8")
    return other


def lines_of(process: Process) -> str:
    """Return what a process has written, its ends of lines as on POSIX and all else as it is."""
    return process.output.read_bytes().decode().replace(os.linesep, "\n")


def recordings(show: System) -> httpx.Response:
    return request(show.gateway_url, "GET", "/v1/recordings")


@posix("links without a privilege")
def test_odd_sessions_are_skipped_one_by_one_and_named_once(
    show: System, sound: str, tmp_path: Path
) -> None:
    """Listed, offered for rehearsals and cleaned up is what is sound, whatever lies beside it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    sessions = show.artifacts / "tts/sessions"
    (sessions / session_id(1)).symlink_to(outside)
    (show.artifacts / "waves/sessions" / session_id(1)).symlink_to(outside)
    for number, content in ((2, NOT_UTF8), (3, b"{}"), (4, b"9" * 9_000_000)):
        (sessions / session_id(number)).mkdir()
        (sessions / session_id(number) / "session.json").write_bytes(content)
    (sessions / session_id(5)).write_text("no folder")
    (sessions / session_id(6)).mkdir()
    (sessions / session_id(6) / "session.json").symlink_to(outside / "session.json")
    (sessions / session_id(7)).mkdir()
    os.mkfifo(sessions / session_id(7) / "session.json")
    (sessions / os.fsdecode(b"\xff-not-utf8")).mkdir()
    edited(show, sound, 8, dialogues=[{"targetSlotId": 6, "commenterSlotIds": [6, 6]}])
    edited(show, sound, 9, utterances="none")
    future = time.time() * 1e3
    edited(show, sound, 10)
    os.utime(sessions / session_id(10), (future, future))
    odd = [session_id(number) for number in (1, 2, 3, 4, 5, 6, 7, 9)]

    listed = show.command("chat_backend", "sessions", "list")
    assert listed.popen.returncode == 0, listed.log
    assert "Traceback" not in listed.log
    assert f"{sound}  2" in listed.log
    for session in odd:
        (line,) = [line for line in listed.log.splitlines() if session in line]
        assert line.startswith(f"skipped {session}: "), line

    (outside / "kept").touch()
    for undo in ((), ("--undo",)):
        marked = show.command("chat_backend", "sessions", "keep", session_id(1), *undo)
        assert marked.popen.returncode == FAILED
        assert "its folder is a link" in marked.log
    assert (outside / "kept").exists()

    for _ in range(2):
        answer = recordings(show)
        assert answer.status_code == httpx.codes.OK
        found = {each["sessionId"] for each in answer.json()["recordings"]}
        assert sound in found
        assert found.isdisjoint(odd)
    for session in odd:
        assert request(show.gateway_url, "GET", f"/v1/recordings/{session}").status_code == 404
    gateway, chat = show.processes[:2]
    for session in odd[1:4]:
        line = f"odd session  session={session}"
        gateway.until_logged(line)
        assert gateway.log.count(line) == 1

    # Housekeeping begins with a start: the old one goes, whatever lies before and after it.
    old = edited(show, sound, 11)
    for path in (show.artifacts / "tts/sessions" / old).rglob("*"):
        os.utime(path, (0, 0))
    for path in (show.artifacts / "waves/sessions" / old).rglob("*"):
        os.utime(path, (0, 0))
    chat.stop()
    again = brief_chat(show)
    until(lambda: not (sessions / old).exists(), "the old one gone")
    again.until_logged("old sessions removed")
    assert again.log.count(f"odd session  session={session_id(2)}") == 1
    assert outside.is_dir()


@posix("paths of that length")
def test_folders_within_folders_end_no_command(show: System, sound: str, tmp_path: Path) -> None:
    """More than Python's stack has levels: named by the list, in the report, and deleted."""
    deep = session_id(13)
    nested = show.artifacts / "tts/sessions" / deep
    for _ in range(1500):
        nested.mkdir()
        nested /= "d"
    try:
        listed = show.command("chat_backend", "sessions", "list")
        report = show.command("chat_backend", "report", "--to", str(tmp_path / "report.zip"))
        exported = show.command("chat_backend", "sessions", "export", deep)
    finally:  # before the folder is removed by pytest, with Python's own limit
        deleted = show.command("chat_backend", "sessions", "delete", deep)
    assert f"skipped {deep}: " in listed.log
    assert f"{sound}  2" in listed.log
    assert report.popen.returncode == 0, report.log
    assert exported.popen.returncode == FAILED
    assert f"{deep} cannot be read: " in exported.log
    assert deleted.popen.returncode == 0, deleted.log
    assert not (show.artifacts / "tts/sessions" / deep).exists()


async def test_text_of_a_visitor_steers_no_terminal(show: System, sound: str) -> None:
    """Whatever a session.json holds: commands show it, clients get it without controls."""
    utterances = json.loads((show.artifacts / session_file(sound)).read_text("utf-8"))["utterances"]
    nasty = edited(
        show,
        sound,
        12,
        message=NASTY,
        utterances=[
            json.loads(json.dumps({**each, "text": NASTY}).replace(sound, session_id(12)))
            for each in utterances
        ],
    )
    async with listening(show.events_url) as client:
        sent = post(show.chat_url, {**ASK, "message": f"Why {NASTY}?"})
        await client.told(sent.session_id)
        for arguments in (
            ("chat_backend", "sessions", "list"),
            ("chat_backend", "sessions", "show", nasty),
            ("chat_backend", "sessions", "prune", "--days", "0", "--dry-run"),
            ("chat_backend", "sessions", "show", f"{NASTY}?"),
            ("event_gateway", "history", sent.session_id),
            ("event_gateway", "history", NASTY),
            ("event_gateway", "rehearse", nasty, "--speed", "100"),
            ("event_gateway", "rehearse", NASTY),
            ("event_gateway", "listen", "--url", f"ws://localhost:1/{NASTY}", "--timeout", "0"),
            ("chat_backend", "say", f"Why {NASTY}?", "--no-wait"),
        ):
            output = lines_of(show.command(*arguments))
            assert output, arguments
            assert shown_lines(output) == output, arguments
            assert not output.startswith("forged line")
            assert "\nforged line" not in output
        await client.told()
    assert any("forged line" in each and "rehearsal" in each for each in client.raw)
    for raw in client.raw:
        assert "\\u00" not in raw
        assert shown(raw) == raw
    for process in show.processes:
        log = lines_of(process)
        assert shown_lines(log) == log
    for _, event in sent.events:
        assert shown(encoded := encode_chat_event(event)) == encoded
        assert "\\u00" not in encoded
    stored = (show.artifacts / session_file(sent.session_id)).read_text("utf-8")
    assert "\\u001b" not in stored
    assert "forged line" in stored


@posix("links without a privilege")
@pytest.mark.parametrize(
    ("folder", "what"),
    [("tts", "a link"), ("tts", "no folder"), ("gateway", "a link"), ("run", "a link")],
)
def test_a_linked_folder_is_seen_at_the_start(tmp_path: Path, folder: str, what: str) -> None:
    """Or a file: one line that names it and the remedy, before anything is written there."""
    (tmp_path / "elsewhere").mkdir()
    with system(tmp_path / "show") as show:
        show.artifacts.mkdir(parents=True)
        place = show.artifacts / folder
        if what == "a link":
            place.symlink_to(tmp_path / "elsewhere")
        else:
            place.touch()
        servers = [
            show.start(package, "-m", package, *supervise)
            for package in ("chat_backend", "event_gateway")
            for supervise in ((), ("supervise",))
        ]
        for server in servers:
            assert server.wait() == CONFIGURATION
            (line,) = server.log.splitlines()
            assert f"{place} is {what}" in line
            assert "RR_ARTIFACTS_DIR" in line
        assert list((tmp_path / "elsewhere").iterdir()) == []
        listed = show.command("chat_backend", "sessions", "list")
        assert f"is {what}" in listed.log
