"""The supervisor and its server, as honcho, an operator and a crash treat them."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from shared_schema.runtime.process.control import LOOPBACK
from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, OK
from shared_schema.runtime.process.restart import NoSupervisor, RestartFailed, request_restart

from .toys import PLAIN, SERVER, Toys, gone, wait_for

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@posix
def test_a_server_killed_ten_times_is_back_within_two_seconds_each_time(toys: Toys) -> None:
    supervisor = toys.supervisor()
    pid = toys.answering_pid()
    for _ in range(10):
        os.kill(pid, signal.SIGKILL)
        pid = toys.answering_pid(other_than=pid, within_s=2)
    assert supervisor.output().count("server started") == 11
    assert supervisor.output().count("SIGKILL") == 10


@posix
def test_a_server_that_was_told_to_end_is_started_again(toys: Toys) -> None:
    supervisor = toys.supervisor(SERVER)
    pid = toys.answering_pid()
    os.kill(pid, signal.SIGTERM)
    toys.answering_pid(other_than=pid)
    supervisor.wait_for_line(f"server ended pid={pid} exit code 0")


@posix
def test_the_server_ends_when_its_supervisor_is_killed(toys: Toys) -> None:
    supervisor = toys.supervisor(SERVER)
    pid = toys.answering_pid()
    os.kill(supervisor.pid, signal.SIGKILL)
    wait_for(lambda: gone(pid) or None, within_s=2, what="the orphan's end")


@posix
@pytest.mark.parametrize(
    ("number", "whole_group"),
    [(signal.SIGTERM, True), (signal.SIGTERM, False), (signal.SIGINT, True)],
)
def test_a_signal_ends_both_without_a_traceback(
    toys: Toys, number: signal.Signals, whole_group: bool
) -> None:
    supervisor = toys.supervisor(SERVER)
    pid = toys.answering_pid()
    if whole_group:
        os.killpg(supervisor.pid, number)
    else:
        os.kill(supervisor.pid, number)
    assert supervisor.wait(3) == OK
    assert gone(pid)
    assert "Traceback" not in supervisor.output()
    assert supervisor.output().count("server started") == 1
    assert toys.run_file(SERVER) is None


@posix
def test_a_signal_at_any_moment_of_the_start_ends_both(toys: Toys) -> None:
    for delay_s in (0.1, 0.4):
        supervisor = toys.supervisor(SERVER)
        supervisor.wait_for_line("server started")
        time.sleep(delay_s)  # not for a condition: the moment itself is what varies
        os.killpg(supervisor.pid, signal.SIGTERM)
        assert supervisor.wait(3) == OK
        assert "Traceback" not in supervisor.output()


@posix
def test_a_server_that_ignores_the_request_is_gone_within_five_seconds(toys: Toys) -> None:
    supervisor = toys.supervisor()
    pid = toys.answering_pid()
    os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    os.kill(supervisor.pid, signal.SIGTERM)
    assert supervisor.wait(5) == OK
    assert time.monotonic() - started < 5
    assert gone(pid)
    supervisor.wait_for_line("killed")


def test_a_restart_replaces_the_server_and_tells_both_process_ids(toys: Toys) -> None:
    supervisor = toys.supervisor()
    old = toys.answering_pid()
    restarted = request_restart(PLAIN, toys.run_dir)
    new = toys.answering_pid(other_than=old)
    assert (restarted.old_pid, restarted.new_pid) == (old, new)
    run = toys.run_file()
    assert run is not None
    assert (run.supervisor_pid, run.server_pid) == (supervisor.pid, new)


@posix
def test_a_restart_does_not_wait_for_the_back_off(toys: Toys) -> None:
    supervisor = toys.supervisor(mode="crash")
    supervisor.wait_for_line("starting again in 2 s", within_s=10)
    started = time.monotonic()
    request_restart(PLAIN, toys.run_dir)
    assert time.monotonic() - started < 1.5
    supervisor.wait_for_line("exit code 3")


def test_without_a_supervisor_the_error_says_what_to_start(toys: Toys) -> None:
    with pytest.raises(NoSupervisor, match=r"python -m tests\.runtime\.toy_plain supervise"):
        request_restart(PLAIN, toys.run_dir)


@posix
def test_a_dead_supervisor_is_recognised_by_its_stale_file(toys: Toys) -> None:
    supervisor = toys.supervisor()
    toys.answering_pid()
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.wait(2)
    assert toys.run_file() is not None
    with pytest.raises(NoSupervisor, match="does not run any more"):
        request_restart(PLAIN, toys.run_dir)


@posix
def test_a_stopped_supervisor_is_given_up_on_in_time(toys: Toys) -> None:
    supervisor = toys.supervisor()
    toys.answering_pid()
    os.kill(supervisor.pid, signal.SIGSTOP)
    with pytest.raises(RestartFailed, match="did not answer within"):
        request_restart(PLAIN, toys.run_dir, within_s=0.3)


@posix
def test_the_run_file_is_for_its_user_only(toys: Toys) -> None:
    toys.supervisor()
    toys.answering_pid()
    assert (toys.run_dir / f"{PLAIN}.json").stat().st_mode & 0o777 == 0o600


def test_garbage_and_silence_on_the_control_port_change_nothing(toys: Toys) -> None:
    supervisor = toys.supervisor()
    pid = toys.answering_pid()
    run = toys.run_file()
    assert run is not None
    silent = [socket.create_connection((LOOPBACK, run.port)) for _ in range(4)]
    for garbage in (
        b"\x00\xff" * 20_000,
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"[" * 4000 + b"\n",
        b'{"type":"restart","token":"wrong"}\n',
        b'{"type":"restart","token":"\\u00e9"}\n',
    ):
        with socket.create_connection((LOOPBACK, run.port), timeout=5) as connection:
            connection.sendall(garbage)
    assert toys.answering_pid() == pid
    assert request_restart(PLAIN, toys.run_dir).old_pid == pid
    for connection in silent:
        connection.settimeout(5)
        assert b"refused" in connection.recv(100) or connection.recv(1) == b""
        connection.close()
    assert "Traceback" not in supervisor.output()


def test_a_second_supervisor_on_the_same_folder_is_refused(toys: Toys) -> None:
    toys.supervisor()
    pid = toys.answering_pid()
    second = toys.supervisor()
    assert second.wait(3) == ANOTHER_INSTANCE
    assert len(second.lines()) == 1
    assert "another supervisor" in second.output()
    assert request_restart(PLAIN, toys.run_dir).old_pid == pid


def test_a_refused_start_ends_the_supervisor_with_the_same_code(toys: Toys) -> None:
    supervisor = toys.supervisor(SERVER, mode="refused")
    assert supervisor.wait(5) == ANOTHER_INSTANCE
    assert supervisor.output().count("server started") == 1
    assert "toy: the bus address is taken" in supervisor.lines()


@posix
def test_a_reader_that_has_left_does_not_end_the_supervisor(toys: Toys) -> None:
    """As after a honcho that was killed: stdout is a pipe that nobody reads."""
    env = {**os.environ, "TOY_PORT": str(toys.port)}
    command = [sys.executable, "-m", "tests.runtime.toy_supervisor", PLAIN, str(toys.run_dir)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env
    ) as run:
        pid = toys.answering_pid()
        assert run.stdout is not None
        run.stdout.close()
        os.kill(pid, signal.SIGKILL)
        toys.answering_pid(other_than=pid)
        run.terminate()
        assert run.wait(3) == OK
