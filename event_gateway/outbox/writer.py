"""The gateway's outbox: records decisions, tells what a client lacks, and removes what is old."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from event_gateway.outbox.database import INSERT, Database
from event_gateway.outbox.reader import ROWS, Entry, Row

# Rows that one step of `prune` looks at: other work of the event loop waits for a step.
PRUNE_STEP_ROWS: Final = 20
# Rows in which one step of `delete` looks for copies.
DELETE_STEP_ROWS: Final = 200
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


class Outbox(Database):
    """The outbox of the gateway, its only writer. Calls block well under a millisecond."""

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

    def _insert(self, entry: Entry, at: float, moment: float, new: list[Row]) -> None:
        """Insert a decision; add its row to `new` if it is a new one."""
        seq = event = None
        if entry.render is not None:
            seq = self._next_seq(entry.session_id, new)
            event = entry.render(seq)
        named = (entry.session_id, entry.key, entry.status)
        cursor = self._db.execute(INSERT, (None, *named, seq, at, event, moment, entry.rehearsal))
        if cursor.rowcount and cursor.lastrowid is not None:
            new.append(Row(cursor.lastrowid, *named, seq or 0, at, event or ""))

    def _next_seq(self, session_id: str, new: list[Row]) -> int:
        """Return the `seq` of a session's next event, after the rows that are not committed yet."""
        if session_id not in self._known:
            self.decided(session_id)
        used = [seq or 0 for _, seq in self._known[session_id].values()]
        used += [row.seq for row in new if row.session_id == session_id]
        return max(used, default=0) + 1

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
            self._db.execute(INSERT, (self._head + 1, *columns))
        self._know(session_id, {"closed": ("closed", None)})
        self._count += 1 - removed
        self._note_head(self._head + 1)
        return removed
