"""The session folders: always listed right, and read only when something changed."""

import os
from pathlib import Path

import pytest

from event_gateway.studio.session_folders import SessionFolders
from shared_schema.layout import SPEECH_ROOT, WAVES_ROOT
from tests.support.sessions import session_id

LONG_AGO_S = 1e9


def put(artifacts: Path, number: int, *, at: float) -> str:
    """Make a session's folder, and let its parent be at rest since long ago."""
    session, root = session_id(number), artifacts / SPEECH_ROOT
    (root / session).mkdir(parents=True)
    os.utime(root / session, (at, at))
    os.utime(root, (LONG_AGO_S + number, LONG_AGO_S + number))
    return session


def listed(folders: SessionFolders) -> list[str]:
    return [session for session, _ in folders.newest()]


def test_the_newest_come_first_with_their_times(tmp_path: Path) -> None:
    """And nothing that is no session."""
    sessions = [put(tmp_path, number, at=LONG_AGO_S + number) for number in range(4)]
    (tmp_path / SPEECH_ROOT / "notes").mkdir()
    newest = SessionFolders(tmp_path).newest()
    assert list(newest) == [(sessions[number], LONG_AGO_S + number) for number in (3, 2, 1, 0)]


def test_one_that_was_passed_over_is_listed_again_when_it_changes(tmp_path: Path) -> None:
    """A file comes into one of its folders; what changed a moment ago is not trusted to be over."""
    folders = SessionFolders(tmp_path)
    session = put(tmp_path, 1, at=LONG_AGO_S)
    for root, at in ((SPEECH_ROOT, LONG_AGO_S + 1), (WAVES_ROOT, None)):
        folders.pass_over(session, folders.state(session))
        assert listed(folders) == []
        folder = tmp_path / root / session
        folder.mkdir(parents=True, exist_ok=True)
        if at is not None:
            os.utime(folder, (at, at))
        assert listed(folders) == [session]
    assert folders.state(session) is None
    folders.pass_over(session, folders.state(session))
    assert listed(folders) == [session]


def test_a_session_that_comes_or_goes_is_noticed(tmp_path: Path) -> None:
    """The parent's time tells of it."""
    folders = SessionFolders(tmp_path)
    assert listed(folders) == []
    first = put(tmp_path, 1, at=LONG_AGO_S)
    assert listed(folders) == [first]
    second = put(tmp_path, 2, at=LONG_AGO_S + 1)
    assert listed(folders) == [second, first]
    (tmp_path / SPEECH_ROOT / first).rmdir()
    assert listed(folders) == [second]


def test_two_changes_within_a_tick_are_noticed(tmp_path: Path) -> None:
    """A folder that has just changed is not trusted to be at rest."""
    folders = SessionFolders(tmp_path)
    first = put(tmp_path, 1, at=LONG_AGO_S)
    root = tmp_path / SPEECH_ROOT
    os.utime(root)
    changed_at = root.stat().st_mtime
    assert listed(folders) == [first]
    second = put(tmp_path, 2, at=LONG_AGO_S + 1)
    os.utime(root, (changed_at, changed_at))
    assert listed(folders) == [second, first]


def test_an_unchanged_folder_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page costs does not grow with what was played before."""
    folders = SessionFolders(tmp_path)
    first = put(tmp_path, 1, at=LONG_AGO_S)
    assert listed(folders) == [first]
    monkeypatch.delattr(os, "scandir")
    assert listed(folders) == [first]


def test_without_a_folder_there_are_no_sessions(tmp_path: Path) -> None:
    """As before the first session."""
    assert listed(SessionFolders(tmp_path / "none")) == []
