"""Who watches a parent, and who does not."""

import multiprocessing
import os
import subprocess
import sys

import pytest

from shared_schema.runtime.process.exits import FAILED
from shared_schema.runtime.process.parent import MARKED, MARKER, watch_parent

from .toys import ROOT

WATCH = """
import os, subprocess, sys, threading
from shared_schema.runtime.process.parent import watch_parent
gone = threading.Event()
print(watch_parent(gone.set, name="toy") is not None, watch_parent(gone.set) is None, flush=True)
child = "import os, sys; print(sys.stdin.read() == '', 'REFLECTIVE_PARENT_PIPE' in os.environ)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True).stdout.decode(), end="")
sys.stdout.flush()
gone.wait(10)
print("gone", flush=True)
"""

IGNORE = """
import time
from shared_schema.runtime.process.parent import watch_parent
watch_parent(lambda: None, grace_s=0.2, name="toy")
time.sleep(60)
"""


def test_nobody_watches_without_the_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MARKER, raising=False)
    assert watch_parent(lambda: None) is None


def test_a_worker_process_does_not_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARKER, MARKED)
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert watch_parent(lambda: None) is None
    assert MARKER not in os.environ


def test_the_pipe_is_watched_once_and_no_descendant_sees_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WATCH],
        cwd=ROOT,
        env={**os.environ, MARKER: MARKED},
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
        env={**os.environ, MARKER: MARKED},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=10,
        check=False,
    )
    assert run.returncode == FAILED
    assert run.stderr == "toy: did not end within 0.2 s of being asked, ended hard\n"
