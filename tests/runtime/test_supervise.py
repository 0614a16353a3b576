"""The supervisor and its server, as honcho, an operator and a crash treat them."""

import errno
import os
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import pytest

from shared_schema import START_THEM
from shared_schema.runtime.process.control import (
    NoSupervisor,
    Request,
    RequestFailed,
    request_restart,
    request_stop,
    run_file,
    running,
)
from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, CONFIGURATION, OK
from shared_schema.runtime.process.supervise import supervise
from tests.support.platforms import SIGNALS

from .toys import LIMIT_S, PLAIN, SERVER, Toys, gone, wait_for


@SIGNALS
def test_a_server_killed_ten_times_is_back_within_two_seconds_each_time(toys: Toys) -> None:
    supervisor = toys.supervisor()
    pid = toys.answering_pid()
    for _ in range(10):
        psutil.Process(pid).kill()
        pid = toys.answering_pid(other_than=pid)
    assert supervisor.output().count("server started") == 11
    assert supervisor.output().count("SIGKILL") == 10


@SIGNALS
def test_a_server_that_was_told_to_end_is_started_again(toys: Toys) -> None:
    supervisor = toys.supervisor(SERVER)
    pid = toys.answering_pid()
    os.kill(pid, signal.SIGTERM)
    toys.answering_pid(other_than=pid)
    supervisor.wait_for_line(f"server ended pid={pid} exit code 0")


def test_the_server_ends_when_its_supervisor_is_killed(toys: Toys) -> None:
    supervisor = toys.supervisor(SERVER)
    pid = toys.answering_pid()
    supervisor.process.kill()
    wait_for(lambda: gone(pid) or None, what="the orphan's end")


@SIGNALS
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
    assert supervisor.wait() == OK
    assert gone(pid)
    assert "Traceback" not in supervisor.output()
    assert supervisor.output().count("server started") == 1
    assert toys.run_file(SERVER) is None


@SIGNALS
def test_a_signal_at_any_moment_of_the_start_ends_both(toys: Toys) -> None:
    for delay_s in (0.1, 0.4):
        supervisor = toys.supervisor(SERVER)
        supervisor.wait_for_line("server started")
        time.sleep(delay_s)  # not for a condition: the moment itself is what varies
        os.killpg(supervisor.pid, signal.SIGTERM)
        assert supervisor.wait() == OK
        assert "Traceback" not in supervisor.output()


@SIGNALS
def test_a_server_that_ignores_the_request_is_killed(toys: Toys) -> None:
    supervisor = toys.supervisor()
    pid = toys.answering_pid()
    psutil.Process(pid).suspend()
    os.kill(supervisor.pid, signal.SIGTERM)
    assert supervisor.wait() == OK
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


def test_a_restart_does_not_wait_for_the_back_off(toys: Toys) -> None:
    supervisor = toys.supervisor(mode="crash")
    supervisor.wait_for_line("starting again in 4 s")
    started = time.monotonic()
    request_restart(PLAIN, toys.run_dir)
    assert time.monotonic() - started < 4
    supervisor.wait_for_line("exit code 3")


def test_without_a_supervisor_the_error_says_what_to_start(toys: Toys) -> None:
    with pytest.raises(NoSupervisor, match=START_THEM):
        request_restart(PLAIN, toys.run_dir)


def test_a_folder_that_cannot_be_used_is_one_line_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert supervise(PLAIN, run_dir=tmp_path / "file") == CONFIGURATION
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "file") in line
    assert "set RR_ARTIFACTS_DIR" in line


@SIGNALS
def test_a_disk_without_locks_is_refused_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert supervise(PLAIN, run_dir=tmp_path) == CONFIGURATION
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line
    assert os.strerror(errno.ENOSYS) in line
    assert "set RR_ARTIFACTS_DIR" in line


def test_a_dead_supervisor_is_recognised_by_its_stale_file(toys: Toys) -> None:
    supervisor = toys.supervisor()
    toys.answering_pid()
    supervisor.process.kill()
    supervisor.wait()
    assert toys.run_file() is not None
    with pytest.raises(NoSupervisor, match="is no longer running"):
        request_restart(PLAIN, toys.run_dir)


def test_a_program_that_only_names_the_package_is_no_supervisor(toys: Toys) -> None:
    """After a power cut, an editor or another command of ours may have the process id."""
    toys.supervisor()
    toys.answering_pid()
    run = toys.run_file()
    assert run is not None
    request_stop(PLAIN, toys.run_dir)
    code = "print('it runs', flush=True); input()"
    named = [sys.executable, "-c", code, "-m", PLAIN, "listen"]
    with subprocess.Popen(named, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()  # before that it may have no command line yet
        stale = msgspec.structs.replace(run, supervisor_pid=other.pid)
        run_file(toys.run_dir, PLAIN).write_bytes(msgspec.json.encode(stale))
        with pytest.raises(NoSupervisor, match="is no longer running"):
            running(PLAIN, toys.run_dir)
        assert other.stdin is not None
        other.stdin.close()


def test_a_stopped_supervisor_is_given_up_on_in_time(toys: Toys) -> None:
    supervisor = toys.supervisor()
    toys.answering_pid()
    psutil.Process(supervisor.pid).suspend()
    with pytest.raises(RequestFailed, match="did not answer within"):
        request_restart(PLAIN, toys.run_dir, timeout_s=0.3)
    assert not list(toys.run_dir.glob("*.request"))


@SIGNALS
def test_the_run_file_is_for_its_user_only(toys: Toys) -> None:
    toys.supervisor()
    toys.answering_pid()
    assert (toys.run_dir / f"{PLAIN}.json").stat().st_mode & 0o777 == 0o600


def leave_request(toys: Toys, content: bytes) -> Path:
    path = toys.run_dir / f"{PLAIN}.{uuid.uuid4().hex}.request"
    path.write_bytes(content)
    return path


def test_what_is_no_request_for_this_supervisor_is_removed_and_changes_nothing(toys: Toys) -> None:
    supervisor = toys.supervisor()
    pid = toys.answering_pid()
    run = toys.run_file()
    assert run is not None
    paths = [
        leave_request(toys, content)
        for content in (
            b"",
            b"\x00\xff" * 20_000,
            b"[" * 4000,
            b'{"action":"stop"}',
            b'{"instance":"of somebody else","action":"stop"}',
            f'{{"instance":"{run.instance}","action":"reboot"}}'.encode(),
            f'{{"instance":"{run.instance}","action":"restart","afterStarts":0}}'.encode(),
        )
    ]
    unique = uuid.uuid4().hex
    for said in (f"{unique}.stop.0", f"{run.instance}.reboot.0", f"{run.instance}.restart.0"):
        paths.append(toys.run_dir / f"{PLAIN}.{said}.{unique}.request")
        paths[-1].touch()
    wait_for(lambda: not any(map(Path.exists, paths)) or None, what="all taken")
    assert toys.answering_pid() == pid
    assert request_restart(PLAIN, toys.run_dir).old_pid == pid
    assert "Traceback" not in supervisor.output()


def test_what_a_killed_supervisor_left_is_not_obeyed_by_the_next(toys: Toys) -> None:
    """Its lock is free, its run file and a request to it are there."""
    first = toys.supervisor()
    toys.answering_pid()
    run = toys.run_file()
    assert run is not None
    first.process.kill()
    first.wait()
    left = leave_request(toys, msgspec.json.encode(Request(instance=run.instance, action="stop")))
    second = toys.supervisor()
    wait_for(lambda: not left.exists() or None, what="the request removed")
    pid = toys.answering_pid()
    now = toys.run_file()
    assert now is not None
    assert (now.supervisor_pid, now.instance != run.instance) == (second.pid, True)
    assert now.server_pid == pid
    assert request_restart(PLAIN, toys.run_dir).old_pid == pid


def test_a_supervisor_that_dies_while_it_is_asked_is_told_from_a_slow_one(toys: Toys) -> None:
    supervisor = toys.supervisor()
    toys.answering_pid()
    psutil.Process(supervisor.pid).suspend()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(request_restart, PLAIN, toys.run_dir)
        wait_for(lambda: list(toys.run_dir.glob("*.request")) or None, what="asked")
        supervisor.process.kill()
        with pytest.raises(NoSupervisor, match="is no longer running"):
            asked.result(LIMIT_S)
    assert not list(toys.run_dir.glob("*.request"))


def test_several_who_ask_at_once_are_all_answered(toys: Toys) -> None:
    """One fresh server serves everybody who asked for one before it was started."""
    supervisor = toys.supervisor()
    old = toys.answering_pid()
    before = toys.run_file()
    assert before is not None
    request = Request(instance=before.instance, action="restart", after_starts=before.starts)
    left = [leave_request(toys, msgspec.json.encode(request)) for _ in range(5)]
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(request_restart, PLAIN, toys.run_dir) for _ in range(4)]
        new = {answer.result(LIMIT_S).new_pid for answer in answers}
    wait_for(lambda: not any(map(Path.exists, left)) or None, what="all taken")
    assert old not in new
    assert toys.answering_pid(other_than=old) in new
    # Who read the run file only after the first start asked for another one.
    assert supervisor.output().count("server started") <= 3


def test_a_stop_ends_both_and_wins_over_a_restart(toys: Toys) -> None:
    supervisor = toys.supervisor()
    pid = toys.answering_pid()
    run = toys.run_file()
    assert run is not None
    request = Request(instance=run.instance, action="restart", after_starts=run.starts)
    leave_request(toys, msgspec.json.encode(request))
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(request_stop, PLAIN, toys.run_dir)
        assert supervisor.wait() == OK
        assert ended.result(LIMIT_S).supervisor_pid == supervisor.pid
    wait_for(lambda: gone(pid) or None, what="the server's end")
    left = {path.name for path in toys.run_dir.iterdir()}
    assert left <= {f"{PLAIN}.lock"}  # on Windows that is removed as well
    with pytest.raises(NoSupervisor):
        request_stop(PLAIN, toys.run_dir)


@SIGNALS
def test_a_stop_does_not_wait_for_the_back_off(toys: Toys) -> None:
    supervisor = toys.supervisor(mode="crash")
    supervisor.wait_for_line("starting again in 2 s")
    run = wait_for(toys.run_file, what="the run file")
    assert run.server_pid is None
    request_stop(PLAIN, toys.run_dir, timeout_s=2)
    assert supervisor.wait() == OK


def test_a_second_supervisor_on_the_same_folder_is_refused(toys: Toys) -> None:
    first = toys.supervisor()
    pid = toys.answering_pid()
    second = toys.supervisor()
    assert second.wait() == ANOTHER_INSTANCE
    assert len(second.lines()) == 1
    assert f"another supervisor of {PLAIN} (pid {first.pid}) runs" in second.output()
    assert f"python -m {PLAIN} stop" in second.output()
    assert request_restart(PLAIN, toys.run_dir).old_pid == pid


def test_a_refused_start_ends_the_supervisor_with_the_same_code(toys: Toys) -> None:
    supervisor = toys.supervisor(SERVER, mode="refused")
    assert supervisor.wait() == ANOTHER_INSTANCE
    assert supervisor.output().count("server started") == 1
    assert "toy: the bus address is taken" in supervisor.lines()


def test_a_restart_that_is_refused_is_tried_again_until_it_succeeds(toys: Toys) -> None:
    """Why is said once, another reason is said too, and what was mended is back by itself."""
    supervisor = toys.supervisor(SERVER)
    pid = toys.answering_pid()
    toys.refusal.write_text("the disk is full", "utf-8")
    psutil.Process(pid).kill()
    supervisor.wait_for_line("toy: the disk is full")
    wait_for(lambda: starts_of(toys) > 3 or None, what="several tries")
    toys.refusal.write_text("RR_X is not a setting", "utf-8")
    supervisor.wait_for_line("toy: RR_X is not a setting")
    toys.refusal.unlink()
    toys.answering_pid(other_than=pid)
    supervisor.wait_for_line("server can start again")
    for line in ("toy: the disk is full", "toy: RR_X is", "refuses to start", "ended pid"):
        assert supervisor.output().count(line) == (1 if line != "ended pid" else 2), line
    assert supervisor.process.poll() is None
    run = toys.run_file(SERVER)
    assert run is not None
    again = request_restart(SERVER, toys.run_dir)
    assert again.old_pid == run.server_pid
    toys.answering_pid(other_than=run.server_pid)


def test_a_server_that_listens_is_known_to_without_the_artifacts_folder(toys: Toys) -> None:
    """A disk is mounted over it during the first start: a later mistake is no first one."""
    supervisor = toys.supervisor(SERVER)
    supervisor.wait_for_line("server started")
    server = psutil.Process(wait_for(lambda: server_pid(toys), what="its process id"))
    server.suspend()
    for path in toys.run_dir.iterdir():
        if path.suffix != ".lock":  # Windows keeps what is open
            path.unlink()
    server.resume()
    pid = toys.answering_pid()
    wait_for(lambda: is_listening(toys) or None, what="listening in the run file")
    toys.refusal.write_text("RR_X is not a setting", "utf-8")
    psutil.Process(pid).kill()
    supervisor.wait_for_line("server refuses to start")
    wait_for(lambda: starts_of(toys) > 3 or None, what="several tries")
    assert supervisor.output().count("toy: RR_X is not a setting") == 1
    toys.refusal.unlink()
    toys.answering_pid(other_than=pid)


def server_pid(toys: Toys) -> int | None:
    run = toys.run_file(SERVER)
    return run.server_pid if run is not None else None


def is_listening(toys: Toys) -> bool:
    run = toys.run_file(SERVER)
    return run is not None and run.listening


def starts_of(toys: Toys) -> int:
    run = toys.run_file(SERVER)
    return run.starts if run is not None else 0


@SIGNALS
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
        psutil.Process(pid).kill()
        toys.answering_pid(other_than=pid)
        run.terminate()
        assert run.wait(LIMIT_S) == OK
