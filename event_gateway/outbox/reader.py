"""Reads an outbox: a session's events, the sessions that it has, the technician's log."""

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from event_gateway.errors import OutboxUnavailable
from event_gateway.outbox.files import OUTBOX_FILE, open_for_reading

RowStatus = Literal["produced", "expired", "dropped", "closed", "lost"]
EventStatus = Literal["complete", "partial", "failed"]


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
    rehearsal: bool = False


ROWS: Final = (
    "SELECT id, session_id, key, status, coalesce(seq, 0), recorded_at, coalesce(event, '')"
    " FROM decisions"
)


_FIRST_EVENTS: Final = (
    "SELECT id, session_id, recorded_at FROM decisions"
    " WHERE seq = 1 AND rehearsal = 0 AND event NOT NULL AND id < ? ORDER BY id DESC LIMIT ?"
)
_PAGE_ROWS: Final = 100
# Above every id.
_NEWEST: Final = 2**63 - 1


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
        return cls(open_for_reading(folder / OUTBOX_FILE))

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
        rows = self._rows(f"{ROWS} WHERE id = ? AND event NOT NULL", row_id)
        return rows[0] if rows else None

    def history(self, session_id: str, *, after_seq: int = 0) -> list[Row]:
        """Return a session's events with a `seq` above `after_seq`, in order."""
        return self._rows(
            f"{ROWS} WHERE session_id = ? AND seq > ? AND event NOT NULL ORDER BY seq",
            session_id,
            after_seq,
        )

    def offsets_s(self, session_id: str) -> list[float]:
        """Return how long after a session's first event each of its events was recorded."""
        rows = self._query(
            "SELECT moment, recorded_at FROM decisions WHERE session_id = ? AND event NOT NULL"
            " ORDER BY seq",
            session_id,
        )
        moments = [moment for moment, _ in rows]
        if None in moments or moments != sorted(moments):
            # Of an older version, or of two lives of the machine: only the wall clock tells.
            moments = [at for _, at in rows]
        return list(itertools.accumulate((each - moments[0] for each in moments), max))

    def sessions(self) -> Iterator[tuple[str, float]]:
        """Yield the sessions with an event and the time of their first, the newest first.

        Times are in seconds since 1970. Rehearsals are left out.
        """
        last = _NEWEST
        while rows := self._query(_FIRST_EVENTS, last, _PAGE_ROWS):
            last = rows[-1][0]
            for _, session_id, at in rows:
                yield session_id, at

    def log(self, *, after: int, limit: int) -> list[Row]:
        """Return the decisions after `after` for the technician's log, in order.

        These are events, and dialogues that were dropped. With more than `limit`, the newest.
        """
        newest = self._rows(
            f"{ROWS} WHERE id > ? AND status NOT IN ('closed', 'lost') ORDER BY id DESC LIMIT ?",
            after,
            limit,
        )
        return newest[::-1]

    def _rows(self, query: str, *values: object) -> list[Row]:
        return [Row(*columns) for columns in self._query(query, *values)]

    def _query(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return list(self._each(query, *values))

    def _each(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query; every read goes through here."""
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as error:
            raise self._unavailable("read", error) from error

    def _unavailable(self, what: str, error: sqlite3.Error) -> OutboxUnavailable:
        return OutboxUnavailable(f"the outbox cannot be {what} now: {error}")
