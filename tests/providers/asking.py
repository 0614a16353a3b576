"""The agents under test, and the questions that they are asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from chat_backend.agents.base import (
    Agent,
    Agents,
    CommentQuestion,
    Exchange,
    Remark,
    ReplyQuestion,
    ResponseQuestion,
)
from chat_backend.agents.models.opening import open_agents
from chat_backend.agents.models.seats import decide
from chat_backend.agents.models.table import AgentModel, load_models
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from chat_backend.show.show import load_show
from shared_schema.ids import AgentId
from shared_schema.settings import Settings
from tests.providers.wire import Wire

# An agent for each protocol that we speak.
SEAT_OF: dict[str, AgentId] = {
    "anthropic": "claude-sonnet-4-5",
    "responses": "gpt-5.2",
    "gemini": "gemini-3",
    "chat": "gpt-4o",
}
PROTOCOLS = tuple(SEAT_OF)
KEY_OF = {
    "anthropic": "ANTHROPIC_API_KEY",
    "responses": "OPENAI_API_KEY",
    "gemini": "GOOGLE_API_KEY",
    "chat": "LLM_API_KEY",
}
# gpt-4o is asked at a server of our own.
MODELS = msgspec.structs.replace(
    load_models(None),
    agents=load_models(None).agents | {"gpt-4o": AgentModel(provider="llm", model="a-small-one")},
)


def settings_for(wire: Wire, **more: object) -> Settings:
    """Return settings that send every provider's calls to the test's servers."""
    return msgspec.structs.replace(
        Settings(
            anthropic_url=wire.url,
            openai_url=f"{wire.url}/v1",
            google_url=wire.url,
            llm_url=f"{wire.url}/v1",
            llm_model="a-small-one",
            elevenlabs_url=wire.url,
            tts_openai_url=f"{wire.url}/v1",
        ),
        **more,
    )


@asynccontextmanager
async def agents_at(
    wire: Wire,
    keys: Keys,
    limits: CallLimits,
    *,
    metrics: Metrics | None = None,
    **settings: object,
) -> AsyncIterator[Agents]:
    """Yield agents that are models at the test's servers."""
    chosen = settings_for(wire, **settings)
    seats = decide(chosen, MODELS, keys)
    async with open_agents(seats, keys, chosen, metrics or Metrics(), limits=limits) as cast:
        yield cast(load_show(chosen))


def agent_of(agents: Agents, protocol: str) -> Agent:
    """Return the agent that is asked in a protocol."""
    return agents.of(SEAT_OF[protocol])


def response_question(
    agent: AgentId, message: str = "What does the sea dream of?", visits: int = 0
) -> ResponseQuestion:
    """Turn 1."""
    history = tuple(
        Exchange(message=f"visit {number}: " + "x" * 500, answer=f"answer {number}")
        for number in range(visits)
    )
    return ResponseQuestion(seed=7, slot_id=1, agent_id=agent, message=message, history=history)


def comment_question(agent: AgentId) -> CommentQuestion:
    """Turn 2: slots 2, 4 and 5 answered as well."""
    return CommentQuestion(
        seed=7,
        slot_id=1,
        agent_id=agent,
        message="What does the sea dream of?",
        own_text="The sea dreams of standing still for once.",
        others=tuple(
            Remark(slot_id=slot, agent_id="gpt-5.1", text=f"Answer of slot {slot}, about salt.")
            for slot in (2, 4, 5)
        ),
    )


def reply_question(agent: AgentId) -> ReplyQuestion:
    """Turn 3: slots 3 and 6 commented."""
    return ReplyQuestion(
        seed=7,
        slot_id=1,
        agent_id=agent,
        message="What does the sea dream of?",
        own_text="The sea dreams of standing still for once.",
        comments=tuple(
            Remark(slot_id=slot, agent_id="gpt-5.1", text=f"Comment of slot {slot}, about foam.")
            for slot in (3, 6)
        ),
    )
