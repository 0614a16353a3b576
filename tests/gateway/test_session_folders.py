"""The list of session folders: always right, and read only when it changed."""

import os
from pathlib import Path

import pytest

from event_gateway.studio.recordings import SessionFolders
from tests.support.sessions import session_id

LONG_AGO_S = 1e9


def put(root: Path, number: int, *, at: float) -> str:
    """Make a session's folder, and let its parent be at rest since long ago."""
    session = session_id(number)
    (root / session).mkdir(parents=True)
    os.utime(root / session, (at, at))
    os.utime(root, (LONG_AGO_S + number, LONG_AGO_S + number))
    return session


def test_the_newest_are_told_with_their_times(tmp_path: Path) -> None:
    """No more than asked for, and nothing that is no session."""
    sessions = [put(tmp_path, number, at=LONG_AGO_S + number) for number in range(4)]
    (tmp_path / "notes").mkdir()
    newest = SessionFolders(tmp_path, look_back=3).newest()
    assert newest == {sessions[number]: LONG_AGO_S + number for number in (1, 2, 3)}


def test_a_session_that_comes_or_goes_is_noticed(tmp_path: Path) -> None:
    """The parent's time tells of it."""
    folders = SessionFolders(tmp_path, look_back=3)
    assert folders.newest() == {}
    first = put(tmp_path, 1, at=LONG_AGO_S)
    assert list(folders.newest()) == [first]
    second = put(tmp_path, 2, at=LONG_AGO_S + 1)
    assert list(folders.newest()) == [second, first]
    (tmp_path / first).rmdir()
    assert list(folders.newest()) == [second]


def test_two_changes_within_a_tick_are_noticed(tmp_path: Path) -> None:
    """A folder that has just changed is not trusted to be at rest."""
    folders = SessionFolders(tmp_path, look_back=3)
    first = put(tmp_path, 1, at=LONG_AGO_S)
    os.utime(tmp_path)
    changed_at = tmp_path.stat().st_mtime
    assert list(folders.newest()) == [first]
    second = put(tmp_path, 2, at=LONG_AGO_S + 1)
    os.utime(tmp_path, (changed_at, changed_at))
    assert list(folders.newest()) == [second, first]


def test_an_unchanged_folder_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page costs does not grow with what was played before."""
    folders = SessionFolders(tmp_path, look_back=3)
    first = put(tmp_path, 1, at=LONG_AGO_S)
    assert list(folders.newest()) == [first]
    monkeypatch.delattr(os, "scandir")
    assert list(folders.newest()) == [first]


def test_without_a_folder_there_are_no_sessions(tmp_path: Path) -> None:
    """As before the first session."""
    assert SessionFolders(tmp_path / "none", look_back=3).newest() == {}
