"""What is removed with a session, and what stays: links, what is open, what is no folder."""

import os
import shutil
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from chat_backend.storage import removal as removing
from chat_backend.storage.archive import Archive
from chat_backend.storage.leftovers import sweep_newest
from chat_backend.storage.removal import LINK, NO_FOLDER, Left
from shared_schema import layout
from shared_schema.layout import (
    HEARING_ROOT,
    KEPT_FILE,
    Artifacts,
    is_regular,
    kept_file,
    session_file,
)
from tests.support.platforms import make_junction, posix, windows
from tests.support.sessions import session_id
from tests.support.stored_sessions import DAY_S, left, link, prune, write


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(Artifacts(tmp_path))


def test_a_file_held_open_stays_and_is_tried_again(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows TouchDesigner's file can't be deleted: the rest goes, session.json waits."""
    session = write(tmp_path, 1, age_s=DAY_S)
    mix = tmp_path / f"waves/sessions/{session}/turn_1/slot-1_v3_wave_mix.wav"
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path == mix:
            raise PermissionError("held open")
        real(path, missing_ok=missing_ok)

    with monkeypatch.context() as held:
        held.setattr(Path, "unlink", unlink)
        (removal,) = prune(archive, older_than_s=0)
    assert [each.path for each in removal.left] == [mix.as_posix()]
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"session.json", mix.name}
    (again,) = prune(archive, older_than_s=0)
    assert again.left == ()
    assert archive.sessions() == []


@pytest.mark.parametrize(
    ("method", "name"),
    [("unlink", "slot-1_v3_wave_mix.wav"), ("unlink", "session.json"), ("rmdir", "turn_1")],
)
def test_on_windows_what_a_scanner_has_open_is_removed_a_moment_later(
    method: str, name: str, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1, age_s=DAY_S)
    refusals = iter(range(3))
    real = getattr(Path, method)

    def refusing(path: Path, **options: bool) -> None:
        if path.name == name and next(refusals, None) is not None:
            raise PermissionError("held open")
        real(path, **options)

    monkeypatch.setattr(Path, method, refusing)
    monkeypatch.setattr(removing, "HELD_TIMEOUT_S", 30.0)
    (removal,) = prune(archive, older_than_s=0)
    assert removal.left == ()
    assert left(tmp_path) == []
    assert not list(tmp_path.rglob("turn_1"))


@windows("junctions")
def test_a_junction_is_removed_and_what_it_points_at_stays(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = write(tmp_path, 1, age_s=DAY_S)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    make_junction(tmp_path / f"tts/sessions/{session}/junction", outside, monkeypatch)
    (removal,) = prune(archive, older_than_s=0)
    assert removal.left == ()
    assert archive.sessions() == []
    assert (outside / "file").exists()


def test_a_junction_that_is_held_open_is_not_followed_either(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python before 3.12 takes it for a folder, and would remove the empty ones behind it."""
    session = write(tmp_path, 1, age_s=DAY_S)
    junction = tmp_path / f"tts/sessions/{session}/junction"
    (junction / "empty").mkdir(parents=True)
    real = layout.is_link

    def is_link(path: Path) -> bool:
        return path == junction or real(path)

    for module in (layout, removing):
        monkeypatch.setattr(module, "is_link", is_link)
    delete = removing._deletion_failure
    monkeypatch.setattr(
        removing, "_deletion_failure", lambda path: "is held" if path == junction else delete(path)
    )
    (removal,) = prune(archive, older_than_s=0)
    assert removal.left == (Left(junction.as_posix(), "is held"),)
    assert (junction / "empty").exists()


@pytest.mark.parametrize(
    "place",
    [
        f"tts/sessions/{session_id(2)}",
        f"waves/sessions/{session_id(2)}",
        f"tts/sessions/{session_id(1)}",
        f"waves/sessions/{session_id(1)}",
        f"tts/sessions/{session_id(1)}/turn_1",
        f"waves/sessions/{session_id(1)}/turn_1",
        f"waves/sessions/{session_id(1)}/turn_1/deep/er",
    ],
)
def test_links_are_never_followed(tmp_path: Path, place: str) -> None:
    """Listed, exported, kept, removed, swept: what a link points at stays unread and as it was."""
    root, outside = tmp_path / "artifacts", tmp_path / "outside"
    write(root, 1, age_s=9 * DAY_S)
    mine = outside / "turn_1" / "song.wav"
    partial = outside / "turn_1" / "song.wav.999999999.tmp"
    mine.parent.mkdir(parents=True)
    for file in (mine, partial, outside / KEPT_FILE):
        file.write_bytes(b"mine")
        os.utime(file, (0, 0))
    link(root / place, outside)
    archive = Archive(Artifacts(root))
    sweep_newest(Artifacts(root))
    for each in archive.sessions():
        archive.export(each, tmp_path / "out.zip", [])
        with zipfile.ZipFile(tmp_path / "out.zip") as zipped:
            assert b"mine" not in map(zipped.read, zipped.namelist())
        assert not each.kept
        for kept in (True, False):
            with suppress(OSError):
                archive.keep(each, kept=kept)
    prune(archive, older_than_s=DAY_S)
    for each in archive.sessions():
        archive.remove(each)
    files = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    assert files == dict.fromkeys((mine, partial, outside / KEPT_FILE), b"mine")


def test_a_mark_that_is_a_link_marks_nothing(archive: Archive, tmp_path: Path) -> None:
    """What it points at is not made; the link itself can be taken away."""
    session = write(tmp_path, 1)
    mark = tmp_path / kept_file(session)
    link(mark, tmp_path / "outside")
    with pytest.raises(OSError, match="is a link"):
        archive.keep(archive.stored(session), kept=True)
    assert not (tmp_path / "outside").exists()
    assert not archive.stored(session).kept
    archive.keep(archive.stored(session), kept=False)
    archive.keep(archive.stored(session), kept=True)
    assert archive.stored(session).kept
    assert is_regular(mark)


@posix("paths of that length")
def test_folders_nested_deeper_than_pythons_stack_are_odd_and_go_when_they_are_old(
    archive: Archive, tmp_path: Path
) -> None:
    """The others are listed; it can be exported and swept, and nothing of it outlives its age."""
    deep = write(tmp_path, 1, age_s=9 * DAY_S)
    write(tmp_path, 2)
    nested = tmp_path / "tts/sessions" / deep
    for _ in range(sys.getrecursionlimit() + 500):
        nested /= "d"
        nested.mkdir()
    try:
        assert sweep_newest(Artifacts(tmp_path)) == 0
        listed = {each.session_id: each for each in archive.sessions()}
        assert "nested" in listed[deep].oddity
        assert listed[session_id(2)].oddity == ""
        archive.export(listed[deep], tmp_path / "out.zip", [])
    finally:  # before `tmp_path` goes, which has Python's own limit
        removals = prune(archive, older_than_s=DAY_S)
    assert [each.session_id for each in removals] == [deep]
    assert left(tmp_path) == [session_id(2)]


def test_a_linked_file_is_not_exported_and_only_its_link_removed(
    archive: Archive, tmp_path: Path
) -> None:
    """Neither is one that claims to be session.json."""
    session = write(tmp_path, 1)
    precious = tmp_path / "precious.wav"
    precious.write_bytes(b"mine")
    link(tmp_path / f"tts/sessions/{session}/turn_1/link.wav", precious)
    (tmp_path / session_file(session)).unlink()
    link(tmp_path / session_file(session), precious)
    (stored,) = archive.sessions()
    assert "link" in stored.oddity
    archive.export(stored, tmp_path / "out.zip", [])
    with zipfile.ZipFile(tmp_path / "out.zip") as zipped:
        assert b"mine" not in map(zipped.read, zipped.namelist())
    assert archive.remove(stored).left == ()
    assert left(tmp_path) == []
    assert precious.read_bytes() == b"mine"


@pytest.mark.parametrize("root", ["tts/sessions", "waves/sessions", "stt/sessions"])
def test_what_is_in_a_folders_place_stays_and_is_named(
    archive: Archive, tmp_path: Path, root: str
) -> None:
    """With the true reason; all else of the session goes."""
    outside = tmp_path / "outside"
    outside.mkdir()
    for make, reason in (
        (lambda path: link(path, outside), LINK),
        (Path.touch, NO_FOLDER),
        *(((os.mkfifo, NO_FOLDER),) if sys.platform != "win32" else ()),
    ):
        session = write(tmp_path, 1)
        place = tmp_path / root / session
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        make(place)
        removal = archive.remove(archive.stored(session))
        assert removal.found
        assert removal.left == (Left(place.as_posix(), reason),)
        assert [path for path in tmp_path.glob("*/sessions/*") if path != place] == []
        place.unlink()
    assert outside.is_dir()


def test_a_folder_that_cannot_be_listed_is_named(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what is in it, so the session is not said to be gone."""
    session = write(tmp_path, 1)
    closed = tmp_path / "tts/sessions" / session / "turn_1"
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    (left,) = archive.remove(archive.stored(session)).left
    assert (left.path, "Permission denied" in left.reason) == (closed.parent.as_posix(), True)


def test_a_recording_goes_by_its_own_id(archive: Archive, tmp_path: Path) -> None:
    """Also where no session names it; what was never there is not found."""
    transcript = tmp_path / HEARING_ROOT / session_id(1) / "transcript.json"
    transcript.parent.mkdir(parents=True)
    transcript.touch()
    assert archive.remove(archive.stored(session_id(1))).found
    assert not transcript.parent.exists()
    assert not archive.remove(archive.stored(session_id(1))).found
