"""Which model answers for which agent: the one table, and the settings file that overrides it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from shared_schema.decoding import InvalidSetting
from shared_schema.ids import AgentId
from shared_schema.settings import Url

Cost = Literal["low", "middle", "high", "own"]


class AgentModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model of one agent.

    Attributes
    ----------
    provider : str
        ``anthropic``, ``openai``, ``google``, ``llm`` (RR_LLM_URL) or a server of the file.
    model : str
        By the name that the provider knows.
    cost : Cost
        For the table of ``check``: what a token costs, roughly; ``own`` is your own machine.
    """

    provider: str
    model: Annotated[str, Meta(min_length=1)]
    cost: Cost = "own"


class Server(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenAI-compatible server. `key` names the variable that holds its key, if it wants one."""

    url: Annotated[Url, Meta(min_length=1)]
    key: str = ""


class ModelsFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What RR_AGENT_MODELS points to."""

    agents: dict[AgentId, AgentModel] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)


BUILT_IN: Final = ("anthropic", "openai", "google", "llm")

# An agent's id is a seat's name for good; models are switched off. Where a provider has announced
# the end of the model that an id is named after, its successor sits there: claude-sonnet-4-5 ends
# on 2026-11-30, gpt-4o on 2027-01-14, claude-opus-4-5 on 2027-01-22, gpt-5.1 on 2027-04-01;
# gemini-3 never was a model's whole name.
DEFAULT_MODELS: Final[Mapping[AgentId, AgentModel]] = MappingProxyType(
    {
        "claude-sonnet-4-5": AgentModel(
            provider="anthropic", model="claude-sonnet-5-5", cost="middle"
        ),
        "claude-opus-4-5": AgentModel(provider="anthropic", model="claude-opus-5-5", cost="high"),
        "gpt-5.2": AgentModel(provider="openai", model="gpt-5.2", cost="middle"),
        "gpt-5.1": AgentModel(provider="openai", model="gpt-5.1", cost="middle"),
        "gpt-4o": AgentModel(provider="openai", model="gpt-5.4-mini", cost="low"),
        "gemini-3": AgentModel(provider="google", model="gemini-3.1-pro-preview", cost="middle"),
    }
)


def load_models_file(path: Path | None) -> ModelsFile:
    """Read the settings file; without one, nothing is overridden.

    Raises
    ------
    InvalidSetting
        Saying what in the file can't be used.
    """
    if path is None:
        return ModelsFile()
    try:
        content = msgspec.toml.decode(path.read_bytes(), type=ModelsFile)
    except OSError as error:
        raise InvalidSetting(f"RR_AGENT_MODELS={path}: {error.strerror or error}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidSetting(f"RR_AGENT_MODELS={path}: {error}") from None
    known = {*BUILT_IN, *content.servers}
    for agent, chosen in content.agents.items():
        if chosen.provider not in known:
            raise InvalidSetting(
                f"RR_AGENT_MODELS={path}: {agent} wants the provider {chosen.provider!r};"
                f" known are {', '.join(sorted(known))}"
            )
    taken = set(content.servers) & set(BUILT_IN)
    if taken:
        raise InvalidSetting(f"RR_AGENT_MODELS={path}: {sorted(taken)[0]!r} is taken as a name")
    return content
