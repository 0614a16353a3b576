"""The files between a supervisor and the commands, and what else may have their names."""

import errno
import os
from pathlib import Path

import pytest

from shared_schema.runtime.process import control as module
from shared_schema.runtime.process.control import Control, RequestFailed, run_file, running
from tests.support.platforms import PIPES, make_link


@PIPES
@pytest.mark.timeout(30)
def test_pipes_in_their_place_keep_nobody_waiting(tmp_path: Path) -> None:
    """The command says what is there; the supervisor removes it, and puts its own file there."""
    os.mkfifo(run_file(tmp_path, "toy"))
    with pytest.raises(RequestFailed, match=r"toy\.json cannot be read .*is a pipe"):
        running("toy", tmp_path)
    os.mkfifo(tmp_path / "toy.1.request")
    control = Control("toy", tmp_path)
    assert control.requests() == []
    assert [path.name for path in tmp_path.iterdir()] == ["toy.json"]
    assert run_file(tmp_path, "toy").is_file()


def test_a_full_disk_is_no_reason_to_write_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no new file fits, the run file that is there is overwritten; only if it is one."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = run_file(tmp_path, "toy")
    control = Control("toy", tmp_path)
    control.publish()
    theirs = tmp_path / "theirs"
    monkeypatch.setattr(module, "moved_into_place", refuse)
    control.publish(starts=2)
    path.rename(theirs)
    content = theirs.read_bytes()
    make_link(path, theirs)
    with pytest.raises(OSError, match="No space left"):
        control.publish(starts=3)
    assert theirs.read_bytes() == content
