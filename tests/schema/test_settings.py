"""Settings come from the environment and .env, and mistakes stop the start."""

from pathlib import Path

import pytest

from shared_schema.decoding import InvalidSetting
from shared_schema.settings import Settings, load_settings
from tests.support.platforms import posix


def load(**values: str) -> Settings:
    return load_settings({f"RR_{key.upper()}": value for key, value in values.items()}, dotenv=None)


def test_defaults_are_the_contracts() -> None:
    """With nothing set, the PRD's and the contract's values."""
    settings = load()
    assert settings.events_ws_path == "/v1/events"
    assert settings.events_turn1_timeout_s == 15.0
    assert settings.events_dialogue_timeout_s == 30.0
    assert settings.gateway_port == 8000
    assert settings.chat_port == 8001
    assert settings.bus_url == "tcp://127.0.0.1:5570"
    assert settings.artifacts_dir == Path("artifacts")
    assert settings.waves_max_workers == 2
    assert settings.waves_queue_max_size == 256
    assert settings.waves_job_timeout_s == 60.0
    assert settings.chat_max_sessions == 8


def test_values_are_parsed_by_their_type() -> None:
    """Numbers, switches, lists, paths and what may be empty."""
    settings = load(
        events_ws_enabled="false",
        seed="7",
        cors_origins="http://a, http://b",
        artifacts_dir="/show",
        events_turn1_timeout_s="2.5",
    )
    assert settings.events_ws_enabled is False
    assert settings.seed == 7
    assert settings.cors_origins == ("http://a", "http://b")
    assert settings.artifacts_dir == Path("/show")
    assert settings.events_turn1_timeout_s == 2.5
    assert load(seed="").seed is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gateway_port", "eighty"),
        ("gateway_port", "0"),
        ("chat_port", "70000"),
        ("events_ws_enabled", "perhaps"),
        ("events_turn1_timeout_s", "-1"),
        ("events_turn1_timeout_s", "nan"),
        ("events_turn1_timeout_s", "inf"),
        ("bus_url", "ipc:///tmp/x"),
        ("events_ws_path", "events"),
        ("artifacts_dir", ""),
        ("log_level", "loud"),
        ("events_ws_single_client", "false"),
        ("chat_tls_cert", "cert.pem"),
        ("stt_max_duration_s", "601"),
        ("no_such_thing", "1"),
    ],
)
def test_a_mistake_names_the_variable(name: str, value: str) -> None:
    """One line, with the variable in it."""
    with pytest.raises(InvalidSetting, match=f"RR_{name.upper()}"):
        load(**{name: value})


def test_the_environment_wins_over_dotenv(tmp_path: Path) -> None:
    """.env is read, its comments and quotes understood, and its mistakes told."""
    dotenv = tmp_path / ".env"
    dotenv.write_text('# ports\nRR_CHAT_PORT=9001\nRR_GATEWAY_PORT="9000"\nOTHER=1\n', "utf-8")
    settings = load_settings({"RR_GATEWAY_PORT": "9999"}, dotenv=dotenv)
    assert (settings.chat_port, settings.gateway_port) == (9001, 9999)
    dotenv.write_text("RR_CHATPORT=1\n", "utf-8")
    with pytest.raises(InvalidSetting, match="RR_CHATPORT"):
        load_settings({}, dotenv=dotenv)


def test_a_secret_that_does_not_fit_is_not_shown() -> None:
    """The line goes to a terminal, a log, a bug report."""
    with pytest.raises(InvalidSetting, match="RR_BUS_CURVE_SERVER_SECRET") as raised:
        load(bus_curve_server_secret="MARKED")  # noqa: S106  # a test's
    assert "MARKED" not in str(raised.value)


@pytest.mark.parametrize(
    ("environment", "limits"),
    [
        ({}, (6, 4)),
        ({"RR_PROVIDER_CONCURRENCY": ""}, (6, 4)),
        ({"RR_PROVIDER_CONCURRENCY": "2"}, (2, 2)),
        ({"RR_PROVIDER_CONCURRENCY": "2", "RR_LLM_CONCURRENCY": "6"}, (6, 2)),
        ({"RR_TTS_CONCURRENCY": "9"}, (6, 9)),
    ],
)
def test_models_and_voices_have_limits_of_their_own(
    environment: dict[str, str], limits: tuple[int, int]
) -> None:
    """The older name sets both, where they are not set themselves."""
    found = load_settings(environment, dotenv=None)
    assert (found.llm_concurrency, found.tts_concurrency) == limits


@posix("list of users: any name has a home folder beside one's own")
@pytest.mark.parametrize("variable", ["RR_ARTIFACTS_DIR", "RR_LOG_DIR", "RR_SHOW"])
def test_a_home_folder_of_nobody_is_one_line(variable: str) -> None:
    """It names the variable."""
    with pytest.raises(InvalidSetting, match=f"{variable}='~nobody-here/x'"):
        load_settings({variable: "~nobody-here/x"}, dotenv=None)
