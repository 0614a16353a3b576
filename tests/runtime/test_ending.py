"""Who notices that its supervisor, or its shell, is gone."""

import multiprocessing
import os
import subprocess
import sys

import psutil
import pytest

from shared_schema.runtime.process.ending import SUPERVISED, nearest_shell, watch_supervisor
from shared_schema.runtime.process.exits import FAILED

from .toys import ROOT

WATCH = """
import os, subprocess, sys, threading
from shared_schema.runtime.process.ending import watch_supervisor
gone = threading.Event()
print(watch_supervisor(gone.set, name="toy") is not None, flush=True, end=" ")
print(watch_supervisor(gone.set) is None, flush=True)
child = "import os, sys; print(sys.stdin.read() == '', 'REFLECTIVE_SUPERVISED' in os.environ)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True).stdout.decode(), end="")
sys.stdout.flush()
gone.wait(10)
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
        assert run.wait(3) == 0


def test_a_process_that_does_not_end_in_time_is_ended_hard() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IGNORE],
        cwd=ROOT,
        env={**os.environ, SUPERVISED: "1"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=10,
        check=False,
    )
    assert run.returncode == FAILED
    assert run.stderr == "toy: shutdown not finished within 0.2 s, forced to exit\n"


class Ancestor(psutil.Process):
    """A process of this name, of which nothing else is known."""

    def __init__(self, name: str) -> None:
        self._called = name

    def name(self) -> str:
        return self._called


def ancestors(*names: str) -> list[psutil.Process]:
    return [Ancestor(name) for name in names]


def test_the_nearest_shell_above_the_launcher_is_honchos() -> None:
    above = ancestors("python.exe", "python.exe", "CMD.EXE", "python.exe", "cmd.exe")
    assert nearest_shell(above) is above[2]


@pytest.mark.parametrize(
    "names", [(), ("powershell.exe", "bash.exe"), ("python.exe",) * 4 + ("cmd.exe",)]
)
def test_without_a_shell_close_above_there_is_none(names: tuple[str, ...]) -> None:
    assert nearest_shell(ancestors(*names)) is None
