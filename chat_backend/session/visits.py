"""Keeps what each slot remembers within one visit, and nothing beyond it.

A visit is what one visitor does, as their client names it. No text of one visit reaches another:
a request without a visit id has no history at all, and a visit is gone when it has been idle for
its time, when it is reset, or when newer ones need its place.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from chat_backend.agents.base import Exchange

MAX_VISITS: Final = 64


class Visit:
    """One visitor's history, slot by slot. After `end` it remembers and returns nothing."""

    def __init__(self, exchanges: int) -> None:
        self._exchanges = exchanges
        self._of_slot: dict[int, deque[Exchange]] = {}
        self._ended = exchanges == 0
        self.session_ids: set[str] = set()
        self.running = 0
        self.idle_since = 0.0

    def of(self, slot_id: int) -> tuple[Exchange, ...]:
        """Return the newest exchanges of a slot, oldest first."""
        return tuple(self._of_slot.get(slot_id, ()))

    def remember(self, slot_id: int, exchange: Exchange) -> None:
        """Add an exchange to a slot's history; a late one of an ended visit is dropped."""
        if not self._ended:
            new: deque[Exchange] = deque(maxlen=self._exchanges)
            self._of_slot.setdefault(slot_id, new).append(exchange)

    def end(self) -> None:
        """Forget everything, for good."""
        self._ended = True
        self._of_slot.clear()


class Visits:
    """The visits of this process, by id.

    Parameters
    ----------
    exchanges : int
        How many exchanges a slot remembers; 0 for none.
    idle_s : float
        How long a visit lasts after its last session, in seconds.
    """

    def __init__(
        self, *, exchanges: int, idle_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._exchanges = exchanges
        self._idle_s = idle_s
        self._clock = clock
        # The one that was used last stands last.
        self._visits: dict[str, Visit] = {}

    def __len__(self) -> int:
        return len(self._visits)

    def begin_session(self, visit_id: str | None, session_id: str = "") -> Visit:
        """Return the visit that a new session belongs to; one that keeps nothing without an id."""
        self.expire()
        if visit_id is None:
            return Visit(exchanges=0)
        visit = self._visits.pop(visit_id, None) or Visit(self._exchanges)
        self._visits[visit_id] = visit
        visit.session_ids.add(session_id)
        visit.running += 1
        while len(self._visits) > MAX_VISITS:
            self._visits.pop(next(iter(self._visits))).end()
        return visit

    def end_session(self, visit: Visit) -> None:
        """Begin the visit's idle time, unless another of its sessions runs."""
        visit.running -= 1
        visit.idle_since = self._clock()

    def expire(self) -> None:
        """End the visits whose idle time is over."""
        limit = self._clock() - self._idle_s
        for visit_id, visit in list(self._visits.items()):
            if visit.running <= 0 and visit.idle_since <= limit:
                self.reset(visit_id)

    def reset(self, visit_id: str | None = None) -> int:
        """End one visit, or all; return how many. Answers that come later are not remembered."""
        ids = list(self._visits) if visit_id is None else [visit_id]
        ended = [visit for each in ids if (visit := self._visits.pop(each, None)) is not None]
        for visit in ended:
            visit.end()
        return len(ended)

    def forget_session(self, session_id: str) -> None:
        """End the visit that a session belonged to."""
        for visit_id, visit in list(self._visits.items()):
            if session_id in visit.session_ids:
                self.reset(visit_id)
