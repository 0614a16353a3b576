"""The three turns: who takes part in each, and which question its agents get."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct, structs

from chat_backend.agents.base import (
    Agent,
    CommentQuestion,
    Exchange,
    Question,
    ReplyQuestion,
    ResponseQuestion,
    SpokenResponse,
)
from chat_backend.errors import AgentFailed
from chat_backend.session.conversation import Conversation
from chat_backend.session.dialogues import commenters, comments_on, repliers
from shared_schema.ids import KIND_OF_TURN, Kind, TurnIndex

History = tuple[Exchange, ...]
Ask = Callable[[Agent, Conversation, int, History], Awaitable[SpokenResponse]]


class Turn(Struct, frozen=True, kw_only=True):
    """One turn; the workflow runs all of them the same way.

    `participants` depends on the texts of earlier turns only, as their speech may not be there.
    """

    index: TurnIndex
    participants: Callable[[Conversation], tuple[int, ...]]
    ask: Ask

    @property
    def kind(self) -> Kind:
        """What a slot makes in this turn."""
        return KIND_OF_TURN[self.index]


def _common(conversation: Conversation, slot_id: int, history: History) -> dict[str, Any]:
    """Return the fields that every turn's question has."""
    common = Question(
        seed=conversation.seed,
        slot_id=slot_id,
        agent_id=conversation.agent_of(slot_id),
        message=conversation.message,
        history=history,
    )
    return structs.asdict(common)


async def _respond(
    agent: Agent, conversation: Conversation, slot_id: int, history: History
) -> SpokenResponse:
    return await agent.respond(ResponseQuestion(**_common(conversation, slot_id, history)))


async def _comment(
    agent: Agent, conversation: Conversation, slot_id: int, history: History
) -> SpokenResponse:
    others = tuple(
        conversation.remark(1, slot) for slot in sorted(conversation.answers[1]) if slot != slot_id
    )
    selection = await agent.comment(
        CommentQuestion(
            **_common(conversation, slot_id, history),
            own_text=conversation.answers[1][slot_id].text,
            others=others,
        )
    )
    if selection.target_slot_id not in {other.slot_id for other in others}:
        raise AgentFailed(
            f"commented on slot {selection.target_slot_id}, which did not answer or is itself",
            error_type="server_error",
        )
    return selection


async def _reply(
    agent: Agent, conversation: Conversation, slot_id: int, history: History
) -> SpokenResponse:
    return await agent.reply(
        ReplyQuestion(
            **_common(conversation, slot_id, history),
            own_text=conversation.answers[1][slot_id].text,
            comments=tuple(
                conversation.remark(2, slot) for slot in comments_on(slot_id, conversation.targets)
            ),
        )
    )


TURN_1: Final = Turn(
    index=1,
    participants=lambda so_far: tuple(sorted(slot.slot_id for slot in so_far.slots)),
    ask=_respond,
)
TURN_2: Final = Turn(
    index=2, participants=lambda so_far: commenters(so_far.answers[1]), ask=_comment
)
TURN_3: Final = Turn(index=3, participants=lambda so_far: repliers(so_far.targets), ask=_reply)
# In the order in which they are asked; a turn without participants is left out.
TURNS: Final = (TURN_1, TURN_2, TURN_3)
