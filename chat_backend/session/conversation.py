"""Holds the texts of one session."""

from msgspec import Struct, field

from chat_backend.agents.base import CommentSelection, Remark, SpokenResponse
from shared_schema.facts import SlotAgent
from shared_schema.ids import TURNS, AgentId, TurnIndex


class Conversation(Struct, kw_only=True):
    """One session's texts: the visitor's message, and each slot's answer in each turn."""

    session_id: str
    message: str
    slots: tuple[SlotAgent, ...]
    seed: int
    answers: dict[TurnIndex, dict[int, SpokenResponse]] = field(
        default_factory=lambda: {1: {}, 2: {}, 3: {}}
    )

    def agent_of(self, slot_id: int) -> AgentId:
        """Return which agent sits in a slot."""
        return next(slot.agent_id for slot in self.slots if slot.slot_id == slot_id)

    def remark(self, turn: TurnIndex, slot_id: int) -> Remark:
        """Return a slot's text in a turn, as other slots' questions quote it."""
        return Remark(
            slot_id=slot_id,
            agent_id=self.agent_of(slot_id),
            text=self.answers[turn][slot_id].text,
        )

    @property
    def agent_ids(self) -> tuple[AgentId, ...]:
        """The agents in the order of their slots."""
        return tuple(each.agent_id for each in sorted(self.slots, key=lambda each: each.slot_id))

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Every text so far, turn by turn, in increasing slot id."""
        return tuple(
            self.remark(turn, slot_id) for turn in TURNS for slot_id in sorted(self.answers[turn])
        )

    @property
    def targets(self) -> dict[int, int]:
        """Which slot each comment was on."""
        targets = {slot: target_of(answer) for slot, answer in self.answers[2].items()}
        return {slot: target for slot, target in targets.items() if target is not None}


def target_of(answer: SpokenResponse) -> int | None:
    """Return the slot that an answer is for, if it is a comment."""
    return answer.target_slot_id if isinstance(answer, CommentSelection) else None
