"""Who sits where: for each agent a model that can be asked, or the offline persona."""

import importlib.util
from collections.abc import Mapping
from typing import Final, Literal

import structlog
from msgspec import Struct

from chat_backend.agents.models.table import (
    DEFAULT_MODELS,
    AgentModel,
    Cost,
    ModelsFile,
    load_models_file,
)
from chat_backend.providers import keys as key_names
from chat_backend.providers.keys import Keys, load_keys
from shared_schema.decoding import InvalidSetting
from shared_schema.ids import AGENT_IDS, AgentId
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

EXTRA: Final = "models need more than is installed: uv sync --extra llm"

Protocol = Literal["anthropic", "openai-responses", "openai-chat", "google"]

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": (key_names.ANTHROPIC,),
    "openai": (key_names.OPENAI,),
    "google": (key_names.GOOGLE, key_names.GEMINI),
    "llm": (key_names.LLM,),
}
_PROTOCOLS: Final[Mapping[str, Protocol]] = {
    "anthropic": "anthropic",
    "openai": "openai-responses",
    "google": "google",
}


class Seat(Struct, frozen=True, kw_only=True):
    """A model that can be asked. Holds no key, only the names of the variables that may."""

    agent_id: AgentId
    provider: str
    model: str
    protocol: Protocol
    url: str
    key_variables: tuple[str, ...]
    cost: Cost


class Seats(Struct, frozen=True, kw_only=True):
    """The seats of the agents that have a model, and why each of the others has none."""

    taken: dict[AgentId, Seat]
    missing: dict[AgentId, str]

    def provider(self, agent_id: AgentId) -> str:
        """Return who answers for an agent, in a word."""
        seat = self.taken.get(agent_id)
        return "offline" if seat is None else seat.provider


def load_seats(settings: Settings) -> tuple[Seats, Keys]:
    """Read keys and table, and decide.

    Without the extra ``llm`` nobody has a seat, and a line of the log says why.

    Raises
    ------
    InvalidSetting
        If a file or key can't be used, or RR_AGENTS=llm and an agent has no model.
    """
    file = load_models_file(settings.agent_models)
    extra = tuple(server.key for server in file.servers.values() if server.key)
    keys = load_keys(also=extra)
    seats = decide(settings, file, keys)
    if seats.taken and importlib.util.find_spec("pydantic_ai") is None:
        if settings.agents == "llm":
            raise InvalidSetting(f"RR_AGENTS=llm: {EXTRA}")
        providers = sorted({seat.provider for seat in seats.taken.values()})
        log.warning("offline personas answer", configured=", ".join(providers), reason=EXTRA)
        seats = Seats(taken={}, missing={**dict.fromkeys(seats.taken, EXTRA), **seats.missing})
    return seats, keys


def decide(settings: Settings, file: ModelsFile, keys: Keys) -> Seats:
    """Return who sits where.

    Raises
    ------
    InvalidSetting
        As `load_seats`.
    """
    if settings.llm_url and not settings.llm_model:
        raise InvalidSetting("RR_LLM_URL needs RR_LLM_MODEL: the model to ask for there")
    taken: dict[AgentId, Seat] = {}
    missing: dict[AgentId, str] = {}
    for agent_id in AGENT_IDS:
        chosen = file.agents.get(agent_id, DEFAULT_MODELS[agent_id])
        seat = _seat(agent_id, chosen, settings, file)
        lack = _lack(seat, keys)
        if settings.agents == "offline":
            missing[agent_id] = "RR_AGENTS=offline"
        elif not lack:
            taken[agent_id] = seat
        elif settings.llm_url:
            own = AgentModel(provider="llm", model=settings.llm_model)
            taken[agent_id] = _seat(agent_id, own, settings, file)
        else:
            missing[agent_id] = f"{lack} is not set"
    if settings.agents == "llm" and missing:
        lacks = "; ".join(f"{agent}: {reason}" for agent, reason in missing.items())
        raise InvalidSetting(f"RR_AGENTS=llm, but {lacks}")
    return Seats(taken=taken, missing=missing)


def _seat(agent_id: AgentId, chosen: AgentModel, settings: Settings, file: ModelsFile) -> Seat:
    server = file.servers.get(chosen.provider)
    urls = {
        "anthropic": settings.anthropic_url,
        "openai": settings.openai_url,
        "google": settings.google_url,
        "llm": settings.llm_url,
    }
    if server is not None:
        url, variables = server.url, tuple(name for name in (server.key,) if name)
    else:
        url, variables = urls[chosen.provider], _KEYS[chosen.provider]
    return Seat(
        agent_id=agent_id,
        provider=chosen.provider,
        model=chosen.model,
        protocol=_PROTOCOLS.get(chosen.provider, "openai-chat"),
        url=url,
        key_variables=variables,
        cost=chosen.cost,
    )


def _lack(seat: Seat, keys: Keys) -> str:
    """Return what a seat lacks to be asked: the provider's own needs a key, a server a URL."""
    if keys.of(*seat.key_variables) is not None:
        return "" if seat.url or seat.provider != "llm" else "RR_LLM_URL"
    if seat.url and (seat.provider in _KEYS or not seat.key_variables):
        return ""
    return "RR_LLM_URL" if seat.provider == "llm" else seat.key_variables[0]
