"""Ctrl-C in a Windows console, a terminal of this machine; `.ci/windows` sets the folder."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import connects, free_port

FOLDER = os.environ.get("WINDOWS_FOLDER", "")
pytestmark = [
    pytest.mark.skipif(
        not FOLDER or sys.platform == "win32", reason="needs a Windows under Wine: .ci/windows"
    ),
    pytest.mark.timeout(300),
]

ROOT = Path(__file__).parents[2]
WINE = (
    ' && cd "$WINEPREFIX/drive_c/project"'
    " && LD_PRELOAD=$amx exec wine 'C:\\python\\python.exe' \"$@\""
)
WITHIN_S = 120.0
CURSOR_QUESTION, CURSOR_ANSWER = b"\x1b[6n", b"\x1b[1;1R"
CTRL_C = b"\x03"
WINDOW = (50, 220)  # rows and columns: no line of ours is wrapped


class Console:
    """A command of the Windows Python, on a terminal."""

    def __init__(self, popen: subprocess.Popen[bytes], terminal: int) -> None:
        self.popen = popen
        self._terminal = terminal
        self._shown = b""

    @property
    def text(self) -> str:
        """What it has shown, without what places and colours it."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode("utf-8", "replace"))

    def until(self, part: str) -> None:
        give_up_at = time.monotonic() + WITHIN_S
        while part not in self.text:
            assert time.monotonic() < give_up_at, self.text
            assert self._read(), self.text

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit code, and all that was shown."""
        os.write(self._terminal, CTRL_C)
        while self._read():
            pass
        return self.popen.wait(WITHIN_S), self.text

    def _read(self) -> bool:
        """Read what there is, for a while; return whether there can be more."""
        ready, _, _ = select.select([self._terminal], [], [], 0.2)
        if not ready:
            return self.popen.poll() is None
        try:
            some = os.read(self._terminal, 65536)
        except OSError:  # its last process has closed it
            return False
        if CURSOR_QUESTION in some:
            os.write(self._terminal, CURSOR_ANSWER)
        self._shown += some
        return bool(some)


@contextmanager
def console(*arguments: str, **settings: object) -> Iterator[Console]:
    import termios  # noqa: PLC0415  # Windows, where this module is only collected, has none

    terminal, inner = os.openpty()
    termios.tcsetwinsize(inner, WINDOW)
    popen = subprocess.Popen(
        [
            "/bin/bash",
            "-c",
            f'. tests/windows/env.sh "$0"{exports(settings)}{WINE}',
            str(Path(FOLDER).resolve()),
            *arguments,
        ],
        cwd=ROOT,
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    try:
        yield Console(popen, terminal)
    finally:
        if popen.poll() is None:
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()
        os.close(terminal)


def exports(settings: dict[str, object]) -> str:
    """Return the settings as commands of the shell, after those that unset our own."""
    return "".join(f" && export RR_{name.upper()}='{each}'" for name, each in settings.items())


@pytest.fixture
def own(tmp_path: Path) -> dict[str, object]:
    """Settings of an installation of its own."""
    return {
        "artifacts_dir": f"Z:{tmp_path}",
        "gateway_port": free_port(),
        "chat_port": free_port(),
        "bus_url": f"tcp://127.0.0.1:{free_port()}",
    }


def test_listen_ends_while_it_waits_for_the_gateway(own: dict[str, object]) -> None:
    with console("-m", "event_gateway", "listen", **own) as it:
        it.until("waiting for the gateway")
        code, shown = it.interrupt()
    assert code == 0, shown
    assert "Traceback" not in shown


def test_say_ends_while_a_server_does_not_answer(own: dict[str, object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        own |= {"chat_host": "127.0.0.1", "chat_port": silent.getsockname()[1]}
        silent.settimeout(WITHIN_S)
        with console("-m", "chat_backend", "say", "hello", **own) as it:
            connection, _ = silent.accept()
            begun = time.monotonic()
            code, shown = it.interrupt()
            took_s = time.monotonic() - begun
            connection.close()
    assert code == 130, shown
    assert "Traceback" not in shown
    assert took_s < 4.5  # it would wait five seconds for the answer


@pytest.mark.parametrize("package", ["event_gateway", "chat_backend"])
def test_a_supervisor_and_its_server_end_during_the_start(
    package: str, own: dict[str, object]
) -> None:
    with console("-m", package, "supervise", **own) as it:
        it.until("server started")
        code, shown = it.interrupt()
    assert code == 0, shown
    assert "Traceback" not in shown


def test_workers_that_are_starting_end_without_a_word(own: dict[str, object]) -> None:
    with console("-m", "chat_backend", **own) as it:
        it.until("listening")
        code, shown = it.interrupt()
    assert code == 0, shown
    assert "Traceback" not in shown


def test_honcho_and_all_below_it_end(own: dict[str, object]) -> None:
    """Where Ctrl-C interrupts its queue, honcho ends at once, with a traceback of its own."""
    with console("-X", "utf8", "-m", "honcho", "-e", "none", "start", **own) as it:
        it.until("http://127.0.0.1:" + str(own["gateway_port"]))
        it.until("http://127.0.0.1:" + str(own["chat_port"]))
        code, shown = it.interrupt()
    assert code in {130, 1}, shown
    if "InterruptedError" not in shown:
        for package in ("chat_backend", "event_gateway"):
            assert f"supervise {package}: ending" in shown
    assert not re.search(r"(chat|gateway)\.1\s*\| Traceback", shown)
    assert not connects(int(str(own["gateway_port"])))
    assert not connects(int(str(own["chat_port"])))
