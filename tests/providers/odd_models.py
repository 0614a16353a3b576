"""Agents whose providers are all the odd server, and what it takes to ask them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chat_backend.agents.base import Agents, SpokenResponse
from chat_backend.agents.models.opening import open_agents
from chat_backend.agents.models.seats import Seat, decide
from chat_backend.agents.models.table import load_models
from chat_backend.errors import AgentFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Hints
from chat_backend.show.show import load_show
from shared_schema.settings import Settings
from tests.providers.asking import response_question
from tests.providers.conftest import SECRETS
from tests.providers.odd import Odd

WORDS = "The harbour keeps the ropes."
ANSWER = {"text": WORDS, "voice_profile": "calm_soothing"}
TEXT = json.dumps(ANSWER)
# An agent of each protocol, where all agents' providers are the odd server.
AGENT = {
    "anthropic": "claude-opus-4-5",
    "responses": "gpt-5.2",
    "gemini": "gemini-3",
    "chat": "gpt-4o",
}


def chat(content: Any, *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """Return a chat completion."""
    whole = {"role": "assistant", "content": content, **message}
    return {"choices": [{"message": whole, "finish_reason": finish}]}


def in_protocol(path: str, text: str) -> dict[str, Any]:
    """Return an answer in the protocol that a path belongs to."""
    if path.endswith("/messages"):
        return {"content": [{"type": "text", "text": text}]}
    if path.endswith("/responses"):
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
        return {"output": [{**item, "content": content}]}
    if path.endswith(":generateContent"):
        return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}
    return chat(text)


@asynccontextmanager
async def agents_of(
    odd: Odd, limits: CallLimits, hints: Hints | None = None, **more: Any
) -> AsyncIterator[Agents]:
    """Yield the agents of a show whose providers are all the odd server."""
    chosen: dict[str, Any] = {
        "anthropic_url": odd.url,
        "openai_url": f"{odd.url}/v1",
        "google_url": odd.url,
        "llm_url": f"{odd.url}/v1",
        "llm_model": "small",
    }
    settings = Settings(**{**chosen, **more})
    models = load_models(settings.agent_models)
    if not settings.agent_models:
        models.agents["gpt-4o"] = load_own()
    keys = Keys(SECRETS)
    seats = decide(settings, models, keys)
    async with open_agents(seats, keys, settings, Metrics(), limits=limits, hints=hints) as cast:
        yield cast(load_show(settings))


def load_own() -> Any:
    """Return the agent that asks the server of RR_LLM_URL."""
    from chat_backend.agents.models.table import AgentModel  # noqa: PLC0415

    return AgentModel(provider="llm", model="small")


def seat_of(protocol: str) -> Seat:
    """Return an agent's seat in a protocol, at a server that nobody calls."""
    url = "http://localhost:1"
    settings = Settings(
        anthropic_url=url,
        openai_url=f"{url}/v1",
        google_url=url,
        llm_url=f"{url}/v1",
        llm_model="m",
    )
    models = load_models(None)
    models.agents["gpt-4o"] = load_own()
    agent_id: Any = AGENT[protocol]
    return decide(settings, models, Keys({})).taken[agent_id]


async def answer_of(
    odd: Odd, limits: CallLimits, protocol: str = "chat", **more: Any
) -> SpokenResponse:
    """Ask once."""
    agent_id: Any = AGENT[protocol]
    async with agents_of(odd, limits, **more) as agents:
        return await agents.of(agent_id).respond(response_question(agent_id))


async def failure_of(
    odd: Odd, limits: CallLimits, protocol: str = "chat", **more: Any
) -> AgentFailed:
    """Ask, and return why there was no answer."""
    with pytest.raises(AgentFailed) as raised:
        await answer_of(odd, limits, protocol, **more)
    assert raised.value.remedy, "an operator learns what to do"
    assert raised.value.error_type != "unknown"
    return raised.value
