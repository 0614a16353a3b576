"""Puts the events of turns that overlap into the order in which a visitor's page reads them.

Rules
-----
1. A turn begins with ``turn.start`` and ends with ``turn.done``, and every event of a turn comes
   before those of the next. Within a turn, events keep the order in which they came.
2. A turn is over when each of its slots has its speech or has failed, and every earlier turn is
   over. What comes early is held until then.
3. A stopped session ends no turn: what is still to come of the turn that is told is told, what is
   held of later ones is dropped, as they never began for the page.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from shared_schema.chat import (
    ChatEvent,
    SlotAudio,
    SlotDone,
    SlotError,
    SlotStart,
    TurnDone,
    TurnStart,
)
from shared_schema.ids import AnyTurn


class _Turn(Struct, kw_only=True):
    """A turn that is not over. `unfinished` are its slots that have not ended."""

    index: AnyTurn
    unfinished: set[int]
    answered: int = 0
    held: list[ChatEvent] = field(default_factory=list)


class TurnOrder:
    """The turns of one session. Each method returns the events that are to be told now."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._turns: list[_Turn] = []
        self._stopped = False

    def begin(self, index: AnyTurn, slots: Iterable[int]) -> list[ChatEvent]:
        """Begin a turn, later than all before, with at least one slot."""
        turn = _Turn(index=index, unfinished=set(slots))
        turn.held.append(TurnStart(session_id=self._session_id, turn_index=index))
        self._turns.append(turn)
        return self._due()

    def add(self, event: SlotStart) -> list[ChatEvent]:
        """Take an event of a slot in a turn that has begun."""
        for turn in self._turns:
            if turn.index == event.turn_index:
                turn.held.append(event)
                if isinstance(event, SlotDone):
                    turn.answered += 1
                if isinstance(event, SlotAudio | SlotError):
                    turn.unfinished.discard(event.slot_id)
        return self._due()

    def stop(self) -> None:
        """End no turn from now on, and drop what is held (rule 3)."""
        self._stopped = True
        del self._turns[1:]

    def _due(self) -> list[ChatEvent]:
        due: list[ChatEvent] = []
        while self._turns:
            turn = self._turns[0]
            due += turn.held
            turn.held.clear()
            if turn.unfinished or self._stopped:
                break
            due.append(
                TurnDone(
                    session_id=self._session_id,
                    turn_index=turn.index,
                    slot_count=turn.answered,
                )
            )
            self._turns.pop(0)
        return due
