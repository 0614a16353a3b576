"""Commands that wait: Ctrl-C and the end of their shell end them, and their lines come at once."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from shared_schema.runtime.process.foreground import Foreground
from tests.support.platforms import SIGNALS, windows

from .toys import ROOT, gone, wait_for

# Works for ever, and says which process it is.
STAYING = "import os; from shared_schema.runtime.process.foreground import Foreground as F;"
STAYING += "foreground = F(); print(os.getpid(), flush=True); foreground.stay()"


def test_results_are_shown_in_order_in_the_calling_thread() -> None:
    shown: list[tuple[int, threading.Thread]] = []

    def work(tell: Callable[[int], None]) -> str:
        for number in range(100):
            tell(number)
        return "done"

    here = threading.current_thread()
    assert Foreground().run(work, lambda item: shown.append((item, threading.current_thread())))
    assert shown == [(number, here) for number in range(100)]


def test_an_error_of_the_work_is_raised_after_what_it_told() -> None:
    shown: list[int] = []

    def work(tell: Callable[[int], None]) -> None:
        tell(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Foreground().run(work, shown.append)
    assert shown == [1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are accepted and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def buffered_environment(**settings: object) -> dict[str, str]:
    """Return an environment in which output to a pipe is buffered, as it is by default."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONUNBUFFERED" and not name.startswith("RR_")
    }
    return {**kept, "PYTHONPATH": str(ROOT), **{key: str(each) for key, each in settings.items()}}


@SIGNALS
def test_listen_shows_each_line_at_once_and_ends_on_ctrl_c() -> None:
    """While nobody is there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"ws://127.0.0.1:{free.getsockname()[1]}/"
    with subprocess.Popen(
        [sys.executable, "-m", "event_gateway", "listen", "--url", url],
        stdout=subprocess.PIPE,
        env=buffered_environment(),
    ) as run:
        assert run.stdout is not None
        assert f"waiting for the gateway at {url}" in run.stdout.readline().decode()
        run.send_signal(signal.SIGINT)
        assert run.wait(10) == 0


@SIGNALS
def test_listen_ends_on_ctrl_c_while_a_server_does_not_answer(silent_port: int) -> None:
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "event_gateway",
            "listen",
            "--url",
            f"ws://127.0.0.1:{silent_port}/",
        ],
        env=buffered_environment(),
    ) as run:
        process = psutil.Process(run.pid)
        wait_for(lambda: process.net_connections() or None, what="a connection")
        run.send_signal(signal.SIGINT)
        assert run.wait(10) == 0


@SIGNALS
def test_say_ends_on_ctrl_c_while_nobody_answers(silent_port: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "chat_backend", "say", "hello"],
        stderr=subprocess.PIPE,
        env=buffered_environment(RR_CHAT_PORT=silent_port, RR_CHAT_HOST="127.0.0.1"),
    ) as run:
        process = psutil.Process(run.pid)
        wait_for(lambda: process.net_connections() or None, what="a connection")
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=200)
        assert b"Traceback" not in errors
        assert run.returncode == 128 + signal.SIGINT


@SIGNALS
@pytest.mark.parametrize("package", ["event_gateway", "chat_backend"])
@pytest.mark.parametrize("arguments", [[], ["supervise"]], ids=["server", "supervisor"])
def test_ctrl_c_while_it_loads_its_modules_is_no_traceback(
    package: str, arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "msgspec.py").write_text(
        "print('loading', flush=True); import time; time.sleep(60)"
    )
    environment = buffered_environment()
    environment["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{ROOT}"
    with subprocess.Popen(
        [sys.executable, "-m", package, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"loading\n"
        run.send_signal(signal.SIGINT)
        assert run.wait(10) == -signal.SIGINT
        assert run.stdout.read() == b""


@windows("cmd.exe, which honcho ends alone")
def test_what_honcho_leaves_ends_with_its_shell() -> None:
    command = subprocess.list2cmdline([sys.executable, "-c", STAYING])
    with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, cwd=ROOT) as shell:  # noqa: S602  # as honcho does
        assert shell.stdout is not None
        pid = int(shell.stdout.readline())
        assert pid != shell.pid
        shell.kill()
        with contextlib.suppress(psutil.NoSuchProcess):
            wait_for(lambda: gone(pid) or None, what="its end")
