"""Chooses the model of each agent, or its offline persona with the reason."""

import importlib.util
from collections.abc import Mapping
from typing import Final, Literal

import structlog
from msgspec import Struct

from chat_backend.agents.models.compatible import Accepted
from chat_backend.agents.models.table import AgentModel, Cost, Models
from chat_backend.providers import keys as key_names
from chat_backend.providers.keys import Keys, load_keys
from shared_schema.decoding import InvalidSetting
from shared_schema.ids import AGENT_IDS, AgentId
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

EXTRA: Final = "models need the extra `llm`: uv sync --extra llm"

Protocol = Literal["anthropic", "openai-responses", "openai-chat", "google"]


class _BuiltIn(Struct, frozen=True):
    """A provider that needs no settings file: its protocol and its keys' variables."""

    protocol: Protocol
    key_variables: tuple[str, ...]


_BUILT_IN: Final[Mapping[str, _BuiltIn]] = {
    "anthropic": _BuiltIn("anthropic", (key_names.ANTHROPIC,)),
    "openai": _BuiltIn("openai-responses", (key_names.OPENAI,)),
    "google": _BuiltIn("google", (key_names.GOOGLE, key_names.GEMINI)),
    "llm": _BuiltIn("openai-chat", (key_names.LLM,)),
}


class Seat(Struct, frozen=True, kw_only=True):
    """An agent's model. Contains no key, only the names of its variables."""

    provider: str
    model: str
    protocol: Protocol
    url: str
    key_variables: tuple[str, ...]
    cost: Cost
    accepted: Accepted


class Seats(Struct, frozen=True, kw_only=True):
    """The agents that have a model, and why each of the others has none."""

    taken: dict[AgentId, Seat]
    missing: dict[AgentId, str]

    def provider(self, agent_id: AgentId) -> str:
        """Return the name of an agent's provider."""
        seat = self.taken.get(agent_id)
        return "offline" if seat is None else seat.provider


def load_seats(settings: Settings, models: Models) -> tuple[Seats, Keys]:
    """Read the keys, and choose.

    Without the extra ``llm`` no agent has a model, and a log line gives the reason.

    Raises
    ------
    InvalidSetting
        If a key is unusable, or RR_AGENTS=llm and an agent has no model.
    """
    keys = load_keys(also=models.key_variables)
    seats = decide(settings, models, keys)
    if seats.taken and importlib.util.find_spec("pydantic_ai") is None:
        if settings.agents == "llm":
            raise InvalidSetting(f"RR_AGENTS=llm: {EXTRA}")
        providers = sorted({seat.provider for seat in seats.taken.values()})
        log.warning("offline personas answer", configured=", ".join(providers), reason=EXTRA)
        seats = Seats(taken={}, missing={**dict.fromkeys(seats.taken, EXTRA), **seats.missing})
    return seats, keys


def decide(settings: Settings, models: Models, keys: Keys) -> Seats:
    """Return the model of each agent.

    Raises
    ------
    InvalidSetting
        As `load_seats`.
    """
    if settings.llm_url and not settings.llm_model:
        raise InvalidSetting("RR_LLM_URL needs RR_LLM_MODEL: the model to use there")
    taken: dict[AgentId, Seat] = {}
    missing: dict[AgentId, str] = {}
    for agent_id in AGENT_IDS:
        chosen = models.agents[agent_id]
        seat = _seat(chosen, settings, models)
        lack = _lack(seat, keys)
        if settings.agents == "offline":
            missing[agent_id] = "RR_AGENTS=offline"
        elif not lack:
            taken[agent_id] = seat
        elif settings.llm_url:
            own = AgentModel(provider="llm", model=settings.llm_model)
            taken[agent_id] = _seat(own, settings, models)
        else:
            missing[agent_id] = f"{lack} is not set"
    if settings.agents == "llm" and missing:
        lacks = "; ".join(f"{agent}: {reason}" for agent, reason in missing.items())
        raise InvalidSetting(f"RR_AGENTS=llm, but {lacks}")
    return Seats(taken=taken, missing=missing)


def _seat(chosen: AgentModel, settings: Settings, models: Models) -> Seat:
    server = models.servers.get(chosen.provider)
    if server is not None:
        provider = _BuiltIn("openai-chat", (server.key,) if server.key else ())
        url = server.url
    else:
        provider = _BUILT_IN[chosen.provider]
        url = getattr(settings, f"{chosen.provider}_url")
    return Seat(
        provider=chosen.provider,
        model=chosen.model,
        protocol=provider.protocol,
        url=url,
        key_variables=provider.key_variables,
        cost=chosen.cost,
        accepted=Accepted(
            form=chosen.form or (server.form if server else "schema"),
            tokens=chosen.tokens or (server.tokens if server else "max_completion_tokens"),
        ),
    )


def _lack(seat: Seat, keys: Keys) -> str:
    """Return the variable that a seat lacks: a provider needs its key, a server its URL."""
    if seat.provider == "llm":
        return "" if seat.url else "RR_LLM_URL"
    if keys.of(*seat.key_variables) is not None:
        return ""
    if seat.url and (seat.provider in _BUILT_IN or not seat.key_variables):
        return ""
    return seat.key_variables[0]
