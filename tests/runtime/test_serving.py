"""One server: where it listens, how it refuses, how it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.sync.client import connect

from shared_schema.runtime.process.ending import ENDING_SIGNALS
from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, CONFIGURATION, FAILED, OK
from tests.support.local_http import LOCAL
from tests.support.platforms import SIGNALS, windows

from .toys import LIMIT_S, SERVER, Toy, Toys, wait_for


def end(toy: Toy) -> int:
    toy.process.terminate()
    return toy.wait()


def test_localhost_answers_on_both_loopbacks(toys: Toys) -> None:
    toy = toys.server()
    toys.answering_pid()
    assert httpx.get(f"http://[::1]:{toys.port}/", **LOCAL).text == str(toy.pid)
    toy.wait_for_line(f'listening  url="http://127.0.0.1:{toys.port} http://[::1]:{toys.port}"')


def test_any_other_host_is_taken_as_given(toys: Toys) -> None:
    toys.server(host="127.0.0.1")
    toys.answering_pid()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://[::1]:{toys.port}/", **LOCAL)


def test_a_shell_for_other_servers_changes_nothing(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvicorn's own variables: it starts whatever is in them, and nobody names its client."""
    monkeypatch.setenv("WEB_CONCURRENCY", "auto")
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    toys.server(host="127.0.0.1")
    toys.answering_pid()
    url, headers = f"http://127.0.0.1:{toys.port}/client", {"X-Forwarded-For": "192.0.2.7"}
    assert httpx.get(url, headers=headers, **LOCAL).text == "127.0.0.1"


@SIGNALS
def test_sigterm_ends_with_0_closes_the_app_and_leaves_no_traceback(toys: Toys) -> None:
    toy = toys.server()
    toys.answering_pid()
    assert end(toy) == OK
    assert "toy: closed" in toy.lines()
    assert "Traceback" not in toy.output()


@pytest.mark.parametrize("number", ENDING_SIGNALS)
def test_every_signal_that_ends_a_server_ends_it_with_0(toys: Toys, number: int) -> None:
    """On Windows Ctrl-Break too, without which closing it from a script would be a kill."""
    toy = toys.server()
    toys.answering_pid()
    httpx.get(f"http://127.0.0.1:{toys.port}/signal/{int(number)}", **LOCAL)
    assert toy.wait() == OK
    assert "toy: closed" in toy.lines()
    assert "Traceback" not in toy.output()


@windows("Ctrl-Break")
def test_ctrl_break_reaches_a_server_that_is_the_first_of_its_group(toys: Toys) -> None:
    if sys.platform == "win32":
        toy = toys.server()
        toys.answering_pid()
        try:
            toy.process.send_signal(signal.CTRL_BREAK_EVENT)
        except OSError as error:
            pytest.skip(f"no Ctrl-Break here, as under Wine 8: {error}")
        assert toy.wait() == OK
        assert "toy: closed" in toy.lines()


@SIGNALS
def test_sigterm_while_opening_ends_with_0(toys: Toys) -> None:
    toy = toys.server(mode="opening")
    toy.wait_for_line("toy: opening")
    assert end(toy) == OK
    assert "Traceback" not in toy.output()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_taken_port_is_one_line_and_its_own_exit_code(
    toys: Toys, family: socket.AddressFamily
) -> None:
    address = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((address, toys.port), family=family):
        toy = toys.server()
        assert toy.wait() == ANOTHER_INSTANCE
    assert toy.lines() == [f"toy: port {toys.port} on {address} is taken by another process"]


def test_a_second_server_is_refused_and_the_first_goes_on(toys: Toys) -> None:
    first = toys.server()
    second = toys.server()
    codes = wait_for(
        lambda: [t.process.poll() for t in (first, second) if t.process.poll() is not None] or None,
        what="one of two refused",
    )
    assert codes == [ANOTHER_INSTANCE]
    assert toys.answering_pid() in {first.pid, second.pid}


@pytest.mark.parametrize("host", ["no.such.host.invalid"])
def test_a_host_that_is_not_ours_is_a_wrong_setting(toys: Toys, host: str) -> None:
    toy = toys.server(host=host)
    assert toy.wait() == CONFIGURATION
    assert len(toy.lines()) == 1
    assert host in toy.output()


def test_a_refused_start_is_one_line_and_the_code_that_the_app_chose(toys: Toys) -> None:
    toy = toys.server(mode="refused")
    assert toy.wait() == ANOTHER_INSTANCE
    assert toy.lines() == ["toy: the bus address is taken"]


def test_a_broken_background_task_ends_the_server(toys: Toys) -> None:
    toy = toys.server(mode="breaks")
    assert toy.wait() == FAILED
    assert "RuntimeError: the toy broke" in toy.output()


@SIGNALS
def test_a_request_that_outlasts_the_end_is_answered_without_a_traceback(toys: Toys) -> None:
    toy = toys.server()
    toys.answering_pid()
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(httpx.get, f"http://127.0.0.1:{toys.port}/stalled", timeout=60.0)
        toy.wait_for_line("toy: asked")
        assert end(toy) == OK
        assert answer.result().status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "toy: closed" in toy.lines()
    assert "Traceback" not in toy.output()


@SIGNALS
def test_a_client_that_never_reads_and_an_endless_stream_do_not_hinder_the_end(toys: Toys) -> None:
    toy = toys.server()
    toys.answering_pid()
    with (
        httpx.stream("GET", f"http://127.0.0.1:{toys.port}/endless") as stream,
        connect(f"ws://127.0.0.1:{toys.port}/flood", max_queue=1, close_timeout=0),
    ):
        next(stream.iter_raw())
        assert end(toy) == OK
    assert "toy: closed" in toy.lines()


@SIGNALS
def test_a_log_that_nobody_reads_does_not_stop_the_server(toys: Toys) -> None:
    """A stopped honcho: the server answers, drops lines, counts them, and ends when asked to."""
    lines = 5000
    environment = {**os.environ, "TOY_PORT": str(toys.port)}
    command = [sys.executable, "-m", SERVER]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as run,
        contextlib.ExitStack() as ending,
    ):
        ending.callback(run.kill)
        toys.answering_pid()
        httpx.get(f"http://127.0.0.1:{toys.port}/logged?lines={lines}", timeout=20, **LOCAL)
        assert toys.answering_pid() == run.pid
        assert run.stderr is not None
        written = dropped = 0
        for line in run.stderr:
            written += b"  line  number=" in line
            if b"lines dropped" in line:
                dropped = int(line.rpartition(b"count=")[2])
                break
        assert dropped > 0
        assert written + dropped == lines
        httpx.get(f"http://127.0.0.1:{toys.port}/logged?lines={lines}", timeout=20, **LOCAL)
        run.terminate()
        assert run.wait(LIMIT_S) == OK


@SIGNALS
def test_a_stuck_thread_and_a_task_that_cannot_be_cancelled_are_ended_hard(toys: Toys) -> None:
    toy = toys.server(mode="stubborn")
    toys.answering_pid()
    assert end(toy) == FAILED
    assert "forced to exit" in toy.lines()[-1]
