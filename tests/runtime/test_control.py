"""The files between a supervisor and the commands, and what else may have their names."""

import os
from pathlib import Path

import pytest

from shared_schema.runtime.process.control import Control, RequestFailed, run_file, running
from tests.support.platforms import PIPES


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
