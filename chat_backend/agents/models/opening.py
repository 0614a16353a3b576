"""Creates the agents: models where they are configured, offline personas for the rest."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import structlog

from chat_backend.agents.base import (
    Agent,
    Agents,
    ObservingAgent,
    SentimentQuestion,
    SpokenResponse,
    SummaryQuestion,
)
from chat_backend.agents.models.compatible import Accepted
from chat_backend.agents.models.seats import Seat, Seats
from chat_backend.agents.offline import OfflineAgents
from chat_backend.errors import AgentFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits, ProviderCalls, limits_of
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Hints
from chat_backend.providers.usage import Account
from chat_backend.show.show import Show
from shared_schema.facts import Sentiment
from shared_schema.ids import AgentId
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

# Of a slot's time in a turn; the rest is for its speech.
SHARE_OF_TURN: Final = 0.55

Cast = Callable[[Show], Agents]


class MixedAgents:
    """Models by agent id, and a show's personas for the agents without a model."""

    def __init__(
        self, show: Show, models: Mapping[AgentId, ObservingAgent], seats: Mapping[AgentId, Seat]
    ) -> None:
        self._models = models
        self._seats = seats
        self._personas = OfflineAgents(
            show.personas, show.words.lengths, show.summary, show.voices.summary
        )

    def of(self, agent_id: AgentId) -> Agent:
        """Return the agent with this id."""
        return self._models.get(agent_id) or self._personas.of(agent_id)

    def describe(self, agent_id: AgentId) -> str:
        """Return the names of an agent's persona and model."""
        persona = self._personas.describe(agent_id)
        seat = self._seats.get(agent_id)
        return persona if seat is None else f"{persona} ({seat.provider}: {seat.model})"

    async def summarize(self, question: SummaryQuestion) -> SpokenResponse:
        """Say what remained: the model of the first slot that has one, else our own sentences."""
        model = self._first_model(question.agent_ids)
        return await (model or self._personas).summarize(question)

    async def sentiment(self, question: SentimentQuestion) -> Sentiment | None:
        """Tell the mood: the model of the first slot that has one, else the lexicon.

        The lexicon also answers for a model that failed, but not for one that took too long.
        """
        model = self._first_model(question.agent_ids)
        if model is not None:
            try:
                return await model.sentiment(question)
            except AgentFailed as error:
                log.warning("sentiment by no model", type=error.error_type, reason=str(error))
                if error.error_type == "timeout":
                    return None
        return await self._personas.sentiment(question)

    def _first_model(self, agent_ids: Sequence[AgentId]) -> ObservingAgent | None:
        return next((self._models[each] for each in agent_ids if each in self._models), None)


@asynccontextmanager
async def open_agents(
    seats: Seats,
    keys: Keys,
    settings: Settings,
    metrics: Metrics,
    *,
    limits: CallLimits | None = None,
    hints: Hints | None = None,
) -> AsyncIterator[Cast]:
    """Yield what makes a show's agents for these seats.

    What they need is loaded before, shared by all shows, and released at the end.
    """
    if not seats.taken:
        yield lambda show: MixedAgents(show, {}, {})
        return
    # Takes seconds from a cold disk: in a thread, and before the first visitor.
    await asyncio.to_thread(importlib.import_module, "chat_backend.agents.models.agent")
    from chat_backend.agents.models.agent import ModelAgent  # noqa: PLC0415
    from chat_backend.agents.models.client import (  # noqa: PLC0415
        ServerClient,
        build_model,
        silence_libraries,
    )

    silence_libraries()
    calls = {
        provider: ProviderCalls(
            provider, limits or limits_of(settings, "text"), Account(metrics, "text", provider)
        )
        for provider in {seat.provider for seat in seats.taken.values()}
    }
    timeout_s = SHARE_OF_TURN * settings.chat_turn_timeout_s
    async with AsyncExitStack() as stack:
        clients: dict[tuple[str, Accepted], ServerClient] = {}
        makers: dict[AgentId, Callable[[Show], ObservingAgent]] = {}
        for agent_id, seat in seats.taken.items():
            server = (seat.provider, seat.accepted)
            if server not in clients:
                client = ServerClient(seat, keys, hints or Hints())
                clients[server] = await stack.enter_async_context(client)
            model = build_model(seat, keys, clients[server])
            makers[agent_id] = partial(ModelAgent, model, calls[seat.provider], timeout_s=timeout_s)
        for agent_id, seat in seats.taken.items():
            log.info("agent", agent=agent_id, provider=seat.provider, model=seat.model)
        yield lambda show: MixedAgents(
            show, {agent_id: make(show) for agent_id, make in makers.items()}, seats.taken
        )
