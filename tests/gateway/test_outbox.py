"""What is written down: once, in order, together, and never lost to a bad file."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from event_gateway.errors import OutboxUnavailable
from event_gateway.outbox import OUTBOX_FILE, Entry, Outbox, Row
from event_gateway.outbox.database import MAX_KNOWN_SESSIONS
from event_gateway.outbox.writer import PRUNE_STEP_ROWS

OPEN_IT = """
import os, sys
from pathlib import Path
from event_gateway.outbox import Entry, Outbox
outbox = Outbox.open(Path(sys.argv[1]))
"""
RECORD_AND_DIE = """
outbox.record([Entry(session_id="a", key="turn1", status="closed")], at=1.0)
os._exit(9)
"""


class Clocks:
    """The machine's two clocks, set by hand."""

    def __init__(self) -> None:
        self.wall = 1_800_000_000.0
        self.monotonic = 1000.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def open(self, folder: Path) -> Outbox:
        return Outbox.open(folder, wall=lambda: self.wall, monotonic=lambda: self.monotonic)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def outbox(tmp_path: Path, clocks: Clocks) -> Iterator[Outbox]:
    it = clocks.open(tmp_path)
    yield it
    it.close()


def produced(session: str, key: str) -> Entry:
    def render(seq: int) -> str:
        return json.dumps({"name": f"{session}/{key}#{seq}"})

    return Entry(session_id=session, key=key, status="produced", render=render)


def broken(session: str, key: str) -> Entry:
    def fail(seq: int) -> str:
        raise sqlite3.DatabaseError(f"no {seq}")

    return Entry(session_id=session, key=key, status="produced", render=fail)


def record(outbox: Outbox, *entries: Entry, at: float = 100.0) -> list[str]:
    return names(outbox.record(entries, at=at))


def names(rows: Iterable[Row]) -> list[str]:
    return [str(json.loads(row.event).get("name")) for row in rows]


def test_produced_events_are_numbered_by_session(outbox: Outbox) -> None:
    """Each session counts from 1, whatever the others do."""
    assert record(outbox, produced("a", "turn1")) == ["a/turn1#1"]
    assert record(outbox, produced("b", "turn1"), produced("a", "d1")) == ["b/turn1#1", "a/d1#2"]
    assert names(outbox.after(0)) == ["a/turn1#1", "b/turn1#1", "a/d1#2"]


def test_what_was_decided_stays_as_it_is(outbox: Outbox) -> None:
    """The same key again is ignored, takes no number, and what comes with it is recorded."""
    record(outbox, produced("a", "turn1"))
    assert record(outbox, produced("a", "turn1"), produced("a", "d1")) == ["a/d1#2"]
    assert outbox.decided("a") == {"turn1": "produced", "d1": "produced"}


def test_a_dropped_dialogue_takes_no_number(outbox: Outbox) -> None:
    """The client sees no hole where a dialogue could not be played."""
    dropped = Entry(session_id="a", key="d1", status="dropped")
    assert record(outbox, produced("a", "turn1"), dropped, produced("a", "d2")) == [
        "a/turn1#1",
        "a/d2#2",
    ]


def test_a_session_that_was_forgotten_meanwhile_goes_on(outbox: Outbox) -> None:
    """Numbers are remembered of the newest sessions only, and read for the others."""
    record(outbox, produced("old", "turn1"), produced("old", "d1"))
    record(outbox, *(produced(f"s{each}", "turn1") for each in range(MAX_KNOWN_SESSIONS)))
    assert record(outbox, Entry(session_id="old", key="d2", status="dropped")) == []
    assert record(outbox, produced("old", "d3")) == ["old/d3#3"]
    assert record(outbox, produced("old", "d1")) == []


def test_the_newest_event_is_sent_as_it_is_recorded(outbox: Outbox) -> None:
    """Without a query or with one; and not after it was removed."""
    for step in range(3):
        record(outbox, produced("a", f"d{step}"))
        head = outbox.head()
        live = [row.id for row in outbox.after(head - 1)]
        assert [outbox.get(each) for each in live] == outbox.after(head - 1)
        assert live == [head]
        assert outbox.after(head) == []
    assert sum(outbox.prune(before=1e9)) == 3
    assert outbox.after(outbox.head() - 1) == []
    record(outbox, produced("b", "turn1"))
    assert sum(outbox.delete("b", at=1.0)) == 1
    assert outbox.after(0) == []


def test_an_expired_event_takes_a_number_and_is_not_live(outbox: Outbox) -> None:
    """It shows in the history and in a resume, but a client at the cursor does not get it."""
    old = Entry(
        session_id="a", key="turn1", status="expired", render=lambda seq: f'{{"old":{seq}}}'
    )
    record(outbox, old, produced("a", "d1"))
    assert names(outbox.after(0)) == ["a/d1#2"]
    assert [row.seq for row in outbox.history("a")] == [1, 2]
    assert [row.seq for row in outbox.history("a", after_seq=1)] == [2]


def test_all_of_one_decision_or_nothing(outbox: Outbox) -> None:
    """An entry that can't be rendered takes the others of its group with it."""
    with pytest.raises(OutboxUnavailable):
        record(outbox, produced("a", "turn1"), broken("a", "d1"))
    assert outbox.decided("a") == {}
    assert record(outbox, produced("a", "turn1")) == ["a/turn1#1"]


def test_it_survives_the_process(tmp_path: Path) -> None:
    """Opened again, it goes on counting where it was."""
    first = Outbox.open(tmp_path)
    record(first, produced("a", "turn1"))
    first.close()
    again = Outbox.open(tmp_path)
    assert again.moved_aside is None
    assert record(again, produced("a", "d1")) == ["a/d1#2"]
    again.close()


def test_rows_are_counted_as_the_file_has_them(tmp_path: Path) -> None:
    """What was there before counts; a repetition, or what was rolled back, does not."""
    first = Outbox.open(tmp_path)
    record(first, produced("a", "turn1"), produced("a", "d1"), at=10.0)
    record(first, produced("a", "d1"), produced("a", "d2"), at=10.0)
    with pytest.raises(OutboxUnavailable):
        record(first, produced("b", "turn1"), broken("b", "d1"))
    assert first.count() == 3
    first.close()
    again = Outbox.open(tmp_path)
    record(again, produced("b", "turn1"))
    assert again.count() == 4
    assert sum(again.prune(before=50.0)) == 3
    assert again.count() == 1
    again.close()


def test_a_second_gateway_is_refused(tmp_path: Path, outbox: Outbox) -> None:
    """The file belongs to the process that has it open."""
    record(outbox, produced("a", "turn1"))
    other = subprocess.run(
        [sys.executable, "-c", OPEN_IT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert "AnotherGateway" in other.stderr
    assert record(outbox, produced("a", "d1")) == ["a/d1#2"]


def test_a_killed_gateway_loses_nothing(tmp_path: Path) -> None:
    """What was recorded is there although nobody closed the file."""
    killed = subprocess.run(
        [sys.executable, "-c", f"{OPEN_IT}\n{RECORD_AND_DIE}", str(tmp_path)], check=False
    )
    assert killed.returncode == 9
    outbox = Outbox.open(tmp_path)
    assert outbox.moved_aside is None
    assert outbox.decided("a") == {"turn1": "closed"}
    outbox.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 500, b"SQLite format 3\x00junk"])
def test_a_damaged_file_is_moved_aside_and_kept(tmp_path: Path, content: bytes) -> None:
    """The gateway starts with an empty outbox; nothing is deleted."""
    (tmp_path / OUTBOX_FILE).write_bytes(content)
    (tmp_path / f"{OUTBOX_FILE}-wal").write_bytes(b"wal")
    outbox = Outbox.open(tmp_path)
    aside = outbox.moved_aside
    assert aside is not None
    assert aside.read_bytes() == content
    assert aside.with_name(f"{aside.name}-wal").exists()
    assert record(outbox, produced("a", "turn1")) == ["a/turn1#1"]
    outbox.close()


def test_a_page_damaged_inside_is_noticed(tmp_path: Path) -> None:
    """Also when the header is whole."""
    outbox = Outbox.open(tmp_path)
    for number in range(300):
        record(outbox, produced(f"s{number}", "turn1"))
    outbox.close()
    file = tmp_path / OUTBOX_FILE
    content = bytearray(file.read_bytes())
    content[8192 : 8192 + 4096] = b"\xff" * 4096
    file.write_bytes(content)
    again = Outbox.open(tmp_path)
    assert again.moved_aside is not None
    again.close()


def test_a_foreign_database_is_moved_aside(tmp_path: Path) -> None:
    """Somebody else's SQLite file under our name is not written to."""
    foreign = sqlite3.connect(tmp_path / OUTBOX_FILE)
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.commit()
    foreign.close()
    content = (tmp_path / OUTBOX_FILE).read_bytes()
    outbox = Outbox.open(tmp_path)
    assert outbox.moved_aside is not None
    assert outbox.moved_aside.read_bytes() == content
    outbox.close()
    foreign = sqlite3.connect(outbox.moved_aside)
    assert foreign.execute("SELECT * FROM theirs").fetchall() == []
    foreign.close()


def test_a_folder_that_can_not_be_made_is_reported(tmp_path: Path) -> None:
    """The reason names the file."""
    (tmp_path / "file").write_text("x", "utf-8")
    with pytest.raises(OutboxUnavailable, match="outbox"):
        Outbox.open(tmp_path / "file" / "gateway")


def test_a_resuming_client_gets_what_it_lacks(outbox: Outbox, clocks: Clocks) -> None:
    """Named sessions go on after their seq at any age; others come whole if they are recent."""
    record(outbox, produced("old", "turn1"), produced("older", "turn1"))
    record(outbox, produced("old", "d1"))
    record(outbox, produced("a", "turn1"))
    clocks.pass_(301.0)
    record(outbox, produced("a", "d1"), produced("b", "turn1"))
    lacking = outbox.lacking({"old": 1}, within_s=300.0, cursor=outbox.head())
    rows = [outbox.get(row_id) for row_id in lacking]
    assert names(row for row in rows if row) == ["old/d1#2", "a/turn1#1", "a/d1#2", "b/turn1#1"]
    assert outbox.lacking({"a": 2, "b": 1}, within_s=300.0, cursor=outbox.head()) == []
    assert outbox.unknown(["a", "z"]) == ["z"]


def test_a_session_that_expired_is_not_recent(outbox: Outbox) -> None:
    """Recorded a moment ago, but due before the window: only who names it gets it."""
    old = Entry(
        session_id="a", key="turn1", status="expired", render=lambda seq: f'{{"old":{seq}}}'
    )
    record(outbox, old)
    assert outbox.lacking({}, within_s=300.0, cursor=0) == []
    assert len(outbox.lacking({"a": 0}, within_s=300.0, cursor=0)) == 1
    record(outbox, produced("a", "d1"))
    assert len(outbox.lacking({}, within_s=300.0, cursor=outbox.head())) == 2


def test_retention_forgets_whole_sessions(outbox: Outbox) -> None:
    """A session with a recent decision keeps its old ones."""
    record(outbox, produced("a", "turn1"), produced("b", "turn1"), at=10.0)
    record(outbox, produced("b", "d1"), at=99.0)
    assert sum(outbox.prune(before=50.0)) == 1
    assert outbox.decided("a") == {}
    assert sorted(outbox.decided("b"), reverse=True) == ["turn1", "d1"]
    assert outbox.count() == 2


def test_retention_goes_step_by_step(outbox: Outbox) -> None:
    """No step looks at more rows than it may; what is recorded between two of them stays."""
    for number in range(PRUNE_STEP_ROWS):
        session = f"s{number}"
        record(outbox, *(produced(session, key) for key in ("turn1", "d1", "d2")), at=10.0)
    steps = outbox.prune(before=50.0)
    removed = [next(steps)]
    record(outbox, produced("s0", "turn1"), produced("new", "turn1"), at=99.0)
    removed += steps
    assert sum(removed) == 3 * PRUNE_STEP_ROWS
    assert len(removed) > 2
    assert max(removed) <= 3 * PRUNE_STEP_ROWS // 2
    assert outbox.decided("s0") == {"turn1": "produced"}
    assert outbox.count() == 2


def test_the_newest_row_loses_its_words_when_it_is_old(outbox: Outbox) -> None:
    """It stays for its id only; a kept session's stays whole."""
    record(outbox, produced("a", "turn1"), produced("b", "turn1"), at=10.0)
    list(outbox.prune(before=50.0, is_kept=lambda session: session == "b"))
    assert names(outbox.history("b")) == ["b/turn1#1"]
    list(outbox.prune(before=50.0))
    assert outbox.decided("b") == {"closed": "closed"}
    assert outbox.history("b") == []
    record(outbox, produced("c", "turn1"), at=11.0)
    assert outbox.head() == 3


def test_a_rehearsal_is_kept_for_a_shorter_time(outbox: Outbox) -> None:
    """Whatever the age of the session that it repeats."""
    rehearsal = Entry(
        session_id="r", key="turn1", status="produced", render=lambda _: '{"rehearsal":true}'
    )
    record(outbox, produced("a", "turn1"), rehearsal, at=60.0)
    record(outbox, produced("b", "turn1"), at=99.0)
    list(outbox.prune(before=50.0, rehearsals_before=70.0))
    assert outbox.decided("r") == {}
    assert outbox.decided("a") == {"turn1": "produced"}


def test_a_deleted_session_is_closed_and_its_rehearsals_too(outbox: Outbox, tmp_path: Path) -> None:
    """Nothing of it is on the disk; its numbers are not given to another."""
    for number in range(450):
        name = "sessions/secret/" if number % 150 == 0 else "other"
        one = Entry(
            session_id=f"s{number}",
            key="turn1",
            status="produced",
            render=lambda _, name=name: f'{{"says":"{name} words"}}',  # type: ignore[misc]
        )
        record(outbox, one)
    record(
        outbox, produced("secret", "turn1"), Entry(session_id="secret", key="d1", status="dropped")
    )
    head = outbox.head()
    assert list(outbox.delete("secret", at=1.0)) == [2, 2, 1, 0]
    assert outbox.decided("secret") == outbox.decided("s150") == {"closed": "closed"}
    assert outbox.decided("s1") == {"turn1": "produced"}
    assert outbox.count() == 450 + 1
    assert outbox.head() == head + 4
    assert next(outbox.delete("secret", at=1.0)) == 1
    outbox.close()
    for path in tmp_path.iterdir():
        assert b"secret/" not in path.read_bytes()


def test_what_cannot_be_read_is_an_error_of_ours(outbox: Outbox) -> None:
    """Whatever is asked: the gateway catches this one, and no other."""
    record(outbox, produced("a", "turn1"))
    outbox.close()
    reads: list[Callable[[], object]] = [
        lambda: outbox.decided("a"),
        outbox.newest_at,
        lambda: outbox.get(1),
        lambda: outbox.history("a"),
        lambda: outbox.offsets_s("a"),
        lambda: list(outbox.sessions()),
        lambda: outbox.log(after=0, limit=1),
        lambda: outbox.lacking({"a": 0}, within_s=9.0, cursor=0),
        lambda: outbox.lacking({}, within_s=9.0, cursor=0),
        lambda: outbox.after(0),
        lambda: outbox.unknown(["a"]),
    ]
    for read in reads:
        with pytest.raises(OutboxUnavailable, match="cannot be read"):
            read()


def test_retention_that_is_refused_says_so(tmp_path: Path) -> None:
    """What the database raises becomes the error that the gateway survives."""
    outbox = Outbox.open(tmp_path)
    outbox.close()
    with pytest.raises(OutboxUnavailable, match="outbox"):
        list(outbox.prune(before=1.0))
