"""Processes that the Task Manager ends: TerminateProcess, after which nothing of them runs."""

import asyncio
import re
import threading
from pathlib import Path

import httpx
import psutil
import pytest

from shared_schema.layout import WAVES_ROOT
from shared_schema.runtime.process.control import RequestFailed, running
from tests.support.client import listening, turn1_of
from tests.support.local_http import LOCAL
from tests.support.platforms import windows
from tests.support.processes import Process, System, connects, system, until
from tests.support.visitor import post

pytestmark = [windows("TerminateProcess"), pytest.mark.timeout(600)]

MESSAGE = {"message": "What is left of a wave that is broken off?"}
ROOT = Path(__file__).parents[2]


async def test_a_wave_worker_that_is_ended_at_work_loses_its_job_only(tmp_path: Path) -> None:
    """Turn 1 is partial, and the half-written file is removed."""
    killed: list[int] = []

    def kill_one_at_work() -> None:
        folder = tmp_path / "artifacts" / WAVES_ROOT
        while not killed:
            # It is there for some milliseconds only.
            partial = until(
                lambda: next(folder.glob("*/turn_1/*.tmp"), None),
                "a file being written",
                every_s=0.001,
            )
            pid = re.search(r"\.(\d+)\.tmp$", partial.name)
            assert pid is not None
            worker = psutil.Process(int(pid[1]))
            # Held, it is at work if its file is there still; else the next file is waited for.
            worker.suspend()
            if partial.exists():
                worker.kill()
                killed.append(worker.pid)
            else:
                worker.resume()

    with system(tmp_path, events_turn1_timeout_s=300, events_dialogue_timeout_s=300) as it:
        it.gateway()
        it.chat()
        killer = threading.Thread(target=kill_one_at_work)
        killer.start()
        async with listening(it.events_url, ping_interval=None) as touchdesigner:
            stream = await asyncio.to_thread(post, it.chat_url, MESSAGE)
            events = await touchdesigner.told(stream.session_id)
        killer.join()
        assert killed
        assert turn1_of(events).payload.slots_ready >= 4
        assert turn1_of(events).payload.status == "partial"
        until(lambda: not list(it.artifacts.rglob("*.tmp")), "swept")


@pytest.mark.parametrize("package", ["event_gateway", "chat_backend"])
def test_a_server_that_is_ended_is_started_again(package: str, tmp_path: Path) -> None:
    with system(tmp_path) as it:
        it.start("supervisor", "-m", package, "supervise")
        before = listening_pid(it, package)
        psutil.Process(before).kill()
        until(lambda: listening_pid(it, package) != before, "another server")
        assert it.start("stop", "-m", package, "stop").wait(30) == 0


def listening_pid(it: System, package: str) -> int:
    def pid() -> int | None:
        try:
            run = running(package, it.artifacts / "run")
        except RequestFailed:
            return None
        return run.server_pid if run.listening else None

    found: int = until(pid, "a server that listens")
    return found


def test_when_honcho_is_ended_everything_ends(tmp_path: Path) -> None:
    """As when its window is closed: nobody is left to stop the servers."""
    with system(tmp_path) as it:
        honcho = it.start("honcho", "-m", "honcho", "-f", str(ROOT / "Procfile"), "start")
        it.wait_ready(honcho, f"{it.gateway_url}/readyz")
        it.wait_ready(honcho, f"{it.chat_url}/v1/health")
        end_those_of_the_console(honcho)
        until(lambda: not connects(it.gateway_port) and not connects(it.chat_port), "ports closed")
        until(lambda: not honcho.left(), "all gone", within_s=60)
        honcho.wait()
        it.processes.remove(honcho)


def end_those_of_the_console(honcho: Process) -> None:
    """End honcho and its own processes, which share its console; the servers have another."""
    own = [each for each in honcho.note_children() if each.ppid() == honcho.pid]
    for each in [*own, psutil.Process(honcho.pid)]:
        each.kill()


def test_a_second_gateway_is_refused_with_one_line(tmp_path: Path) -> None:
    """SO_EXCLUSIVEADDRUSE; the line comes after three seconds of trying."""
    with system(tmp_path) as it:
        it.gateway()
        second = it.start("second", "-m", "event_gateway")
        assert second.wait(60) == 75
        assert "is taken by another process" in second.log
        assert httpx.get(f"{it.gateway_url}/readyz", **LOCAL).status_code == 200
