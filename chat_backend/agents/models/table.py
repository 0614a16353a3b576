"""The table of the agents' models, and the settings file that overrides it."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct, field

from chat_backend.agents.models.compatible import Form, Tokens
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
        The provider's name for it.
    form, tokens : str or None
        As in `Server`, for a model that differs from the server's others.
    cost : Cost
        For the table of ``check``: roughly, the price of a token; ``own`` is your own machine.
    """

    provider: str
    model: Annotated[str, Meta(min_length=1)]
    cost: Cost = "own"
    form: Form | None = None
    tokens: Tokens | None = None


class Server(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenAI-compatible server.

    Attributes
    ----------
    url : str
        Its base URL.
    key : str
        The variable that holds its key, if it requires one.
    form : Form
        How JSON is requested; rejections are detected, so this only saves requests.
    tokens : Tokens
        The field for the maximum number of tokens; as `form`.
    """

    url: Annotated[Url, Meta(min_length=1)]
    key: str = ""
    form: Form = "schema"
    tokens: Tokens = "max_completion_tokens"


class SpeechServer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the server of RR_TTS_OPENAI_URL accepts; rejections are detected as well."""

    response_format: Literal["pcm", "wav"] = "pcm"


class Models(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of the file RR_AGENT_MODELS."""

    agents: dict[AgentId, AgentModel] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    speech: SpeechServer = SpeechServer()


BUILT_IN: Final = ("anthropic", "openai", "google", "llm")


def load_models(path: Path | None) -> Models:
    """Return our own table, overridden by the settings file if there is one.

    Raises
    ------
    InvalidSetting
        Naming what is wrong in the file.
    """
    own = (resources.files(__package__) / "agents.toml").read_bytes()
    table = msgspec.toml.decode(own, type=Models)
    if path is None:
        return table
    try:
        content = msgspec.toml.decode(path.read_bytes(), type=Models)
    except OSError as error:
        raise InvalidSetting(f"RR_AGENT_MODELS={path}: {error.strerror or error}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidSetting(f"RR_AGENT_MODELS={path}: {error}") from None
    known = {*BUILT_IN, *content.servers}
    for agent, chosen in content.agents.items():
        if chosen.provider not in known:
            raise InvalidSetting(
                f"RR_AGENT_MODELS={path}: {agent} has the provider {chosen.provider!r};"
                f" available are {', '.join(sorted(known))}"
            )
    for name in BUILT_IN:
        if name in content.servers:
            raise InvalidSetting(f"RR_AGENT_MODELS={path}: no server may be named {name!r}")
    return Models(
        agents=table.agents | content.agents, servers=content.servers, speech=content.speech
    )
