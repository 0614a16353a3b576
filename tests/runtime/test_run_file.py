"""The run file and the requests beside it, whatever somebody or a full disk does to them."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from shared_schema.runtime.process.control import (
    RequestFailed,
    request_restart,
    request_stop,
    run_file,
    running,
)
from shared_schema.runtime.process.exits import OK
from tests.support.platforms import SIGNALS

from .toys import PLAIN, Toys, wait_for


def test_a_run_file_that_somebody_removed_is_there_again(toys: Toys) -> None:
    toys.supervisor()
    pid = toys.answering_pid()
    (toys.run_dir / f"{PLAIN}.json").unlink()
    run = wait_for(toys.run_file, what="the run file")
    assert run.server_pid == pid


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    path.write_bytes(b"[" * 9000)


def name_another_process(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"supervisorPid":', b'"supervisorPid":1'))


def put_a_folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [empty, overwrite, name_another_process, put_a_folder_there])
def test_a_run_file_that_somebody_changed_is_right_again(
    toys: Toys, damage: Callable[[Path], None]
) -> None:
    """Else nobody could restart or stop the server until somebody kills it."""
    supervisor = toys.supervisor()
    pid = toys.answering_pid()
    before = running(PLAIN, toys.run_dir)
    damage(run_file(toys.run_dir, PLAIN))

    def right() -> bool:
        with contextlib.suppress(RequestFailed):
            return running(PLAIN, toys.run_dir) == before
        return False

    wait_for(right, what="the run file right")
    assert request_restart(PLAIN, toys.run_dir).old_pid == pid
    request_stop(PLAIN, toys.run_dir)
    assert supervisor.wait() == OK


@SIGNALS
def test_a_folder_that_was_moved_away_and_back_tells_of_the_server_that_runs(toys: Toys) -> None:
    """The run file in it names one that ended meanwhile."""
    toys.supervisor()
    old = toys.answering_pid()
    away = toys.run_dir.with_name("away")
    toys.run_dir.rename(away)
    psutil.Process(old).kill()
    new = toys.answering_pid(other_than=old)
    wait_for(run_file(toys.run_dir, PLAIN).exists, what="the run file in a new folder")
    shutil.rmtree(toys.run_dir)
    away.rename(toys.run_dir)
    wait_for(lambda: running(PLAIN, toys.run_dir).server_pid == new, what="the run file right")
    assert request_restart(PLAIN, toys.run_dir).old_pid == new


def test_requests_need_no_room_on_the_disk(toys: Toys, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty file needs none: its name says what is asked for."""
    supervisor = toys.supervisor()
    old = toys.answering_pid()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shared_schema.runtime.process.control._write_private", refuse)
    assert request_restart(PLAIN, toys.run_dir).old_pid == old
    toys.answering_pid(other_than=old)
    request_stop(PLAIN, toys.run_dir)
    assert supervisor.wait() == OK
    assert not list(toys.run_dir.glob("*.request"))


def test_a_request_that_cannot_be_written_is_one_sentence(
    toys: Toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = toys.supervisor()
    toys.answering_pid()

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    refused = (
        rf"cannot write .*request: Permission denied; to stop it, end process {supervisor.pid}"
    )
    with pytest.raises(RequestFailed, match=refused):
        request_restart(PLAIN, toys.run_dir)
