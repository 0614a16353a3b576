"""What ends, however its parent or its terminal does, and what goes on."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.local_http import LOCAL
from tests.support.platforms import SIGNALS, posix
from tests.support.processes import Process, System, system, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path) as it:
        yield it


def ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, **LOCAL).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def below(process: Process, command: str) -> list[psutil.Process]:
    """Return the living processes below another one, by a part of their command."""
    found = []
    for each in process.note_children():
        with contextlib.suppress(psutil.Error):
            living = each.is_running() and each.status() != psutil.STATUS_ZOMBIE
            if living and command in " ".join(each.cmdline()):
                found.append(each)
    return found


@SIGNALS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, "SIGKILL", "SIGHUP"])
def test_what_sample_started_ends_with_it(show: System, number: signal.Signals | str) -> None:
    """The backend and its workers, whatever ends the command, without a traceback."""
    number = getattr(signal, number) if isinstance(number, str) else number
    sample = show.start("sample", "-m", "event_gateway", "sample")
    until(lambda: below(sample, "spawn_main"), "workers")
    sample.send(number)
    sample.wait()
    until(lambda: not sample.left(), "all gone")
    assert "Traceback" not in sample.log


@SIGNALS
def test_honchos_end_starts_no_worker_again(show: System) -> None:
    """It sends SIGTERM to whole groups: workers wait for their parent."""
    honcho = show.start("honcho", "-m", "honcho", "-f", str(ROOT / "Procfile"), "start")
    until(lambda: ready(f"{show.chat_url}/v1/health"), "chat")
    until(lambda: len(below(honcho, "spawn_main")) == 2, "two workers")
    until(lambda: ready(f"{show.gateway_url}/readyz"), "gateway")
    before = {each.pid for each in below(honcho, "spawn_main")}
    honcho.send(signal.SIGTERM)
    while honcho.popen.poll() is None:
        assert {each.pid for each in below(honcho, "spawn_main")} <= before
    until(lambda: not honcho.left(), "all gone")
    assert "workers are replaced" not in honcho.log


@posix("terminals that can be closed under a process")
@pytest.mark.parametrize("package", ["event_gateway", "chat_backend"])
def test_servers_whose_terminal_closed_can_be_found_and_stopped(show: System, package: str) -> None:
    """They go on although nobody reads their log any more."""
    url = (
        f"{show.gateway_url}/readyz" if package == "event_gateway" else f"{show.chat_url}/v1/health"
    )
    terminal, inside = os.openpty()
    # As a shell does for a command in the background that is to outlive it.
    ignoring = "import signal, runpy, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
    run = (
        f"sys.argv = ['{package}', 'supervise']; runpy.run_module('{package}', run_name='__main__')"
    )
    popen = subprocess.Popen(
        [sys.executable, "-c", ignoring + run],
        env=show.environment() | {"PYTHONPATH": str(ROOT)},
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    )
    os.close(inside)
    supervisor = Process("supervisor", popen, show.folder / "none.log")
    show.folder.mkdir(exist_ok=True)
    (show.folder / "none.log").touch()
    show.processes.append(supervisor)
    until(lambda: ready(url), "ready")
    os.close(terminal)
    # It writes a line to the terminal that is gone.
    refused = httpx.get(url, headers={"Host": "evil.example"}, timeout=5.0, **LOCAL)
    assert refused.status_code == httpx.codes.FORBIDDEN
    assert ready(url)
    status = show.start("status", "-m", package, "status")
    assert status.wait() == 0, status.log
    assert f"supervisor {popen.pid}" in status.log
    restart = show.start("restart", "-m", package, "restart")
    assert restart.wait() == 0, restart.log
    until(lambda: ready(url), "ready again")
    stop = show.start("stop", "-m", package, "stop")
    assert stop.wait() == 0, stop.log
    supervisor.wait()
    until(lambda: not supervisor.left(), "all gone")
