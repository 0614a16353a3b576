"""Records every decision before anything is sent, in SQLite.

One row a decision, unique by (session, key). Produced rows carry the whole event and the session's
next `seq`; a client is a cursor over them (`id` grows in the order of production). *Expired* rows
have a `seq` too, so that a session's numbers have no gap, but are not sent live.
"""

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from event_gateway.errors import AnotherGateway, GatewayError, OutboxUnavailable

RowStatus = Literal["produced", "expired", "dropped", "closed"]
EventStatus = Literal["complete", "partial", "failed"]

OUTBOX_FILE: Final = "outbox.sqlite3"
# "RREO": distinguishes our file from any other SQLite database.
APPLICATION_ID: Final = 0x5252454F
SCHEMA_VERSION: Final = 1
_HEADER_BYTES: Final = 100
# Rows that one step of `prune` looks at: other work of the event loop waits for a step.
PRUNE_STEP_ROWS: Final = 20
# Rows in which one step of `delete` looks for copies.
DELETE_STEP_ROWS: Final = 200

_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS decisions (
    id          INTEGER PRIMARY KEY,
    session_id  TEXT NOT NULL,
    key         TEXT NOT NULL,
    status      TEXT NOT NULL,
    seq         INTEGER,
    recorded_at REAL NOT NULL,   -- seconds since 1970, for people, retention and the replay window
    event       TEXT,            -- the JSON text frame as it is sent
    UNIQUE (session_id, key)
);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


class Row(Struct, frozen=True):
    """A recorded decision; without an event, `seq` is 0 and `event` is empty.

    `at` is in seconds since 1970, `event` the text frame as it is sent.
    """

    id: int
    session_id: str
    key: str
    status: RowStatus
    seq: int
    at: float
    event: str


class Entry(Struct, frozen=True, kw_only=True):
    """A decision to record.

    `render` makes the text frame for its `seq`; `outcome` is the status in its event.
    """

    session_id: str
    key: str
    status: RowStatus
    render: Callable[[int], str] | None = None
    outcome: EventStatus = "complete"


_ROW: Final = (
    "SELECT id, session_id, key, status, coalesce(seq, 0), recorded_at, coalesce(event, '')"
    " FROM decisions"
)


_PRUNE: Final = (
    "DELETE FROM decisions WHERE session_id = ? AND id < (SELECT max(id) FROM decisions)"
    " AND (SELECT max(recorded_at) FROM decisions WHERE session_id = ?) < ?"
)
# The newest row stays, so that no id is used twice, but not what it says.
_PRUNE_NEWEST: Final = (
    "UPDATE OR IGNORE decisions SET key = 'closed', status = 'closed', seq = NULL, event = NULL"
    " WHERE id = (SELECT max(id) FROM decisions) AND event NOT NULL AND session_id = ?"
    " AND recorded_at < ?"
)
# Which sessions repeat a given one: their events name its files.
_COPIES: Final = (
    "SELECT DISTINCT session_id FROM decisions WHERE id > ? AND id <= ? AND instr(event, ?)"
)


class OutboxReader:
    """Read-only queries on an outbox; each raises `OutboxUnavailable` if it cannot be read now."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, folder: Path) -> "OutboxReader":
        """Open the outbox in `folder` read-only.

        Raises
        ------
        AnotherGateway
            If a running gateway has it open.
        OutboxUnavailable
            If there is none, or it cannot be read.
        """
        path = folder / OUTBOX_FILE
        try:
            db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.5)
            _check(db)
        except sqlite3.Error as error:
            raise _unavailable(path, error) from error
        return cls(db)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def decided(self, session_id: str) -> dict[str, RowStatus]:
        """Return the keys of a session's decisions, with their status."""
        query = "SELECT key, status FROM decisions WHERE session_id = ?"
        return dict(self._query(query, session_id))

    def head(self) -> int:
        """Return the id of the newest row: the cursor of a client that has everything."""
        ((newest,),) = self._query("SELECT max(id) FROM decisions")
        return int(newest or 0)

    def newest_at(self) -> float:
        """Return when the newest row was recorded, in seconds since 1970; 0 if there is none."""
        rows = self._query("SELECT recorded_at FROM decisions ORDER BY id DESC LIMIT 1")
        return float(rows[0][0]) if rows else 0.0

    def get(self, row_id: int) -> Row | None:
        """Return one event, unless retention has removed it."""
        rows = self._rows(f"{_ROW} WHERE id = ? AND seq NOT NULL", row_id)
        return rows[0] if rows else None

    def history(self, session_id: str, *, after_seq: int = 0) -> list[Row]:
        """Return a session's events with a `seq` above `after_seq`, in order."""
        return self._rows(
            f"{_ROW} WHERE session_id = ? AND seq > ? ORDER BY seq", session_id, after_seq
        )

    def sessions(self, *, limit: int) -> dict[str, float]:
        """Return the newest sessions with an event, and its time (seconds since 1970)."""
        query = (
            "SELECT session_id, recorded_at FROM decisions WHERE seq = 1 ORDER BY id DESC LIMIT ?"
        )
        return dict(self._query(query, limit))

    def log(self, *, after: int, limit: int) -> list[Row]:
        """Return the decisions after `after` for the technician's log, in order.

        These are events, and dialogues that were dropped. With more than `limit`, the newest.
        """
        newest = self._rows(
            f"{_ROW} WHERE id > ? AND status != 'closed' ORDER BY id DESC LIMIT ?", after, limit
        )
        return newest[::-1]

    def lacking(self, has: Mapping[str, int], *, since: float, cursor: int) -> list[int]:
        """Return the ids of the events that a client lacks, in the order of production.

        `has` maps sessions to the last seq that the client has; they continue after it, whatever
        their age. Other sessions with an event recorded at or after `since` are sent completely.
        The result includes events after `cursor` that are still to be sent live.
        """
        named = self._after_seq(has)
        whole = dict.fromkeys(self._recent(since, cursor) - has.keys(), 0)
        return sorted([*named, *self._after_seq(whole)])

    def unknown(self, session_ids: Sequence[str]) -> list[str]:
        """Return the sessions without records (any more)."""
        return [session for session in session_ids if not self.decided(session)]

    def _after_seq(self, has: Mapping[str, int]) -> list[int]:
        return [
            row_id
            for session_id, seq in has.items()
            for (row_id,) in self._query(
                "SELECT id FROM decisions WHERE session_id = ? AND seq > ?", session_id, seq
            )
        ]

    def _recent(self, since: float, cursor: int) -> set[str]:
        """Return the sessions with an event since then, or one to be sent live after `cursor`."""
        sessions: set[str] = set()
        # Newest first, and only as far as needed: an index by time would slow down every write.
        for row_id, session_id, status, at in self._each(
            "SELECT id, session_id, status, recorded_at FROM decisions ORDER BY id DESC"
        ):
            if at < since and row_id <= cursor:
                break
            if status == "produced":  # an expired one was due before the window
                sessions.add(session_id)
        return sessions

    def _rows(self, query: str, *values: object) -> list[Row]:
        return [Row(*columns) for columns in self._query(query, *values)]

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return list(self._each(query, *values))

    def _each(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query; every read goes through here."""
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as error:
            raise OutboxUnavailable(f"the outbox cannot be read: {error}") from error


class Outbox(OutboxReader):
    """The database of the gateway, its only writer. Calls block well under a millisecond."""

    def __init__(self, connection: sqlite3.Connection, *, moved_aside: Path | None) -> None:
        super().__init__(connection)
        self.moved_aside = moved_aside
        # Counted once: SQLite reads the whole table to count.
        (rows,) = connection.execute("SELECT count(*) FROM decisions").fetchone()
        self._count = int(rows)

    @classmethod
    def open(cls, folder: Path) -> "Outbox":
        """Open or create the outbox in `folder`, for this process only.

        A file that is damaged or not ours is moved aside, never deleted.

        Raises
        ------
        AnotherGateway
            If another process has it open.
        OutboxUnavailable
            If the folder cannot be written.
        """
        path = folder / OUTBOX_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            try:
                return cls(_connect(path), moved_aside=None)
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise  # the problem is its lock, folder or disk, not its content
            aside = _move_aside(path)
            return cls(_connect(path), moved_aside=aside)
        except (sqlite3.OperationalError, OSError) as error:
            raise _unavailable(path, error) from error

    def record(self, entries: Sequence[Entry], *, at: float) -> list[Row]:
        """Record all decisions or none of them, and return the new events.

        Earlier decisions are not changed.

        Raises
        ------
        OutboxUnavailable
            If the database cannot be written now.
        """
        changes = self._db.total_changes
        try:
            if len(entries) == 1:  # a single statement is a transaction, and cheaper
                rows = [self._insert(entries[0], at)]
            else:
                with self._db:
                    self._db.execute("BEGIN IMMEDIATE")
                    rows = [self._insert(entry, at) for entry in entries]
        except sqlite3.Error as error:
            raise OutboxUnavailable(f"a decision cannot be recorded: {error}") from error
        self._count += self._db.total_changes - changes
        return [row for row in rows if row is not None]

    def _insert(self, entry: Entry, at: float) -> Row | None:
        seq = event = None
        if entry.render is not None:
            (highest,) = self._db.execute(
                "SELECT max(seq) FROM decisions WHERE session_id = ?", (entry.session_id,)
            ).fetchone()
            seq = int(highest or 0) + 1
            event = entry.render(seq)
        columns = (entry.session_id, entry.key, entry.status, seq, at, event)
        cursor = self._db.execute(
            "INSERT INTO decisions (session_id, key, status, seq, recorded_at, event)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (session_id, key) DO NOTHING",
            columns,
        )
        if not cursor.rowcount or event is None or seq is None or cursor.lastrowid is None:
            return None
        return Row(cursor.lastrowid, entry.session_id, entry.key, entry.status, seq, at, event)

    def after(self, cursor: int, *, limit: int = 100) -> list[Row]:
        """Return the events to send live to a client at `cursor`, oldest first."""
        return self._rows(
            f"{_ROW} WHERE id > ? AND status = 'produced' ORDER BY id LIMIT ?", cursor, limit
        )

    def prune(
        self,
        *,
        before: float,
        rehearsals_before: float = 0.0,
        is_kept: Callable[[str], bool] = lambda _: False,
    ) -> Iterator[int]:
        """Remove sessions whose last decision is older than `before`, a few at every step.

        Not those that are kept; rehearsals, which repeat others, already if they are older than
        `rehearsals_before`. Yields the number of rows that each step removed. The newest row stays,
        without its event, so that no id is used twice. What was removed is overwritten, in the
        write-ahead log as well.

        Raises
        ------
        OutboxUnavailable
            If the database cannot be written now.
        """
        cursor: int | None = 0
        removed = 0
        while cursor is not None:
            cursor, count = self._prune_step(cursor, before, rehearsals_before, is_kept)
            removed += count
            yield count
        if removed:
            self._query("PRAGMA wal_checkpoint(TRUNCATE)")

    def _prune_step(
        self,
        cursor: int,
        before: float,
        rehearsals_before: float,
        is_kept: Callable[[str], bool],
    ) -> tuple[int | None, int]:
        """Look at the rows after `cursor`; return the next cursor, and how many were removed."""
        rows = self._query(
            "SELECT id, session_id, instr(coalesce(event, ''), '\"rehearsal\":true') FROM decisions"
            " WHERE id > ? ORDER BY id LIMIT ?",
            cursor,
            PRUNE_STEP_ROWS,
        )
        limits = {
            session_id: max(before, rehearsals_before) if rehearsal else before
            for _, session_id, rehearsal in rows
            if not is_kept(session_id)
        }
        changes = self._db.total_changes
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(_PRUNE, [(each, each, at) for each, at in limits.items()])
                self._db.executemany(_PRUNE_NEWEST, limits.items())
        except sqlite3.Error as error:
            raise OutboxUnavailable(f"old decisions cannot be removed: {error}") from error
        count = self._db.total_changes - changes
        self._count -= count
        return rows[-1][0] if len(rows) == PRUNE_STEP_ROWS else None, count

    def delete(self, session_id: str, *, at: float) -> Iterator[int]:
        """Remove a session, and rehearsals of it, step by step; nothing is told of it again.

        Yields the number of events that each step removed; they are overwritten at the end.

        Raises
        ------
        OutboxUnavailable
            If the database cannot be written now.
        """
        head = self.head()
        yield self._close(session_id, head, at)
        name = f"sessions/{session_id}/"
        for low in range(0, head, DELETE_STEP_ROWS):
            copies = self._query(_COPIES, low, low + DELETE_STEP_ROWS, name)
            yield sum(self._close(each, self.head(), at) for (each,) in copies)
        self._query("PRAGMA wal_checkpoint(TRUNCATE)")

    def _close(self, session_id: str, head: int, at: float) -> int:
        """Put one row, that it is closed, in the place of a session; return how many went."""
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                removed = self._db.execute(
                    "DELETE FROM decisions WHERE session_id = ?", (session_id,)
                ).rowcount
                self._db.execute(
                    "INSERT INTO decisions (id, session_id, key, status, recorded_at)"
                    " VALUES (?, ?, 'closed', 'closed', ?)",
                    (head + 1, session_id, at),
                )
        except sqlite3.Error as error:
            raise OutboxUnavailable(f"decisions cannot be removed: {error}") from error
        self._count += 1 - removed
        return removed

    def count(self) -> int:
        """Return the number of rows, in constant time."""
        return self._count


def _unavailable(path: Path, error: Exception) -> GatewayError:
    """Return the exception for an error of opening."""
    busy = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", None) in busy:
        return AnotherGateway(f"the outbox {path} is in use by another gateway")
    return OutboxUnavailable(f"the outbox {path} cannot be opened: {error}")


def _connect(path: Path) -> sqlite3.Connection:
    """Open the database exclusively: a new one, or one that is ours and intact."""
    _check_header(path)
    db = sqlite3.connect(path, isolation_level=None, timeout=0.5)
    try:
        # EXCLUSIVE before WAL: no -shm file is needed and a second gateway is refused.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        # What visitors said is gone when its row is.
        db.execute("PRAGMA secure_delete = ON")
        _check(db)
        db.executescript(_SCHEMA)
        # The first write takes the exclusive lock and keeps it.
        db.execute("BEGIN IMMEDIATE")
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _check_header(path: Path) -> None:
    """Raise `sqlite3.DatabaseError` for a file that SQLite must not open.

    When SQLite opens a database that it cannot read, it deletes the write-ahead log beside it.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    # Only the fields that do not depend on the log beside it.
    if len(header) < _HEADER_BYTES or not header.startswith(b"SQLite format 3\0"):
        raise sqlite3.DatabaseError("not a database")


def _check(db: sqlite3.Connection) -> None:
    """Raise `sqlite3.DatabaseError` for a database that is damaged or not an outbox of ours."""
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if tables and (application, version) != (APPLICATION_ID, SCHEMA_VERSION):
        raise sqlite3.DatabaseError("not an outbox of this version")
    (state,) = db.execute("PRAGMA quick_check").fetchone()
    if state != "ok":
        raise sqlite3.DatabaseError(state)


def _move_aside(path: Path) -> Path:
    """Rename an unusable database, with the files beside it, and return its new name."""
    for number in itertools.count(1):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            break
    for suffix in ("", "-wal", "-shm"):
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.replace(aside.with_name(aside.name + suffix))
    return aside
