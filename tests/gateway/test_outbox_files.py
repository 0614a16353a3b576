"""The outbox's files: what is noticed, what is taken over, and how old a row is."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from event_gateway.errors import OutboxUnavailable
from event_gateway.outbox import OUTBOX_FILE, Entry
from event_gateway.outbox.database import LOG_BYTES
from tests.support.machine import Machine
from tests.support.platforms import posix

PAGES_IN_FILE = 1500  # so many that part of the rows is in the file, and part in the log
VERSION_1 = """
CREATE TABLE decisions (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL, key TEXT NOT NULL,
    status TEXT NOT NULL, seq INTEGER, recorded_at REAL NOT NULL, event TEXT,
    UNIQUE (session_id, key));
PRAGMA application_id = 0x5252454F;
PRAGMA user_version = 1;
INSERT INTO decisions VALUES (1, 'a', 'turn1', 'produced', 1, 10.0, '{"text":"a"}');
INSERT INTO decisions VALUES (2, 'b', 'turn1', 'produced', 1, 11.0, '{"rehearsal":true}');
"""


def scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8192)


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


BLOWS: dict[str, Callable[[Machine], object]] = {
    "file deleted": lambda it: it.file.unlink(),
    "file cut": lambda it: cut(it.file),
    "file emptied": lambda it: it.file.write_bytes(b""),
    "file scribbled": lambda it: scribble(it.file),
    "log deleted": lambda it: it.log.unlink(),
    "log cut": lambda it: cut(it.log),
    "log emptied": lambda it: it.log.write_bytes(b""),
}


@posix("files that can be removed while they are open")
@pytest.mark.parametrize("blow", BLOWS)
def test_after_any_blow_keys_numbers_and_ids_go_on(machine: Machine, blow: str) -> None:
    """No id is used twice, no key is decided twice, and each session's numbers have no gap."""
    for number in range(PAGES_IN_FILE // 2):
        machine.record(f"s{number}", size=8192)
    machine.record("live")
    head = machine.outbox.head()
    BLOWS[blow](machine)
    assert machine.outbox.inspect()
    with pytest.raises(OutboxUnavailable):
        machine.record("live", "d1")
    machine.outbox.renew()
    assert machine.outbox.inspect() == ""
    assert machine.outbox.loss
    assert machine.record("live", "d1") == 2
    assert machine.outbox.head() > head
    assert "turn1" in machine.outbox.decided("live")
    assert "turn1" in machine.outbox.decided(f"s{PAGES_IN_FILE // 2 - 1}")
    lost = machine.outbox.lost
    machine.close()
    assert machine.open().lost == lost
    machine.outbox.settle()
    machine.close()
    assert not machine.open().lost
    assert machine.outbox.decided("live").keys() == {"turn1", "d1"}


def test_our_own_writes_are_no_fault(machine: Machine) -> None:
    """Nor is anybody who only reads, whatever becomes of the log."""
    for number in range(PAGES_IN_FILE):
        machine.record(f"s{number}", size=4096)
        machine.file.read_bytes()
        assert machine.outbox.inspect() == ""
    machine.wall += 100
    assert sum(machine.outbox.prune(before=machine.wall - 1)) == PAGES_IN_FILE
    assert machine.outbox.count() == 1
    assert machine.outbox.inspect() == ""


def test_a_log_that_is_long_is_moved_between_writes_and_not_by_one(machine: Machine) -> None:
    """No write waits for it, and its size stays within what a write can add."""
    unchanged = machine.file.stat()
    entries = [
        Entry(session_id=f"s{n}", key="turn1", status="produced", render=lambda _: "x" * LOG_BYTES)
        for n in range(2)
    ]
    for entry in entries:
        machine.outbox.record([entry], at=machine.wall)
    assert machine.file.stat() == unchanged
    assert machine.log.stat().st_size > LOG_BYTES
    machine.outbox.shorten_log()
    assert machine.log.stat().st_size == 0
    assert machine.file.stat().st_size > 2 * LOG_BYTES
    assert machine.outbox.inspect() == ""
    assert machine.record("s1", "d1") == 2


@posix("files that can be removed while they are open")
def test_a_log_that_cannot_be_moved_stays(machine: Machine) -> None:
    """Whoever took the file away is found by the next look, and nothing is raised."""
    entry = Entry(session_id="a", key="turn1", status="produced", render=lambda _: "x" * LOG_BYTES)
    machine.outbox.record([entry], at=machine.wall)
    machine.file.rename(machine.file.with_name("elsewhere"))
    machine.outbox.shorten_log()
    assert machine.log.stat().st_size > LOG_BYTES
    assert machine.outbox.inspect() == "its file was deleted or moved"


@posix("files that can be removed while they are open")
def test_a_lost_witness_is_written_again(machine: Machine) -> None:
    """It alone is no loss of the outbox."""
    machine.record("a")
    (machine.folder / "run" / "outbox").unlink()
    assert machine.outbox.inspect() == ""
    machine.close()
    machine.file.unlink()
    assert machine.open().lost


def test_a_first_start_is_no_loss(machine: Machine) -> None:
    """Nor is one after an ordinary end."""
    assert not machine.outbox.lost
    machine.record("a")
    machine.close()
    assert not machine.open().lost
    assert machine.outbox.loss == ""


ODD_VALUES = {
    "time": "UPDATE decisions SET recorded_at = 'yesterday'",
    "endless time": "UPDATE decisions SET recorded_at = 9e999",
    "moment": "UPDATE decisions SET moment = 'x'",
    "seq": "UPDATE decisions SET seq = 'one'",
    "last seq": "UPDATE decisions SET seq = 9223372036854775807",
    "last id": "UPDATE decisions SET id = 9223372036854775807",
    "session": "UPDATE decisions SET session_id = x'00'",
    "rehearsal": "UPDATE decisions SET rehearsal = 'no'",
    "event of bytes": "UPDATE decisions SET event = x'fffe00'",
    "event without JSON": "UPDATE decisions SET event = '{not json'",
    "event of a list": "UPDATE decisions SET event = '[]'",
    "boots": "UPDATE state SET value = 'many' WHERE key = 'older_boots'",
    "outbox id": "UPDATE state SET value = 'an id' WHERE key = 'id'",
    "loss": "UPDATE state SET value = 'perhaps' WHERE key = 'lost'",
    "no column": "ALTER TABLE decisions DROP COLUMN event",
    "no state": "ALTER TABLE state RENAME COLUMN value TO worth",
    "old version": "PRAGMA user_version = 1",
}


@posix("files that can be removed while they are open")
@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("odd", ODD_VALUES)
def test_a_value_that_we_did_not_write_is_damage(machine: Machine, odd: str, running: bool) -> None:
    """The file is SQLite's and ours, but nobody who reads it could rely on it: it is set aside."""
    machine.record("live")
    machine.outbox.settle()
    machine.close()
    copy = machine.folder / "copy"
    shutil.copy(machine.file, copy)
    db = sqlite3.connect(copy)
    db.execute("INSERT OR REPLACE INTO state VALUES ('lost', 0)")
    db.executescript(ODD_VALUES[odd])
    db.close()
    if running:
        machine.open()
        assert machine.outbox.decided("live")
        machine.log.unlink()  # SQLite would take it for the copy's
    copy.replace(machine.file)
    if running:
        assert machine.outbox.inspect()
        machine.outbox.renew()
    else:
        machine.open()
    assert machine.outbox.moved_aside
    assert machine.outbox.lost
    assert "moved aside" in machine.outbox.loss
    assert machine.record("live", "d1") == (2 if running else 1)
    machine.close()
    assert machine.open().moved_aside is None


def test_a_text_that_is_no_utf_8_ends_nobody_who_reads_it(machine: Machine) -> None:
    """SQLite takes any bytes for a text, and JSON as well; what is sent is UTF-8."""
    machine.record("a")
    machine.close()
    db = sqlite3.connect(machine.file)
    db.execute("UPDATE decisions SET event = CAST(x'7b2261223a22ff227d' AS TEXT)")
    db.commit()
    db.close()
    machine.open()
    assert [row.event for row in machine.outbox.after(0)] == ['{"a":"\N{REPLACEMENT CHARACTER}"}']


def test_a_witness_that_tells_of_too_many_rows_is_none(machine: Machine) -> None:
    """Ids go on after what it says, so it must leave some."""
    machine.record("a")
    machine.close()
    witness = machine.folder / "run" / "outbox"
    witness.write_text(f"{witness.read_text('ascii').split()[0]} {10**30}", "ascii")
    assert not machine.open().lost


def test_an_outbox_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    """Its rows, with what a rehearsal is; a reader can read it as it is."""
    (tmp_path / "gateway").mkdir()
    db = sqlite3.connect(tmp_path / "gateway" / OUTBOX_FILE)
    db.executescript(VERSION_1)
    db.close()
    machine = Machine(tmp_path)
    assert machine.outbox.moved_aside is None
    assert not machine.outbox.lost
    assert [session for session, _ in machine.outbox.sessions()] == ["a"]
    assert machine.record("a", "d1") == 2
    assert machine.outbox.offsets_s("a") == [0.0, machine.wall - 10.0]
    machine.close()


@given(jumps=st.lists(st.floats(-1e8, 1e8), min_size=1, max_size=5))
def test_no_jump_of_the_wall_clock_changes_what_is_recent(
    tmp_path_factory: pytest.TempPathFactory, jumps: list[float]
) -> None:
    """In a life, and over a restart of the gateway."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.record("old")
    machine.monotonic += 301.0
    machine.record("young")
    for jump in jumps:
        machine.wall = 1_800_000_000.0 + jump
        machine.monotonic += 1.0
        assert machine.recent() == ["young"]
        machine.close()
        machine.open()
        assert machine.recent() == ["young"]
    machine.close()


def test_after_a_start_of_the_machine_the_wall_clock_tells(machine: Machine) -> None:
    """Its monotonic clock begins anew; when it comes to where it was, old rows are not new."""
    machine.record("yesterday")
    machine.close()
    machine.wall += 60.0
    machine.monotonic = 30.0
    machine.open()
    assert machine.recent() == ["yesterday"]
    machine.wall += 50_000.0
    machine.monotonic = 50_010.0
    assert machine.recent() == []
    machine.close()
    machine.open()
    assert machine.recent() == []
    machine.record("today")
    assert machine.recent() == ["today"]


def test_a_clock_that_was_set_back_between_two_starts_is_noticed(machine: Machine) -> None:
    """The newest row is not from the future: the time since then is counted from it."""
    machine.record("old")
    machine.wall += 301.0
    machine.monotonic += 301.0
    machine.record("young")
    machine.close()
    machine.wall -= 3600.0
    machine.monotonic = 5.0
    machine.open()
    assert machine.recent() == ["young"]


def test_a_rehearsal_keeps_its_timing_over_a_jump_of_the_clock(machine: Machine) -> None:
    """Offsets are those of the monotonic clock, and never go back."""
    machine.record("a")
    machine.wall -= 3600.0
    machine.monotonic += 4.0
    machine.record("a", "d1")
    assert machine.outbox.offsets_s("a") == [0.0, 4.0]
    machine.monotonic = 1.0
    machine.record("a", "d2")
    assert machine.outbox.offsets_s("a") == [0.0, 0.0, 0.0]
