"""The table of the agents' models, and the settings file that overrides it."""

from pathlib import Path
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from chat_backend.agents.models.compatible import Form, Tokens
from chat_backend.toml_file import TomlFile, read_toml
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
    """The content of a show's ``agents.toml`` and of the file RR_AGENT_MODELS."""

    agents: dict[AgentId, AgentModel] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    speech: SpeechServer = SpeechServer()

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The variables of the servers' keys."""
        return tuple(server.key for server in self.servers.values() if server.key)


OWN: Final = Path(__file__).with_name("agents.toml")
BUILT_IN: Final = ("anthropic", "openai", "google", "llm")


def load_models(path: Path | None, *, show: Path | None = None) -> Models:
    """Return our own table, overridden by a show's file, and both by the settings file.

    Parameters
    ----------
    path : Path or None
        The file of RR_AGENT_MODELS.
    show : Path or None
        The show's ``agents.toml``.

    Raises
    ------
    InvalidSetting
        Naming what is wrong in a file.
    """
    models = read_toml(OWN).converted(Models)
    if show is not None:
        models = _overridden(models, read_toml(show))
    if path is not None:
        models = _overridden(models, read_toml(path, setting="RR_AGENT_MODELS"))
    return models


def _overridden(models: Models, file: TomlFile) -> Models:
    content = file.converted(Models)
    servers = models.servers | content.servers
    known = {*BUILT_IN, *servers}
    for agent, chosen in content.agents.items():
        if chosen.provider not in known:
            problem = f"no server is called {chosen.provider!r}; available are"
            raise file.refused(
                ("agents", agent, "provider"), f"{problem} {', '.join(sorted(known))}"
            )
    for name in BUILT_IN:
        if name in content.servers:
            raise file.refused(("servers", name), "is a provider; call your server otherwise")
    return Models(
        agents=models.agents | content.agents,
        servers=servers,
        speech=content.speech if "speech" in file.content else models.speech,
    )
