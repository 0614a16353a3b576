"""Whole sessions of the six personas without a server, and questions to single ones."""

import asyncio

from msgspec import Struct

from chat_backend.agents.base import (
    Agents,
    CommentQuestion,
    CommentSelection,
    Exchange,
    Remark,
    ReplyQuestion,
    ResponseQuestion,
    SpokenResponse,
)
from shared_schema.ids import AGENT_IDS, SLOT_IDS, AgentId

SEATED: tuple[tuple[int, AgentId], ...] = tuple(zip(SLOT_IDS, AGENT_IDS, strict=True))
AGENT_OF = dict(SEATED)


class Session(Struct, kw_only=True):
    """What the six said in three turns, by slot."""

    responses: dict[int, SpokenResponse]
    comments: dict[int, CommentSelection]
    replies: dict[int, SpokenResponse]

    def texts(self) -> list[str]:
        """Everything that was said, in order."""
        return [
            spoken.text
            for turn in (self.responses, self.comments, self.replies)
            for spoken in turn.values()
        ]

    def comments_on(self, slot: int) -> tuple[Remark, ...]:
        """What the others said to a slot."""
        return tuple(
            Remark(slot_id=by, agent_id=AGENT_OF[by], text=comment.text)
            for by, comment in self.comments.items()
            if comment.target_slot_id == slot
        )


def play(agents: Agents, message: str, seed: int, history: tuple[Exchange, ...] = ()) -> Session:
    """Return a whole session."""
    return asyncio.run(_play(agents, message, seed, history))


async def _play(agents: Agents, message: str, seed: int, history: tuple[Exchange, ...]) -> Session:
    said = Session(responses={}, comments={}, replies={})
    for slot, agent in SEATED:
        said.responses[slot] = await agents.of(agent).respond(
            ResponseQuestion(
                seed=seed, slot_id=slot, agent_id=agent, message=message, history=history
            )
        )
    for slot, agent in SEATED:
        said.comments[slot] = await agents.of(agent).comment(
            CommentQuestion(
                seed=seed,
                slot_id=slot,
                agent_id=agent,
                message=message,
                own_text=said.responses[slot].text,
                others=tuple(
                    Remark(slot_id=other, agent_id=who, text=said.responses[other].text)
                    for other, who in SEATED
                    if other != slot
                ),
            )
        )
    for slot, agent in SEATED:
        comments = said.comments_on(slot)
        if comments:
            said.replies[slot] = await agents.of(agent).reply(
                ReplyQuestion(
                    seed=seed,
                    slot_id=slot,
                    agent_id=agent,
                    message=message,
                    own_text=said.responses[slot].text,
                    comments=comments,
                )
            )
    return said
