"""Rows of the failure table that need a whole machine: stopped processes and a full disk."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared_schema.chat import Done, SlotAudio, SlotDone, SlotError, TurnDone
from shared_schema.runtime.process.exits import OK
from tests.support.client import backend, listening, turn1_of
from tests.support.local_http import LOCAL
from tests.support.processes import System, runs, system, until
from tests.support.sessions import whole
from tests.support.staging import brief_chat
from tests.support.visitor import post, request

MESSAGE = {"message": "Who taught the rain to knock?"}
SILENCE_S = 2


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path, bus_silence_s=SILENCE_S) as it:
        yield it


async def test_a_stopped_backend_is_silent_and_goes_on_when_it_is_continued(
    installation: System,
) -> None:
    """Beyond the silence limit Turn 1 is told with what is ready; the dialogues come later."""
    installation.gateway()
    chat = installation.chat("-m", "tests.support.staged_chat")
    (installation.folder / "stage.json").write_text('{"wait_s": 0.3}', "utf-8")
    async with listening(installation.events_url) as touchdesigner:
        heard: list[SlotAudio] = []

        def stop_at_second_audio(event: object) -> bool:
            if isinstance(event, SlotAudio) and event.turn_index == 1:
                heard.append(event)
                if len(heard) == 2:
                    chat.suspend()
            return True

        visiting = asyncio.create_task(
            asyncio.to_thread(post, installation.chat_url, MESSAGE, on_event=stop_at_second_audio)
        )
        turn1 = await touchdesigner.session_event()
        chat.resume()
        stream = await visiting
        stream.assert_in_order()
        replies = len(stream.of(SlotDone, 3))
        dialogues = [await touchdesigner.session_event() for _ in range(replies)]
        await touchdesigner.nothing()
    assert [event.seq for event in [turn1, *dialogues]] == list(range(1, replies + 2))
    assert turn1_of([turn1]).payload.status == "partial"


async def test_a_long_stop_of_the_gateway_changes_nothing_for_the_visitor(
    installation: System,
) -> None:
    """The stream ends as fast as without; on SIGCONT everything arrives, once."""
    gateway = installation.gateway()
    brief_chat(installation)
    async with listening(installation.events_url, ping_interval=None) as touchdesigner:
        await asyncio.to_thread(post, installation.chat_url, MESSAGE)
        await touchdesigner.told()
        gateway.suspend()
        stream = await asyncio.to_thread(post, installation.chat_url, MESSAGE)
        stream.assert_in_order()
        await asyncio.sleep(2 * SILENCE_S)  # it stands still for longer than any silence
        gateway.resume()
        events = await touchdesigner.told(stream.session_id)
        await touchdesigner.nothing()
    assert turn1_of(events).payload.status == "complete"
    assert len(events) == 1 + len(stream.of(SlotDone, 3))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes, where we may mount one."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    mount = shutil.which("mount")
    if sys.platform != "linux" or os.geteuid() != 0 or mount is None:
        pytest.skip("needs root on Linux to mount a small disk")
    command = [mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a disk")
    yield folder
    umount = shutil.which("umount") or "umount"
    until(lambda: subprocess.run([umount, str(folder)], check=False).returncode == 0, "unmounted")


def fill(folder: Path) -> Path:
    """Leave no room on a disk."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


async def test_a_full_disk_is_told_per_slot_and_passes(small_disk: Path, tmp_path: Path) -> None:
    """slot.error with the reason, the session ends in order, and the next one is whole."""
    with system(tmp_path) as installation:
        installation.gateway()
        brief_chat(installation)
        ballast = fill(small_disk)
        stream = await asyncio.to_thread(post, installation.chat_url, MESSAGE)
        stream.assert_in_order()
        assert stream.of(SlotAudio) == []
        assert len(stream.of(SlotDone, 1)) == 6
        assert all("space" in error.error.message for error in stream.of(SlotError))
        assert not list(small_disk.rglob("*.tmp"))
        ballast.unlink()
        body = {**MESSAGE, "slots": [{"slotId": 1, "agentId": "gpt-4o"}]}
        again = await asyncio.to_thread(post, installation.chat_url, body)
        assert len(again.of(SlotAudio)) == 1


def test_a_gateway_killed_on_a_full_disk_is_back_when_there_is_room(
    small_disk: Path, tmp_path: Path
) -> None:
    """Its restart is refused; each reason is said once, `status` names it, the show goes on."""
    with system(tmp_path) as installation:
        supervisor = installation.start("supervisor", "-m", "event_gateway", "supervise")
        installation.wait_ready(supervisor, f"{installation.gateway_url}/readyz")
        server = until(lambda: next(iter(supervisor.note_children()), None), "a server")
        run_file = small_disk / "run" / "event_gateway.json"
        for path in run_file.parent.iterdir():
            path.unlink()  # as if the disk had been mounted meanwhile
        until(run_file.exists, "the run file made anew")
        supervisor.suspend()
        server.kill()
        until(lambda: not runs(server), "the gateway's end")
        for path in (small_disk / "gateway").iterdir():
            path.unlink()  # a new outbox needs room
        ballast = fill(small_disk)
        supervisor.resume()
        supervisor.until_logged("server refuses to start")
        time.sleep(3)  # several tries
        assert supervisor.log.count("server refuses to start") == 1
        reasons = [line for line in supervisor.log.splitlines() if line.startswith("gateway: ")]
        assert len(reasons) == len(set(reasons)) > 0
        assert reasons[-1] in installation.command("event_gateway", "status").log
        ballast.unlink()
        installation.wait_ready(supervisor, f"{installation.gateway_url}/readyz")
        supervisor.until_logged("server can start again")
        until(lambda: '"listening":true' in run_file.read_text("utf-8"), "the run file right")


def test_restart_and_stop_need_no_room(small_disk: Path, tmp_path: Path) -> None:
    """A server without its terminal can be stopped on a full disk, too."""
    with system(tmp_path) as installation:
        supervisor = installation.start("supervisor", "-m", "event_gateway", "supervise")
        installation.wait_ready(supervisor, f"{installation.gateway_url}/readyz")
        fill(small_disk)
        for command in ("restart", "stop"):
            asked = installation.command("event_gateway", command)
            assert asked.popen.returncode == OK, asked.log
        assert supervisor.wait() == OK
        assert not list((small_disk / "run").glob("*.request"))


async def test_nothing_is_sent_that_can_not_be_recorded(small_disk: Path, tmp_path: Path) -> None:
    """With a full disk readyz is 503; with room again what waited is recorded and sent."""
    with system(tmp_path) as installation:
        installation.gateway()
        async with (
            backend(installation.bus_url, installation.artifacts) as chat,
            listening(installation.events_url) as touchdesigner,
        ):
            chat.tell(whole(1))
            assert len(await touchdesigner.told()) == 3
            for number in range(2, 5):
                chat.write(whole(number))
            ballast = fill(small_disk)
            for number in range(2, 5):
                chat.tell(whole(number), write=False)

            def refuses() -> bool:
                answer = httpx.get(f"{installation.gateway_url}/readyz", **LOCAL)
                return answer.status_code == 503

            await asyncio.to_thread(until, refuses, "readyz 503")
            await touchdesigner.nothing()
            ballast.unlink()
            for number in range(2, 5):
                events = await touchdesigner.told()
                assert {event.session_id for event in events} == {whole(number).session_id}
                assert [event.seq for event in events] == [1, 2, 3]


async def test_a_gateway_that_is_back_within_the_window_tells_a_finished_session(
    installation: System,
) -> None:
    """Started after the session's end, it tells Turn 1 and dialogues as if it had been there."""
    brief_chat(installation)
    stream = await asyncio.to_thread(post, installation.chat_url, MESSAGE)
    assert isinstance(stream.events[-1][1], Done)
    assert stream.of(TurnDone)
    made = len(stream.of(SlotAudio))
    await asyncio.to_thread(
        until,
        lambda: len(list(installation.artifacts.rglob("*_v3_wave_mix.wav"))) == made,
        "all waves made",
    )
    installation.gateway()
    async with listening(installation.events_url) as touchdesigner:
        events = await touchdesigner.told(stream.session_id)
    assert turn1_of(events).payload.status == "complete"
    assert request(installation.chat_url, "GET", "/v1/health").status_code == 200
