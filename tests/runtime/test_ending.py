"""Who notices that its supervisor, or its shell, is gone."""

import multiprocessing
import os
import subprocess
import sys

import psutil
import pytest

from shared_schema.runtime.process.ending import SUPERVISED, shell_and_honcho, watch_supervisor
from shared_schema.runtime.process.exits import FAILED

from .toys import LIMIT_S, ROOT

WATCH = """
import os, subprocess, sys, threading
from shared_schema.runtime.process.ending import watch_supervisor
gone = threading.Event()
print(watch_supervisor(gone.set, name="toy") is not None, flush=True, end=" ")
print(watch_supervisor(gone.set) is None, flush=True)
child = "import os, sys; print(sys.stdin.read() == '', 'REFLECTIVE_SUPERVISED' in os.environ)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout, end="")
sys.stdout.flush()
gone.wait(60)
print("gone", flush=True)
"""

IGNORE = """
import time
from shared_schema.runtime.process.ending import watch_supervisor
watch_supervisor(lambda: None, grace_s=0.2, name="toy")
time.sleep(60)
"""


def test_nobody_watches_without_the_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SUPERVISED, raising=False)
    assert watch_supervisor(lambda: None) is None


def test_a_worker_process_does_not_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISED, "1")
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert watch_supervisor(lambda: None) is None
    assert SUPERVISED not in os.environ


def test_the_pipe_is_watched_once_and_no_descendant_sees_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WATCH],
        cwd=ROOT,
        env={**os.environ, SUPERVISED: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        assert [run.stdout.readline(), run.stdout.readline()] == ["True True\n", "True False\n"]
        run.stdin.close()
        assert run.stdout.readline() == "gone\n"
        assert run.wait(LIMIT_S) == 0


def test_a_process_that_does_not_end_in_time_is_ended_hard() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IGNORE],
        cwd=ROOT,
        env={**os.environ, SUPERVISED: "1"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == FAILED
    assert run.stderr == "toy: shutdown not finished within 0.2 s, forced to exit\n"


class Ancestor(psutil.Process):
    """A process with this command, of which nothing else is known."""

    def __init__(self, command: str) -> None:
        self._command = [command, "-x"] if command else []

    def cmdline(self) -> list[str]:
        return self._command

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


def ancestors(*names: str) -> list[psutil.Process]:
    return [Ancestor(name) for name in names]


def test_the_shell_above_the_launcher_and_honcho_above_it_are_watched() -> None:
    above = ancestors(
        "python", "uv.exe", r"C:\WINDOWS\system32\cmd.exe", "python.exe", "Python.exe", "uv.exe"
    )
    assert shell_and_honcho(above) == above[2:5]


def test_an_explorer_above_a_shell_may_be_restarted() -> None:
    above = ancestors("python.exe", "cmd.exe", "explorer.exe", "python.exe")
    assert shell_and_honcho(above) == above[1:2]


@pytest.mark.parametrize(
    "names", [(), ("",), ("powershell.exe", "bash.exe"), ("python.exe",) * 4 + ("cmd.exe",)]
)
def test_without_a_shell_close_above_there_is_none(names: tuple[str, ...]) -> None:
    assert shell_and_honcho(ancestors(*names)) == []
