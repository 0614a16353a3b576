"""The gateway's own connection to its outbox: notices damage or loss of the files, and goes on."""

import contextlib
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from event_gateway.errors import OutboxUnavailable
from event_gateway.outbox.files import (
    OUTBOX_FILE,
    Testimony,
    Watch,
    Witness,
    is_damage,
    open_database,
)
from event_gateway.outbox.reader import OutboxReader, Row, RowStatus

# A write-ahead log as long as this is moved into the database; SQLite's own limit.
LOG_BYTES: Final = 1000 * 4096
# Sessions whose keys and numbers are remembered, in case the file is lost.
MAX_KNOWN_SESSIONS: Final = 1000
NOT_TOLD_AGAIN: Final = "sessions past Turn 1 are not sent again"
# The session of the row that marks a loss.
_NO_SESSION: Final = ""

INSERT: Final = (
    "INSERT INTO decisions"
    " (id, session_id, key, status, seq, recorded_at, event, moment, rehearsal)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)


class Database(OutboxReader):
    """The outbox's database as the gateway has it open: watched, and gone on with after a loss.

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
    ) -> Self:
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
            self._db.execute(INSERT, (row_id, *columns, at, None, moment, 0))
        self._set_state(lost=1)

    def _set_state(self, **values: object) -> None:
        self._db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", values.items())

    @property
    def witness_problem(self) -> str:
        """Why a loss of rows between two lives would not be noticed; empty if it would be."""
        return self._witness.problem

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

    def _note_head(self, head: int, row: Row | None = None) -> None:
        self._head = head
        self._newest = row if row is not None and row.status == "produced" else None
        self._testimony = Testimony(self._testimony.outbox, head)
        self._witness.write(self._testimony)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Write only to files that nobody touched."""
        if fault := self._find_fault():
            raise OutboxUnavailable(f"the outbox cannot be written now: {fault}")
        try:
            yield
        except sqlite3.Error as error:
            raise self._unavailable("written", error) from error

    def _unavailable(self, what: str, error: sqlite3.Error) -> OutboxUnavailable:
        if is_damage(error) and not self._fault:
            self._fault = f"it is damaged: {error}"
        return super()._unavailable(what, error)

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

    def _age_s(self, row_id: int, at: float, moment: float | None) -> float:
        now = self._monotonic()
        if moment is not None and row_id > self._older_boots:
            return now - moment
        return now - self._opened_moment + max(0.0, self._opened_at - at)

    def count(self) -> int:
        """Return the number of rows, in constant time."""
        return self._count
