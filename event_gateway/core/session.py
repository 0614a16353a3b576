"""What the readiness machine knows of one session; only that machine changes it."""

from typing import Final

from msgspec import Struct, field

from event_gateway.core.decisions import TURN1_KEY
from shared_schema.facts import (
    Dialogue,
    SentimentReported,
    SlotAgent,
    Summary,
    Turn1Complete,
    Turn3Complete,
    Utterance,
    WavePending,
    WaveReady,
    merged,
)
from shared_schema.ids import SLOT_IDS, TURNS, TurnIndex

NEVER: Final = float("inf")
_WIDTH: Final = len(SLOT_IDS)


def _place(turn: TurnIndex, slot_id: int) -> int:
    """Return an utterance's index in a session's grid."""
    return _WIDTH * (turn - 1) + slot_id - 1


class Session(Struct, gc=False, eq=False, kw_only=True):
    """The state of one live session. The rules are those of `event_gateway.core.readiness`."""

    session_id: str
    begun_at: float
    epoch: str | None = None
    first_n: float = NEVER
    slots: tuple[SlotAgent, ...] | None = None
    # One place for each slot of each turn, turn by turn: a list is faster than a dictionary, and
    # takes a third of the memory.
    grid: list[Utterance | None] = field(default_factory=lambda: [None] * (len(TURNS) * _WIDTH))
    turn1_at: float | None = None
    turn1_deadline: float = NEVER
    turn3_at: float | None = None
    turn3_deadline: float = NEVER
    dialogues: tuple[Dialogue, ...] | None = None
    sentiment: SentimentReported | None = None
    sentiment_at: float = 0.0
    summary: Summary | None = None
    complete_at: float | None = None
    summary_deadline: float = NEVER
    decided: set[str] = field(default_factory=set)
    complete: bool = False
    abandoned: str | None = None

    @property
    def slot_ids(self) -> tuple[int, ...]:
        """The requested slots; those with a fact, while the session's beginning is unknown."""
        if self.slots is not None:
            return tuple(sorted(slot.slot_id for slot in self.slots))
        return tuple(each.slot_id for each in self.grid[:_WIDTH] if each is not None)

    @property
    def utterances(self) -> tuple[Utterance, ...]:
        """All known utterances, turn by turn, in increasing slot id."""
        return tuple(each for each in self.grid if each is not None)

    def utterance(self, turn: TurnIndex, slot_id: int) -> Utterance | None:
        """Return the utterance, if it is known."""
        return self.grid[_place(turn, slot_id)]

    def ready(self, turn: TurnIndex, slot_id: int) -> Utterance | None:
        """Return the utterance if its wave-mix can be played."""
        utterance = self.utterance(turn, slot_id)
        return utterance if utterance and isinstance(utterance.wave, WaveReady) else None

    def resolved(self, turn: TurnIndex, slot_id: int) -> bool:
        """Return whether this slot of this turn is resolved (rule 2)."""
        utterance = self.utterance(turn, slot_id)
        if utterance is None:
            # A completed turn contains all its utterances: any other slot has none.
            return (self.turn1_at if turn == 1 else self.turn3_at) is not None
        return not isinstance(utterance.wave, WavePending)

    @property
    def turn1_decided(self) -> bool:
        """Return whether the Turn 1 event was decided (rule 4)."""
        return TURN1_KEY in self.decided

    @property
    def can_decide_turn1(self) -> bool:
        """Return whether the requested slots are known, or will never be known better."""
        return self.slots is not None or (self.abandoned is not None and bool(self.slot_ids))

    @property
    def turn1_resolved(self) -> bool:
        """Return whether all requested slots are resolved."""
        # A plain loop: this runs for every completion.
        for slot in self.slots or ():
            if not self.resolved(1, slot.slot_id):
                return False
        return self.slots is not None

    def dialogue_resolved(self, dialogue: Dialogue) -> bool:
        """Return whether all utterances of this dialogue are resolved."""
        return all(self.resolved(turn, slot) for turn, slot in self.needs(dialogue))

    def needs(self, dialogue: Dialogue) -> list[tuple[TurnIndex, int]]:
        """Return the utterances of a dialogue, as turn and slot, in play order."""
        commenters: list[tuple[TurnIndex, int]] = [
            (2, slot) for slot in sorted(dialogue.commenter_slot_ids)
        ]
        return [*commenters, (3, dialogue.target_slot_id)]

    def merge(self, utterance: Utterance) -> None:
        """Merge a fact about an utterance (rule 1)."""
        place = _place(utterance.turn_index, utterance.slot_id)
        known = self.grid[place]
        self.grid[place] = utterance if known is None else merged(known, utterance)

    def merge_turn(self, turn: Turn1Complete | Turn3Complete) -> None:
        """Merge a completed turn."""
        self.slots = turn.slots
        for utterance in turn.utterances:
            self.merge(utterance)
