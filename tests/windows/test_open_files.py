"""Sessions while another program has their files open: a sync client, a scanner, an editor."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from shared_schema.chat import SlotAudio, SlotError
from shared_schema.events import DialogueWavesReady
from shared_schema.layout import SESSION_ROOTS
from shared_schema.runtime.process.control import Control, Request, RunFile, run_file
from tests.support.client import listening, turn1_of
from tests.support.platforms import windows
from tests.support.processes import system, until
from tests.support.visitor import post

pytestmark = [
    windows("files that cannot be replaced while they are open"),
    pytest.mark.timeout(600),
]

MESSAGE = {"message": "What does the scanner dream of?"}
SCAN_S = 0.04
HELD_S = 4.0


@contextmanager
def scanning(artifacts: Path) -> Iterator[set[Path]]:
    """Open every new file of a session, once, for as long as a scanner does; yield which."""
    scanned: set[Path] = set()
    over = threading.Event()

    def scan() -> None:
        while not over.wait(0.002):
            for path in (
                path for root in SESSION_ROOTS for path in artifacts.glob(f"{root}/*/**/*")
            ):
                if path not in scanned and path.is_file():
                    scanned.add(path)
                    try:
                        with path.open("rb") as file:
                            file.read(4096)
                            time.sleep(SCAN_S)
                    except OSError:  # it was renamed just now
                        scanned.discard(path)

    thread = threading.Thread(target=scan)
    thread.start()
    try:
        yield scanned
    finally:
        over.set()
        thread.join()


async def test_three_sessions_beside_a_scanner_lose_nothing(tmp_path: Path) -> None:
    with system(tmp_path, events_turn1_timeout_s=300, events_dialogue_timeout_s=300) as it:
        it.gateway()
        it.chat()
        async with listening(it.events_url, ping_interval=None) as touchdesigner:
            with scanning(it.artifacts) as scanned:
                for _ in range(3):
                    stream = await asyncio.to_thread(post, it.chat_url, MESSAGE)
                    events = await touchdesigner.told(stream.session_id)
                    assert stream.of(SlotError) == []
                    assert len(stream.of(SlotAudio, 1)) == 6
                    assert turn1_of(events).payload.status == "complete"
                    dialogues = [each for each in events if isinstance(each, DialogueWavesReady)]
                    assert {each.payload.status for each in dialogues} == {"complete"}
        assert len(scanned) > 100
        assert not list(it.artifacts.rglob("*.tmp"))


def test_a_session_that_is_scanned_meanwhile_is_deleted(tmp_path: Path) -> None:
    """Its files are opened one after the other, again and again, so that always one is open."""
    with system(tmp_path) as it:
        it.gateway()
        it.chat()
        session = post(it.chat_url, MESSAGE).session_id
        it.settled(session)
        folders = [it.artifacts / root / session for root in SESSION_ROOTS]
        over = threading.Event()

        def scan() -> None:
            while not over.is_set():
                for path in (path for folder in folders for path in folder.rglob("*.*")):
                    with contextlib.suppress(OSError), path.open("rb"):
                        time.sleep(SCAN_S)

        scanner = threading.Thread(target=scan)
        scanner.start()
        try:
            deletion = it.command("chat_backend", "sessions", "delete", session)
        finally:
            over.set()
            scanner.join()
        assert deletion.popen.returncode == 0, deletion.log
        assert [folder for folder in folders if folder.exists()] == []


def test_a_session_file_that_an_editor_holds_is_right_in_the_end(tmp_path: Path) -> None:
    held = threading.Event()

    def hold() -> None:
        path = until(
            lambda: next(tmp_path.glob("artifacts/tts/sessions/*/session.json"), None), "it"
        )
        with path.open("rb"):
            held.set()
            time.sleep(HELD_S)  # longer than a refused replacement is tried again at once

    with system(tmp_path) as it:
        chat = it.chat()
        editor = threading.Thread(target=hold)
        editor.start()
        stream = post(it.chat_url, MESSAGE)
        it.settled(stream.session_id)
        editor.join()
        assert held.is_set()
        chat.until_logged("session.json not written")


def test_requests_and_the_run_file_wait_for_a_scanner(tmp_path: Path) -> None:
    control = Control("toy", tmp_path)
    control.publish()
    run = msgspec.json.decode(run_file(tmp_path, "toy").read_bytes(), type=RunFile)
    request = Request(instance=run.instance, action="stop")
    path = tmp_path / "toy.1.request"
    path.write_bytes(msgspec.json.encode(request))
    with path.open("rb"):
        assert control.requests() == []
    assert control.requests() == [request]
    assert not path.exists()
    with run_file(tmp_path, "toy").open("rb"):
        control.publish(starts=1)
    run = msgspec.json.decode(run_file(tmp_path, "toy").read_bytes(), type=RunFile)
    assert run.starts == 1
