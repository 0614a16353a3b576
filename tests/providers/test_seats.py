"""Who sits where: by the table, a settings file, and the keys and URLs that are there."""

import sys
from pathlib import Path

import pytest

from chat_backend.agents.models.seats import decide, load_seats
from chat_backend.agents.models.table import load_models
from chat_backend.providers.keys import Keys
from chat_backend.show.show import load_show
from shared_schema.decoding import InvalidSetting
from shared_schema.ids import AGENT_IDS, VOICE_PROFILES
from shared_schema.settings import Settings, load_settings

NOBODY = Keys({})
NO_FILE = load_models(None)


def test_every_agent_has_a_model_in_the_table() -> None:
    """Six seats, six models."""
    assert set(NO_FILE.agents) == set(AGENT_IDS)
    assert len({each.model for each in NO_FILE.agents.values()}) == len(AGENT_IDS)


def test_every_agent_has_a_character_and_every_voice_its_use() -> None:
    """In the words that models are told."""
    assert set(load_show(Settings()).voices.guide) == set(VOICE_PROFILES)


def test_without_keys_nobody_sits() -> None:
    """And what is missing is named."""
    seats = decide(Settings(), NO_FILE, NOBODY)
    assert seats.taken == {}
    assert seats.missing["gemini-3"] == "GOOGLE_API_KEY is not set"
    assert seats.provider("gemini-3") == "offline"


@pytest.mark.parametrize(
    ("variable", "served"),
    [
        ("ANTHROPIC_API_KEY", {"claude-sonnet-4-5", "claude-opus-4-5"}),
        ("OPENAI_API_KEY", {"gpt-5.2", "gpt-5.1", "gpt-4o"}),
        ("GOOGLE_API_KEY", {"gemini-3"}),
        ("GEMINI_API_KEY", {"gemini-3"}),
    ],
)
def test_a_key_fills_the_seats_that_it_serves(variable: str, served: set[str]) -> None:
    """The rest stay with their personas; RR_AGENTS=offline keeps all there."""
    keys = Keys({variable: "k"})
    assert set(decide(Settings(), NO_FILE, keys).taken) == served
    assert decide(Settings(agents="offline"), NO_FILE, keys).taken == {}
    with pytest.raises(InvalidSetting, match="RR_AGENTS=llm"):
        decide(Settings(agents="llm"), NO_FILE, keys)


def test_a_server_of_ones_own_takes_the_empty_seats() -> None:
    """Those that no key serves."""
    settings = Settings(agents="llm", llm_url="http://localhost:11434/v1", llm_model="small")
    seats = decide(settings, NO_FILE, Keys({"ANTHROPIC_API_KEY": "k"}))
    assert len(seats.taken) == len(AGENT_IDS)
    assert seats.provider("claude-opus-4-5") == "anthropic"
    own = seats.taken["gpt-4o"]
    assert (own.provider, own.model, own.protocol) == ("llm", "small", "openai-chat")
    assert own.url == "http://localhost:11434/v1"
    assert own.key_variables == ("LLM_API_KEY",)


def test_a_url_of_a_providers_protocol_needs_no_key() -> None:
    """A proxy may hold it."""
    seats = decide(Settings(anthropic_url="http://localhost:4000"), NO_FILE, NOBODY)
    assert set(seats.taken) == {"claude-sonnet-4-5", "claude-opus-4-5"}


def test_a_server_needs_a_model() -> None:
    """One line that names what is missing."""
    with pytest.raises(InvalidSetting, match="RR_LLM_MODEL"):
        decide(Settings(llm_url="http://localhost:11434/v1"), NO_FILE, NOBODY)


def test_a_file_moves_agents(tmp_path: Path) -> None:
    """To other models, and to servers with keys of their own."""
    path = tmp_path / "models.toml"
    path.write_text(
        '[agents."gpt-4o"]\nprovider = "router"\nmodel = "some/model"\ncost = "low"\n'
        '[agents."gpt-5.1"]\nprovider = "anthropic"\nmodel = "claude-haiku-5-5"\n'
        '[agents."gpt-5.2"]\nprovider = "shelf"\nmodel = "qwen"\n'
        '[servers.router]\nurl = "https://router.example/v1"\nkey = "ROUTER_KEY"\n'
        '[servers.shelf]\nurl = "http://localhost:1234/v1"\n',
        "utf-8",
    )
    file = load_models(path)
    seats = decide(Settings(), file, Keys({"ANTHROPIC_API_KEY": "k"}))
    assert seats.taken["gpt-5.1"].model == "claude-haiku-5-5"
    assert seats.taken["gpt-5.2"].url == "http://localhost:1234/v1"
    assert seats.missing["gpt-4o"] == "ROUTER_KEY is not set"
    router = decide(Settings(), file, Keys({"ROUTER_KEY": "k"})).taken["gpt-4o"]
    assert (router.url, router.key_variables) == ("https://router.example/v1", ("ROUTER_KEY",))


@pytest.mark.parametrize(
    "content",
    [
        "no toml",
        '[agents."gpt-9"]\nprovider = "openai"\nmodel = "x"\n',
        '[agents."gpt-4o"]\nprovider = "nobody"\nmodel = "x"\n',
        '[agents."gpt-4o"]\nprovider = "openai"\nmodel = ""\n',
        '[agents."gpt-4o"]\nprovider = "openai"\nmodel = "x"\nmodle = "y"\n',
        '[servers.mine]\nurl = "http://user:secret@host/v1"\n',
        '[servers.openai]\nurl = "http://host/v1"\n',
    ],
)
def test_a_mistake_in_the_file_stops_the_start(tmp_path: Path, content: str) -> None:
    """With the variable's name and the place."""
    path = tmp_path / "models.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(InvalidSetting, match="RR_AGENT_MODELS"):
        load_models(path)


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """Rather than six personas where models were wanted."""
    with pytest.raises(InvalidSetting, match="RR_AGENT_MODELS"):
        load_models(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "url", ["http://user:key@host", "https://host/?key=1", "host:1", "ftp://x"]
)
def test_a_url_has_no_key_in_it(url: str) -> None:
    """URLs stand in logs."""
    with pytest.raises(InvalidSetting, match="RR_OPENAI_URL"):
        load_settings({"RR_OPENAI_URL": url}, dotenv=None)


def test_without_the_extra_personas_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key alone does not break a default installation; a wish for models only does."""
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    seats, _ = load_seats(Settings(), NO_FILE)
    assert seats.taken == {}
    assert "--extra llm" in seats.missing["gpt-4o"]
    settings = Settings(agents="llm", llm_url="http://localhost:1/v1", llm_model="m")
    with pytest.raises(InvalidSetting, match="--extra llm"):
        load_seats(settings, NO_FILE)
