"""What is no file of ours in the place of the outbox's files: links, folders, pipes."""

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from event_gateway.errors import OutboxUnavailable
from event_gateway.outbox import OUTBOX_FILE, OutboxReader, set_aside
from shared_schema.layout import is_regular
from tests.support.machine import Machine
from tests.support.platforms import PIPES, make_link


def foreign_database(path: Path) -> bytes:
    """Make another program's database; return its bytes."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")
        db.commit()
    return path.read_bytes()


STRANGERS: dict[str, Callable[[Path, Path], object]] = {
    "a folder": lambda path, _: path.mkdir(),
    "a full folder": lambda path, _: (path / "inside").mkdir(parents=True),
    "a pipe": lambda path, _: os.mkfifo(path),
    "a link to a database": lambda path, outside: path.symlink_to(outside / "app.db"),
    "a link to a folder": lambda path, outside: path.symlink_to(outside),
    "a link into a folder": lambda path, outside: path.symlink_to(outside / "new.db"),
    "a link to nowhere": lambda path, outside: path.symlink_to(outside / "none" / "new.db"),
}


@PIPES
@pytest.mark.timeout(30)
@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_is_no_file_of_ours_is_moved_aside(
    machine: Machine, stranger: str, suffix: str, running: bool
) -> None:
    """Nobody waits for a pipe, and nothing is written where a link leads, nor made there."""
    outside = machine.folder / "outside"
    outside.mkdir()
    content = foreign_database(outside / "app.db")
    machine.record("live")
    machine.outbox.settle()
    if not running:
        machine.close()
    place = machine.file.with_name(OUTBOX_FILE + suffix)
    place.unlink(missing_ok=True)
    STRANGERS[stranger](place, outside)
    status = place.lstat()
    if running:
        # Only the database and its log are in use then, and looked at.
        assert bool(machine.outbox.inspect()) == (suffix in ("", "-wal"))
        machine.outbox.renew()
    else:
        machine.open()
    if running and suffix == "-wal" and not stat.S_ISDIR(status.st_mode):
        # When SQLite closes a database, it removes what has its log's name; all is in the file.
        assert machine.outbox.loss.endswith("nothing is missing")
    else:
        aside = machine.file.with_name(f"{OUTBOX_FILE}.damaged-1")
        assert machine.outbox.moved_aside == aside
        assert str(aside) in machine.outbox.loss
        assert machine.outbox.lost
        assert os.path.samestat(aside.with_name(aside.name + suffix).lstat(), status)
    assert not os.path.lexists(place) or is_regular(place)
    assert machine.record("live", "d1") == (2 if running else 1)
    assert [each.name for each in outside.iterdir()] == ["app.db"]
    assert (outside / "app.db").read_bytes() == content


@PIPES
@pytest.mark.timeout(30)
@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("stranger", ["a pipe", "a link to a folder", "a link to nowhere"])
def test_what_is_no_folder_of_ours_is_moved_aside(
    machine: Machine, stranger: str, running: bool
) -> None:
    """A second time as well, beside the first."""
    outside = machine.folder / "outside"
    outside.mkdir()
    for number in (1, 2):
        machine.record(f"live {number}")
        if not running:
            machine.close()
        shutil.rmtree(machine.file.parent)
        STRANGERS[stranger](machine.file.parent, outside)
        if running:
            assert machine.outbox.inspect()
            machine.outbox.renew()
        else:
            machine.open()
        assert machine.outbox.moved_aside == machine.folder / f"gateway.damaged-{number}"
        assert machine.outbox.lost
    assert set_aside(machine.file.parent) == [
        machine.folder / "gateway.damaged-1",
        machine.folder / "gateway.damaged-2",
    ]
    assert list(outside.iterdir()) == []


def test_a_link_to_what_was_ours_is_a_fault(machine: Machine) -> None:
    """Somebody moved the file and left a link: what visitors said is not written there."""
    machine.record("live")
    elsewhere = machine.folder / "elsewhere"
    try:
        machine.file.rename(elsewhere)
    except PermissionError:
        pytest.skip("an open file stays where it is here")
    make_link(machine.file, elsewhere)
    assert machine.outbox.inspect() == "another file was put in the place of its file"


def test_no_link_is_read(machine: Machine) -> None:
    """Also not by a command, while no gateway runs: SQLite would make files beside the target."""
    machine.close()
    elsewhere = machine.folder / "elsewhere"
    machine.file.rename(elsewhere)
    make_link(machine.file, elsewhere)
    with pytest.raises(OutboxUnavailable, match="is a link, or no file"):
        OutboxReader.open(machine.file.parent)
    machine.file.unlink()
    elsewhere.rename(machine.file)
    machine.file.parent.rename(elsewhere)
    make_link(machine.file.parent, elsewhere)
    with pytest.raises(OutboxUnavailable, match="is a link, or no file"):
        OutboxReader.open(machine.file.parent)
    machine.file.parent.unlink()


@pytest.mark.parametrize("content", [b"not ours" * 100, None])
def test_a_witness_that_is_a_link_is_not_followed(machine: Machine, content: bytes | None) -> None:
    """The outbox goes on, and the remedy is named; nothing is written, made or believed there."""
    theirs, witness = machine.folder / "theirs", machine.folder / "run" / "outbox"
    machine.close()
    if content is not None:
        theirs.write_bytes(content)
    witness.unlink()
    make_link(witness, theirs)
    machine.open()
    assert machine.outbox.witness_problem == f"{witness} is a link: remove it"
    machine.record("a")
    assert machine.outbox.inspect() == ""
    assert (theirs.read_bytes() if theirs.exists() else None) == content
    witness.unlink()
    assert machine.outbox.inspect() == ""
    assert machine.outbox.witness_problem == ""
    assert (theirs.read_bytes() if theirs.exists() else None) == content


@PIPES
@pytest.mark.timeout(30)
def test_what_stands_in_the_place_of_the_witness_is_named(machine: Machine) -> None:
    """It is neither waited for nor removed, and the outbox goes on."""
    assert machine.outbox.witness_problem == ""
    witness = machine.folder / "run" / "outbox"
    for put, kind in ((os.mkfifo, "a pipe"), (os.mkdir, "a folder")):
        machine.close()
        witness.unlink()
        put(witness)
        machine.open()
        assert machine.outbox.witness_problem.startswith(f"{witness} is {kind}")
        machine.record(f"session {kind}")
        assert machine.outbox.inspect() == ""
        assert not machine.outbox.lost
