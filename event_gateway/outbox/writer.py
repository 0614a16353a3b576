"""The gateway's own outbox: records, prunes, and notices when its files are damaged or lost."""

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from event_gateway.errors import OutboxUnavailable
from event_gateway.outbox.files import (
    OUTBOX_FILE,
    Testimony,
    Watch,
    Witness,
    is_damage,
    open_database,
)
from event_gateway.outbox.reader import ROWS, Entry, OutboxReader, Row, RowStatus

# Rows that one step of `prune` looks at: other work of the event loop waits for a step.
PRUNE_STEP_ROWS: Final = 20
# Rows in which one step of `delete` looks for copies.
DELETE_STEP_ROWS: Final = 200
# A write-ahead log as long as this is moved into the database; SQLite's own limit.
LOG_BYTES: Final = 1000 * 4096
# Sessions whose keys and numbers are remembered, in case the file is lost.
MAX_KNOWN_SESSIONS: Final = 1000
NOT_TOLD_AGAIN: Final = "sessions past Turn 1 are not sent again"
# The session of the row that marks a loss.
_NO_SESSION: Final = ""

_INSERT: Final = (
    "INSERT INTO decisions"
    " (id, session_id, key, status, seq, recorded_at, event, moment, rehearsal)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
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


class Outbox(OutboxReader):
    """The database of the gateway, its only writer. Calls block well under a millisecond.

    Attributes
    ----------
    moved_aside : Path or None
        Where a file is that was damaged or not ours.
    lost : bool
        Whether rows were lost since the backend told its sessions completely (`settle`): what was
        sent before is not known then. It survives the process.
    loss : str
        The last damage or loss that this process noticed, as a sentence; empty if none.
    """

    def __init__(
        self,
        path: Path,
        witness: Path | None,
        *,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._path = path
        self._watch = Watch(path)
        self._witness = Witness(witness)
        self._wall = wall
        self._monotonic = monotonic
        self._fault = ""
        # Of each session in it, all that is recorded.
        self._known: dict[str, dict[str, tuple[RowStatus, int | None]]] = {}
        # The newest row, while it is an event to send: its client needs no query (gateway).
        self._newest: Row | None = None
        self.moved_aside: Path | None = None
        self.lost = False
        self.loss = ""
        missing, aside = self._open_files(self._witness.read())
        if missing:
            what = (
                f"it was damaged or foreign: moved aside to {aside}" if aside else "it lacked rows"
            )
            self.loss = f"when the gateway started, {what}; {NOT_TOLD_AGAIN}"

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        witness: Path | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> "Outbox":
        """Open or create the outbox in `folder`, for this process only.

        A file that is damaged or not ours is moved aside, never deleted. `witness` is a file in
        another folder, by which a loss of this one is noticed.

        Raises
        ------
        AnotherGateway
            If another process has it open.
        OutboxUnavailable
            If the folder cannot be written.
        """
        return cls(folder / OUTBOX_FILE, witness, wall=wall, monotonic=monotonic)

    def _open_files(self, expected: Testimony | None) -> tuple[bool, Path | None]:
        """Open what is there; return whether rows are missing, and where a bad file is now."""
        self._db, aside = open_database(self._path)
        try:
            missing = self._load(expected, aside)
        except sqlite3.Error as error:
            self._db.close()
            raise self._unavailable("opened", error) from error
        self._watch.note()
        self._witness.close()
        self._witness.write(self._testimony)
        self._fault = ""
        self.moved_aside = aside or self.moved_aside
        return missing, aside

    def _load(self, expected: Testimony | None, aside: Path | None) -> bool:
        """Read what the file says of itself; return whether rows are missing, and mark it so."""
        # Counted once: SQLite reads the whole table to count.
        self._count_rows()
        state = dict(self._db.execute("SELECT key, value FROM state").fetchall())
        outbox_id = str(state.get("id", uuid.uuid4().hex))
        query = "SELECT recorded_at, coalesce(moment, 0.0) FROM decisions WHERE id = ?"
        newest_at, moment = self._db.execute(query, (self._head,)).fetchone() or (0.0, 0.0)
        self._opened_moment = self._monotonic()
        # A clock that is behind the newest row was set back.
        self._opened_at = max(self._wall(), newest_at)
        # If the monotonic clock is behind it, the machine itself has started since then.
        restarted = moment > self._opened_moment
        self._older_boots = self._head if restarted else int(state.get("older_boots", 0))
        missing = aside is not None or not (
            expected is None or (expected.outbox == outbox_id and expected.head <= self._head)
        )
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._set_state(id=outbox_id, older_boots=self._older_boots)
            if missing:
                self._mark_loss(expected.head if expected else 0)
        self.lost = missing or bool(state.get("lost"))
        self._count_rows()
        self._testimony = Testimony(outbox_id, self._head)
        return missing

    def _count_rows(self) -> None:
        query = "SELECT count(*), coalesce(max(id), 0) FROM decisions"
        count, head = self._db.execute(query).fetchone()
        self._count, self._head = int(count), int(head)

    def _mark_loss(self, head: int) -> None:
        """Add the mark of a loss, above every id that was used, and what is known of the lost."""
        mark = (_NO_SESSION, f"loss after {head}", "closed", None)
        known = [
            (session_id, key, "closed" if key == status == "closed" else "lost", seq)
            for session_id, decided in self._known.items()
            for key, (status, seq) in decided.items()
        ]
        at, moment = self._wall(), self._monotonic()
        first = max(head, self._head) + 1
        for row_id, columns in enumerate((mark, *known), start=first):
            self._db.execute(_INSERT, (row_id, *columns, at, None, moment, 0))
        self._set_state(lost=1)

    def _set_state(self, **values: object) -> None:
        self._db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", values.items())

    def inspect(self) -> str:
        """Return what is wrong with the files that are open; empty if nothing is."""
        if self._witness.missing:
            self._witness.close()
            self._witness.write(self._testimony)
        return self._find_fault()

    def _find_fault(self) -> str:
        self._fault = self._fault or self._watch.fault()
        return self._fault

    def renew(self) -> None:
        """Open the files again after a fault, or new ones; `loss` says what happened.

        What is damaged is moved aside. If rows are missing, `lost` is set, and the keys and numbers
        of the sessions that this process knows are taken over, so that those go on.

        Raises
        ------
        AnotherGateway, OutboxUnavailable
            If they cannot be opened now; nothing can be read or recorded until they can.
        """
        fault = self._find_fault()
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        missing, aside = self._open_files(self._testimony)
        where = f"; it was moved aside to {aside}" if aside else ""
        self.loss = f"{fault}{where}; {NOT_TOLD_AGAIN if missing else 'nothing is missing'}"

    def close(self) -> None:
        """Close the files."""
        self._newest = None
        super().close()
        self._witness.close()

    def settle(self) -> None:
        """Forget the loss: the backend has told its sessions, and the old ones are closed now."""
        if self.lost:
            with self._guarded(), self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._set_state(lost=0)
            self.lost = False

    def head(self) -> int:
        """Return the id of the newest row, without reading."""
        return self._head

    def decided(self, session_id: str) -> dict[str, RowStatus]:
        """Return the keys of a session's decisions, with their status."""
        rows = self._query(
            "SELECT key, status, seq FROM decisions WHERE session_id = ?", session_id
        )
        self._know(session_id, {key: (status, seq) for key, status, seq in rows})
        return {key: status for key, status, _ in rows}

    def _know(self, session_id: str, decided: dict[str, tuple[RowStatus, int | None]]) -> None:
        self._known[session_id] = decided
        if len(self._known) > MAX_KNOWN_SESSIONS:
            del self._known[next(iter(self._known))]

    def record(self, entries: Sequence[Entry], *, at: float) -> list[Row]:
        """Record all decisions or none of them, and return the new events.

        Earlier decisions are not changed. `at` is in seconds since 1970.

        Raises
        ------
        OutboxUnavailable
            If the database cannot be written now.
        """
        moment = self._monotonic()
        new: list[Row] = []
        with self._guarded():
            if len(entries) == 1:  # a single statement is a transaction, and cheaper
                self._insert(entries[0], at, moment, new)
            else:
                with self._db:
                    self._db.execute("BEGIN IMMEDIATE")
                    for entry in entries:
                        self._insert(entry, at, moment, new)
        for row in new:
            if row.session_id in self._known:
                self._known[row.session_id][row.key] = (row.status, row.seq or None)
        if new:
            self._count += len(new)
            self._note_head(new[-1].id, new[-1])
        return [row for row in new if row.event]

    def _note_head(self, head: int, row: Row | None = None) -> None:
        self._head = head
        self._newest = row if row is not None and row.status == "produced" else None
        self._testimony = Testimony(self._testimony.outbox, head)
        self._witness.write(self._testimony)

    def _insert(self, entry: Entry, at: float, moment: float, new: list[Row]) -> None:
        """Insert a decision; add its row to `new` if it is a new one."""
        seq = event = None
        if entry.render is not None:
            seq = self._next_seq(entry.session_id, new)
            event = entry.render(seq)
        named = (entry.session_id, entry.key, entry.status)
        cursor = self._db.execute(_INSERT, (None, *named, seq, at, event, moment, entry.rehearsal))
        if cursor.rowcount and cursor.lastrowid is not None:
            new.append(Row(cursor.lastrowid, *named, seq or 0, at, event or ""))

    def _next_seq(self, session_id: str, new: list[Row]) -> int:
        """Return the `seq` of a session's next event, after the rows that are not committed yet."""
        if session_id not in self._known:
            self.decided(session_id)
        used = [seq or 0 for _, seq in self._known[session_id].values()]
        used += [row.seq for row in new if row.session_id == session_id]
        return max(used, default=0) + 1

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Write only to files that nobody touched, and remember how we left them."""
        if fault := self._find_fault():
            raise OutboxUnavailable(f"the outbox cannot be written now: {fault}")
        try:
            yield
        except sqlite3.Error as error:
            raise self._unavailable("written", error) from error
        finally:
            if not self._fault:
                self._watch.note_log()

    def _unavailable(self, what: str, error: sqlite3.Error) -> OutboxUnavailable:
        if is_damage(error) and not self._fault:
            self._fault = f"it is damaged: {error}"
        return super()._unavailable(what, error)

    def lacking(self, has: Mapping[str, int], *, within_s: float, cursor: int) -> list[int]:
        """Return the ids of the events that a client lacks, in the order of production.

        `has` maps sessions to the last seq that the client has; they continue after it, whatever
        their age. Other sessions with an event of the last `within_s` seconds are sent completely.
        The result includes events after `cursor` that are still to be sent live.

        The machine's monotonic clock tells how long ago a row was recorded, across restarts of the
        gateway as well. For rows of before the machine's own start, the wall clock of our start
        does, unless it is behind the newest row.
        """
        named = self._after_seq(has)
        whole = dict.fromkeys(self._recent(within_s, cursor) - has.keys(), 0)
        return sorted([*named, *self._after_seq(whole)])

    def unknown(self, session_ids: Sequence[str]) -> list[str]:
        """Return the sessions without records (any more)."""
        query = "SELECT 1 FROM decisions WHERE session_id = ? LIMIT 1"
        return [each for each in session_ids if not self._query(query, each)]

    def _after_seq(self, has: Mapping[str, int]) -> list[int]:
        query = "SELECT id FROM decisions WHERE session_id = ? AND seq > ? AND event NOT NULL"
        return [
            row_id
            for session_id, seq in has.items()
            for (row_id,) in self._query(query, session_id, seq)
        ]

    def _recent(self, within_s: float, cursor: int) -> set[str]:
        """Return the sessions with an event since then, or one to be sent live after `cursor`."""
        sessions: set[str] = set()
        # Newest first, and only as far as needed: an index by time would slow down every write.
        for row_id, session_id, status, at, moment in self._each(
            "SELECT id, session_id, status, recorded_at, moment FROM decisions ORDER BY id DESC"
        ):
            if row_id <= cursor and self._age_s(row_id, at, moment) > within_s:
                break
            if status == "produced":  # an expired one was due before the window
                sessions.add(session_id)
        return sessions

    def _age_s(self, row_id: int, at: float, moment: float | None) -> float:
        now = self._monotonic()
        if moment is not None and row_id > self._older_boots:
            return now - moment
        return now - self._opened_moment + max(0.0, self._opened_at - at)

    def after(self, cursor: int, *, limit: int = 100) -> list[Row]:
        """Return the events to send live to a client at `cursor`, oldest first."""
        if self._newest is not None and cursor == self._newest.id - 1:
            return [self._newest]
        return self._rows(
            f"{ROWS} WHERE id > ? AND status = 'produced' ORDER BY id LIMIT ?", cursor, limit
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
        `rehearsals_before`. Yields the number of rows that each step removed or emptied: the newest
        row stays, without its event, so that no id is used twice. What was removed is overwritten,
        in the write-ahead log as well.

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
            self._clear_log()

    def _prune_step(
        self,
        cursor: int,
        before: float,
        rehearsals_before: float,
        is_kept: Callable[[str], bool],
    ) -> tuple[int | None, int]:
        """Look at the rows after `cursor`; return the next cursor, and how many lost their text."""
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
        old = [(each, each, at) for each, at in limits.items()]
        with self._guarded(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            removed = self._db.executemany(_PRUNE, old).rowcount
            emptied = self._db.executemany(_PRUNE_NEWEST, limits.items()).rowcount
            self._newest = None
        self._count -= removed
        return rows[-1][0] if len(rows) == PRUNE_STEP_ROWS else None, removed + emptied

    def delete(self, session_id: str, *, at: float) -> Iterator[int]:
        """Remove a session, and rehearsals of it, step by step; nothing is told of it again.

        Yields the number of events that each step removed; they are overwritten at the end.

        Raises
        ------
        OutboxUnavailable
            If the database cannot be written now.
        """
        head = self._head
        yield self._close(session_id, at)
        name = f"sessions/{session_id}/"
        for low in range(0, head, DELETE_STEP_ROWS):
            copies = self._query(_COPIES, low, low + DELETE_STEP_ROWS, name)
            yield sum(self._close(each, at) for (each,) in copies)
        self._clear_log()

    def _close(self, session_id: str, at: float) -> int:
        """Put one row, that it is closed, in the place of a session; return how many went."""
        columns = (session_id, "closed", "closed", None, at, None, self._monotonic(), 0)
        with self._guarded(), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            removed = self._db.execute(
                "DELETE FROM decisions WHERE session_id = ?", (session_id,)
            ).rowcount
            self._db.execute(_INSERT, (self._head + 1, *columns))
        self._know(session_id, {"closed": ("closed", None)})
        self._count += 1 - removed
        self._note_head(self._head + 1)
        return removed

    def shorten_log(self) -> None:
        """Move the write-ahead log into the database once it is long; call it now and then.

        Left to SQLite, the write that makes it too long would wait for it.
        """
        if self._watch.log_bytes >= LOG_BYTES:
            with contextlib.suppress(OutboxUnavailable):  # tried again; `record` tells why
                self._clear_log()

    def _clear_log(self) -> None:
        """Move the write-ahead log into the database; removed rows are gone from it as well."""
        with self._guarded():
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._watch.note()

    def count(self) -> int:
        """Return the number of rows, in constant time."""
        return self._count
