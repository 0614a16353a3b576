"""Processes whose output nobody reads, as behind a console in which text is selected."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from shared_schema.layout import RUN_DIR, SPEECH_ROOT
from shared_schema.runtime.process.control import request_stop, running
from shared_schema.runtime.process.exits import CONFIGURATION, FAILED, OK
from tests.support.local_http import LOCAL
from tests.support.platforms import SIGNALS, linux
from tests.support.processes import System
from tests.support.sessions import session_id

from .toys import LIMIT_S, PLAIN, ROOT, Toys, wait_for


class FullPipe:
    """A pipe that takes nothing more until it is read."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe()
        self.reader = os.fdopen(reading, "rb")
        os.set_blocking(self.writing, False)
        for size in (4096, 1):
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(self.writing, b"x" * size)
        os.set_blocking(self.writing, True)

    def close(self) -> None:
        os.close(self.writing)
        self.reader.close()


@pytest.fixture
def full_pipe() -> Iterator[FullPipe]:
    pipe = FullPipe()
    yield pipe
    pipe.close()


@SIGNALS
def test_a_supervisor_whose_lines_nobody_reads_goes_on(toys: Toys) -> None:
    env = {**os.environ, "TOY_PORT": str(toys.port)}
    command = [sys.executable, "-m", "tests.runtime.toy_supervisor", PLAIN, str(toys.run_dir)]
    pipe = FullPipe()
    with (
        pipe.reader as reader,
        subprocess.Popen(command, stdout=pipe.writing, env=env) as run,
        contextlib.ExitStack() as ending,
    ):
        ending.callback(run.kill)
        os.close(pipe.writing)
        pid = toys.answering_pid()
        for _ in range(3):
            psutil.Process(pid).kill()
            pid = toys.answering_pid(other_than=pid)
        with ThreadPoolExecutor(1) as pool:
            read = pool.submit(reader.read)
            request_stop(PLAIN, toys.run_dir)
            assert run.wait(LIMIT_S) == OK
        lines = read.result(5).decode().lstrip("x").splitlines()
    assert sum("server started" in line for line in lines) == 4


@SIGNALS
def test_a_restart_that_is_refused_before_logging_begins_is_tried_again(
    tmp_path: Path, full_pipe: FullPipe
) -> None:
    """`status` names the mistake in `.env`, and the server is back once it is mended."""
    show = System(tmp_path, waves_enabled=False)
    env = {**show.environment(), "PYTHONPATH": str(ROOT)}
    run_dir = show.artifacts / RUN_DIR

    def pid(*, other_than: int | None = None) -> int | None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{show.gateway_url}/healthz", timeout=5, **LOCAL).is_success:
                found = running("event_gateway", run_dir).server_pid
                return found if found != other_than else None
        return None

    with (
        subprocess.Popen(
            [sys.executable, "-m", "event_gateway", "supervise"],
            stdout=full_pipe.writing,
            stderr=full_pipe.writing,
            cwd=tmp_path,
            env=env,
        ) as run,
        contextlib.ExitStack() as ending,
    ):
        ending.callback(run.kill)
        first = wait_for(pid, what="a server")
        (tmp_path / ".env").write_text("RR_TYPO=1", "utf-8")
        psutil.Process(first).kill()
        wait_for(
            lambda: "RR_TYPO" in running("event_gateway", run_dir).refusal or None,
            what="the reason in the run file",
        )
        (tmp_path / ".env").unlink()
        wait_for(lambda: pid(other_than=first), what="a server again")
        run.terminate()
        assert run.wait(LIMIT_S) == OK


def exit_code_of(*arguments: str, pipe: FullPipe, **env: str) -> int:
    """Run Python with an stderr that nobody reads."""
    return subprocess.run(
        [sys.executable, *arguments],
        stderr=pipe.writing,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        timeout=LIMIT_S,
        check=False,
    ).returncode


@SIGNALS
def test_a_first_start_that_is_refused_ends(tmp_path: Path, full_pipe: FullPipe) -> None:
    """Also the supervisor's own: honcho waits for its end, to end the rest."""
    folder = str(tmp_path)
    for arguments in (("-m", "event_gateway"), ("-m", "event_gateway", "supervise")):
        code = exit_code_of(*arguments, pipe=full_pipe, RR_ARTIFACTS_DIR=folder, RR_TYPO="1")
        assert code == CONFIGURATION


@SIGNALS
def test_a_server_that_crashes_before_logging_begins_ends(full_pipe: FullPipe) -> None:
    """Its traceback is Python's own."""
    crash = "import sys; from shared_schema.runtime.process.plain import serve_as\n" + (
        "sys.exit(serve_as('toy', 'tests.no_such_module'))"
    )
    assert exit_code_of("-c", crash, pipe=full_pipe) == FAILED


COMMANDS = [
    ("chat_backend", "sessions", "list"),
    ("chat_backend", "check"),
    ("event_gateway", "describe"),
    ("event_gateway", "keys"),
]


@pytest.fixture
def with_a_session(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation that has something to list, and asks no provider."""
    folder = tmp_path / SPEECH_ROOT / session_id()
    folder.mkdir(parents=True)
    (folder / "slot-1.wav").touch()
    ours = {"RR_ARTIFACTS_DIR": str(tmp_path), "RR_AGENTS": "offline", "RR_TTS": "hibari"}
    return {**os.environ, **ours}


def written_to(
    stdout: int, command: tuple[str, ...], environment: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose output goes there."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        check=False,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment,
        timeout=LIMIT_S,
    )


@linux("/dev/full")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_output_to_a_full_disk_is_one_line(
    with_a_session: dict[str, str], command: tuple[str, ...]
) -> None:
    """Whoever keeps it in a file is told that it is not whole."""
    with Path("/dev/full").open("wb") as full:
        run = written_to(full.fileno(), command, with_a_session)
    assert run.returncode == FAILED
    (told,) = run.stderr.decode().splitlines()
    assert "the output cannot be written: No space left on device" in told


@SIGNALS
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_reader_of_output_that_has_left_is_told_nothing(
    with_a_session: dict[str, str], command: tuple[str, ...]
) -> None:
    """As `head`, once it has its lines."""
    reading, writing = os.pipe()
    os.close(reading)
    run = written_to(writing, command, with_a_session)
    os.close(writing)
    assert run.stderr == b""
