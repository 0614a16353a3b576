"""Settings come from the environment and .env, and mistakes stop the start."""

import os
from pathlib import Path

import pytest

from shared_schema.decoding import InvalidSetting
from shared_schema.settings import Settings, load_settings
from tests.support.platforms import make_link, posix


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


@pytest.mark.parametrize("name", ["gateway_port", "log_level", "operator_token", "cors_origins"])
def test_bytes_that_are_no_text_are_one_line(name: str) -> None:
    """They can be printed, and are not shown where they are a secret."""
    with pytest.raises(InvalidSetting, match="it is not UTF-8") as raised:
        load(**{name: "\udcff1"})
    assert str(raised.value).isascii()
    assert ("ff1" in str(raised.value)) == (name != "operator_token")


@posix("file name of any bytes")
def test_a_folder_may_have_a_name_of_any_bytes() -> None:
    assert os.fsencode(load(artifacts_dir=os.fsdecode(b"/\xff")).artifacts_dir) == b"/\xff"


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("LocalHost", "localhost"),
        ("localhost.", "localhost"),
        (" Wasser.Local ", "wasser.local"),
        ("[::1]", "::1"),
        ("0:0::0", "::"),
        ("FE80::1%Eth0", "fe80::1%Eth0"),
        ("192.168.1.20", "192.168.1.20"),
        ("", ""),
    ],
)
def test_a_host_is_read_in_one_form(written: str, host: str) -> None:
    """So servers and commands mean the same, whatever its case, brackets and last dot."""
    settings = load(gateway_host=written, chat_host=written)
    assert (settings.gateway_host, settings.chat_host) == (host, host)


@pytest.mark.parametrize(
    "host", ["localhost:8000", "http://localhost", "[localhost]", "[::1]:8000", "[[::1]", "a b"]
)
def test_what_is_no_host_is_refused_with_an_example(host: str) -> None:
    with pytest.raises(InvalidSetting, match=r"RR_CHAT_HOST.* without a port, e\.g\. localhost"):
        load(chat_host=host)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("bus_url", "tcp://127.0.0.1:{}"),
        ("dask_scheduler", "tcp://cluster:{}"),
        ("llm_url", "http://localhost:{}/v1"),
    ],
)
def test_a_port_that_nobody_can_listen_at_is_refused(name: str, form: str) -> None:
    """With the remedy: a server would say that it is ready, and never be reached."""
    for port in ("0", "00", "65536", "99999", "9" * 5000):
        with pytest.raises(InvalidSetting, match=rf"RR_{name.upper()}=.*port from 1 to 65535"):
            load(**{name: form.format(port)})
    for port in ("1", "5570", "65535"):
        assert getattr(load(**{name: form.format(port)}), name) == form.format(port)


@pytest.mark.parametrize(
    "path",
    [
        *("/{a:foo}", "/{a}/{a}", "/a#b", "/a?b", "/a b", "/a%20b", "/a\\b", "/a\x1bb"),
        *("/a/../b", "/..", "/./a", "/a/.", "events", ""),
    ],
)
def test_a_path_that_no_request_has_is_refused(path: str) -> None:
    """With an example, in one line."""
    with pytest.raises(InvalidSetting, match=r"RR_EVENTS_WS_PATH=.*, e\.g\. /v1/events\Z"):
        load(events_ws_path=path)


@pytest.mark.parametrize("path", ["/", "/v1/events", "/healthz", "/a.b/..c/~d", "/wasser/\u00e4"])
def test_a_path_that_a_request_can_have_is_taken(path: str) -> None:
    """Also one of a page: sockets and pages have routes of their own."""
    assert load(events_ws_path=path).events_ws_path == path


@pytest.mark.parametrize("name", ["artifacts_dir", "log_dir", "show"])
def test_links_that_form_a_loop_are_one_line(name: str, tmp_path: Path) -> None:
    """Also above the folder."""
    loop = tmp_path / "loop"
    make_link(loop, loop)
    for folder in (loop, loop / "below"):
        with pytest.raises(InvalidSetting, match=f"RR_{name.upper()}=.*links form a loop"):
            load(**{name: str(folder)})


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
