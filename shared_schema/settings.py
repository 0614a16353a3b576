"""Every setting of the system, written once, and the loader that reads them.

A setting is an ``RR_`` environment variable, or a line of ``.env`` in the working directory (the
environment wins; see `environment`). All processes read the same table, so a variable that none of
them knows is a typing mistake and stops the start.
"""

import contextlib
import errno
import ipaddress
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from shared_schema.bus import HEARTBEAT_INTERVAL_S
from shared_schema.decoding import InvalidSetting
from shared_schema.environment import DOTENV, merged

PREFIX: Final = "RR_"
# Values that no terminal and no log shows.
SECRET_SUFFIXES: Final = ("_SECRET", "_TOKEN")
HOST_SUFFIX: Final = "_HOST"
URL_SUFFIXES: Final = ("_URL", "_SCHEDULER")
SECONDS_A_DAY: Final = 86_400.0
# One heartbeat may be lost and one late.
BUS_SILENCE_MIN_S: Final = 3 * HEARTBEAT_INTERVAL_S
# What Python makes of bytes in the environment that are none.
_NOT_UTF_8: Final = re.compile("[\ud800-\udfff]")
# Windows' error for symbolic links that form a loop, which has no errno.
_WINDOWS_LINK_LOOP: Final = 1921
_HOST_NAME: Final = re.compile(r"[\w.-]*")
_BRACKETED: Final = re.compile(r"\A\[(.*:.*)\]\Z")
# No client requests these as they are written, or a route takes them for something else: white
# space, control characters, the marks of a query, a fragment, an escape and a parameter, and steps
# that clients leave out.
_NO_PATH: Final = re.compile(r"[\s\x00-\x1f\x7f{}?#%\\]|/\.\.?(?:/|\Z)")

Port = Annotated[int, Meta(ge=1, le=65535)]
# The upper bound keeps infinity out.
Positive = Annotated[float, Meta(gt=0, le=1e9)]
NonNegative = Annotated[float, Meta(ge=0, le=1e9)]
Whole = Annotated[int, Meta(ge=1)]
# Without a user or a key in it: keys are not settings, and URLs appear in logs and tables.
Url = Annotated[str, Meta(pattern=r"\A(https?://[^\s@?#]+)?\Z")]
CurveKey = Annotated[str, Meta(pattern=r"\A(\S{40})?\Z")]

GATEWAY_PAGES: Final = ("http://localhost:8000", "http://127.0.0.1:8000")
CHAT_PAGES: Final = ("http://localhost:8001", "http://127.0.0.1:8001")
FRONTEND_PAGES: Final = ("http://localhost:5173", "http://localhost:4173")


class Settings(Struct, frozen=True, kw_only=True):
    """The values in force. The field ``events_ws_path`` is the variable ``RR_EVENTS_WS_PATH``."""

    # Where things are
    artifacts_dir: Path = Path("artifacts")
    artifacts_keep_days: NonNegative = 30.0
    disk_min_gb: NonNegative = 1.0
    bus_url: Annotated[str, Meta(pattern=r"\Atcp://[^:]+:\d+\Z")] = "tcp://127.0.0.1:5570"
    bus_curve_server_public: CurveKey = ""
    bus_curve_server_secret: CurveKey = ""
    bus_curve_client_public: CurveKey = ""
    bus_curve_client_secret: CurveKey = ""
    gateway_host: str = "localhost"
    gateway_port: Port = 8000
    chat_host: str = "localhost"
    chat_port: Port = 8001
    chat_tls_cert: Path | None = None
    chat_tls_key: Path | None = None
    operator_token: str = ""

    # The TouchDesigner socket and its events
    events_ws_enabled: bool = True
    events_ws_path: str = "/v1/events"
    events_ws_single_client: bool = True
    events_turn1_timeout_s: NonNegative = 15.0
    events_dialogue_timeout_s: NonNegative = 30.0
    events_start_grace_s: NonNegative = 10.0
    events_replay_window_s: NonNegative = 300.0
    events_retention_days: NonNegative = 30.0
    events_session_limit_s: Positive = 900.0
    events_send_timeout_s: Positive = 5.0
    events_token: str = ""
    bus_silence_s: Positive = 10.0
    allowed_origins: tuple[str, ...] = (*GATEWAY_PAGES, *CHAT_PAGES)

    # The conversation
    chat_token: str = ""
    chat_max_sessions: Whole = 8
    chat_message_max_chars: Whole = 4000
    chat_max_body_bytes: Whole = 2_097_152
    chat_history_turns: Annotated[int, Meta(ge=0)] = 12
    chat_visit_idle_s: Positive = 180.0
    chat_turn_timeout_s: Positive = 60.0
    chat_summary: bool = False
    chat_sentiment: bool = False
    chat_sentiment_timeout_s: Positive = 5.0
    cors_origins: tuple[str, ...] = (*GATEWAY_PAGES, *CHAT_PAGES, *FRONTEND_PAGES)
    seed: int | None = None
    speech_workers: Whole = 2

    # What an artist sets
    show: Path | None = None

    # Who answers
    agents: typing.Literal["auto", "offline", "llm"] = "auto"
    agent_models: Path | None = None
    anthropic_url: Url = ""
    openai_url: Url = ""
    google_url: Url = ""
    llm_url: Url = ""
    llm_model: str = ""

    # Who speaks
    tts: typing.Literal["auto", "hibari", "elevenlabs", "openai"] = "auto"
    tts_fallback: typing.Literal["hibari", "off"] = "hibari"
    tts_voices: Path | None = None
    elevenlabs_url: Url = "https://api.elevenlabs.io"
    elevenlabs_model: str = "eleven_flash_v2_5"
    tts_openai_url: Url = ""
    tts_openai_model: str = "gpt-4o-mini-tts"
    tts_openai_rate: Annotated[int, Meta(ge=8000, le=192_000)] = 24_000

    # Who hears
    stt: typing.Literal["auto", "whisper", "elevenlabs", "openai", "off"] = "auto"
    stt_whisper_model: Path | None = None
    stt_elevenlabs_model: str = "scribe_v1"
    stt_openai_url: Url = ""
    stt_openai_model: str = "whisper-1"
    stt_max_duration_s: Annotated[float, Meta(gt=0, le=600)] = 60.0
    stt_max_bytes: Whole = 26_214_400
    stt_concurrency: Whole = 2
    stt_timeout_s: Positive = 30.0
    stt_keep: bool = False

    # How providers are treated
    provider_timeout_s: Positive = 15.0
    provider_attempts: Whole = 3
    provider_concurrency: Whole | None = None
    llm_concurrency: Whole = 6
    tts_concurrency: Whole = 4

    # Wave decomposition
    waves_enabled: bool = True
    waves_max_workers: Whole = 2
    waves_queue_max_size: Whole = 256
    waves_job_timeout_s: Positive = 60.0
    waves_max_duration_s: Positive = 300.0
    waves_executor: typing.Literal["pool", "dask"] = "pool"
    dask_scheduler: Annotated[str, Meta(pattern=r"\A(?:(?:tcp|tls)://\S+:\d+)?\Z")] = ""

    # What clients may hold of each server
    http_max_connections: Annotated[int, Meta(ge=32, le=10_000)] = 200
    http_header_timeout_s: Positive = 10.0
    http_body_timeout_s: Positive = 30.0
    http_send_timeout_s: Positive = 30.0
    http_max_body_memory_mb: Positive = 64.0

    # Everywhere
    log_level: typing.Literal["debug", "info", "warning", "error"] = "info"
    log_format: typing.Literal["text", "json"] = "text"
    log_dir: Path | None = None
    log_file_max_mb: Annotated[float, Meta(ge=0.01, le=1e4)] = 10.0
    log_files_max: Annotated[int, Meta(ge=1, le=1000)] = 5


def variable(name: str) -> str:
    """Return the environment variable of the setting `name`."""
    return PREFIX + name.upper()


VARIABLES: Final = {variable(item.name): item for item in msgspec.structs.fields(Settings)}


def load_settings(
    environment: Mapping[str, str] | None = None, *, dotenv: Path | None = DOTENV
) -> Settings:
    """Read the settings from `environment` (default: the process's own) and from `dotenv`.

    Raises
    ------
    InvalidSetting
        Naming the variable that is unknown or does not parse, and what it should be; or the line of
        `dotenv` that cannot be read.
    """
    values = merged(environment, dotenv)
    chosen = {key: value for key, value in values.items() if key.startswith(PREFIX)}
    for key in chosen:
        if key not in VARIABLES:
            raise InvalidSetting(f"{key} is not a setting; docs/settings.md lists them all")
    parsed = {VARIABLES[key].name: _parse(key, text) for key, text in sorted(chosen.items())}
    if (concurrency := parsed.get("provider_concurrency")) is not None:
        # The older name, for both kinds of providers; each one's own wins.
        parsed = {"llm_concurrency": concurrency, "tts_concurrency": concurrency} | parsed
    settings = msgspec.structs.replace(Settings(), **parsed)
    if not settings.events_ws_single_client:
        raise InvalidSetting(
            "RR_EVENTS_WS_SINGLE_CLIENT may only be true: the gateway serves one client"
        )
    if settings.bus_silence_s < BUS_SILENCE_MIN_S:
        raise InvalidSetting(
            f"RR_BUS_SILENCE_S={settings.bus_silence_s:g} is too short: the backend sends a"
            f" heartbeat every {HEARTBEAT_INTERVAL_S:g} s, so at least {BUS_SILENCE_MIN_S:g}"
        )
    if (settings.chat_tls_cert is None) != (settings.chat_tls_key is None):
        raise InvalidSetting("RR_CHAT_TLS_CERT and RR_CHAT_TLS_KEY: set both, or none")
    if settings.waves_executor == "dask" and not settings.dask_scheduler:
        raise InvalidSetting("RR_WAVES_EXECUTOR=dask needs RR_DASK_SCHEDULER=tcp://host:port")
    return settings


def _parse(key: str, text: str) -> object:
    try:
        return _converted(key, text)
    except ValueError as error:  # msgspec's own is one
        shown = "(not shown)" if key.endswith(SECRET_SUFFIXES) else repr(text)
        raise InvalidSetting(f"{key}={shown} does not fit: {error}") from None


def _converted(key: str, text: str) -> object:
    kind = VARIABLES[key].type
    kinds = (kind, *typing.get_args(kind))
    if Path not in kinds and _NOT_UTF_8.search(text):  # a file's name may be any bytes
        raise ValueError("it is not UTF-8")
    value: object = text.strip()
    if typing.get_origin(kind) is tuple:
        value = [part.strip() for part in text.split(",") if part.strip()]
    elif type(None) in kinds and text.strip() == "":
        value = None
    elif key.endswith(HOST_SUFFIX):
        value = _host(text.strip())
    elif key == variable("events_ws_path"):
        _require_path(text.strip())
    elif key.endswith(URL_SUFFIXES):
        _require_port(text.strip())
    return msgspec.convert(value, kind, strict=False, dec_hook=_decode_path)


def _host(text: str) -> str:
    """Return a host in the one form that is listened on, compared and put into URLs."""
    name = _BRACKETED.sub(r"\1", text).removesuffix(".")
    if ":" in name:
        with contextlib.suppress(ValueError):
            return str(ipaddress.IPv6Address(name))
    elif _HOST_NAME.fullmatch(name):
        return name.lower()
    raise ValueError(
        "write a host's name or address without a port, e.g. localhost, 192.168.1.20 or ::1"
    )


def _require_path(text: str) -> None:
    """Refuse what is no path, or one that no request can have."""
    if not text.startswith("/") or _NO_PATH.search(text):
        raise ValueError(
            "write a path without white space, { } ? # % \\ and steps of dots, e.g. /v1/events"
        )


def _require_port(url: str) -> None:
    """Refuse a URL whose port nobody can listen at; one without a port is its pattern's matter."""
    try:
        fits = urlsplit(url).port != 0
    except ValueError:
        fits = False
    if not fits:
        raise ValueError("write a port from 1 to 65535 behind the host, as in tcp://127.0.0.1:5570")


def _decode_path(kind: type, value: object) -> object:
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError("expected a path")
    try:
        path = Path(value).expanduser()
    except RuntimeError:
        raise ValueError("there is no home folder of that user") from None
    try:
        path.stat()
    except OSError as error:  # what is wrong otherwise, its reader says
        is_loop = getattr(error, "winerror", None) == _WINDOWS_LINK_LOOP
        if error.errno == errno.ELOOP or is_loop:
            raise ValueError("its symbolic links form a loop") from None
    return path
