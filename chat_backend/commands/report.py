"""The command `report`: one zip for remote help, without words of visitors and without secrets."""

import importlib.metadata
import platform
import re
import sys
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from chat_backend.providers.keys import KEY_VARIABLES, Keys, load_keys
from chat_backend.providers.usage import ProviderUsage
from chat_backend.show.show import load_show
from chat_backend.storage.archive import Archive, StoredSession
from chat_backend.storage.retention import free_gb
from shared_schema import VERSION
from shared_schema.decoding import InvalidSetting
from shared_schema.facts import Utterance, WaveFailed
from shared_schema.foreign_text import shown_lines
from shared_schema.ids import timestamp
from shared_schema.layout import RUN_DIR, Artifacts, is_regular, moved_into_place
from shared_schema.runtime.log.files import LogFiles
from shared_schema.runtime.log.said import Said
from shared_schema.runtime.process.control import RequestFailed, running
from shared_schema.runtime.process.exits import FAILED, OK, print_line
from shared_schema.runtime.web.clients import bearer, gateway_token, local_http
from shared_schema.runtime.web.hosts import chat_url, gateway_url
from shared_schema.runtime.web.tls import trusted
from shared_schema.settings import PREFIX, SECRET_SUFFIXES, VARIABLES, Settings

SESSIONS_MAX: Final = 20
# Of each log file the end.
LOG_MAX_BYTES: Final = 2_000_000
REQUEST_TIMEOUT_S: Final = 5.0
SET: Final = "(set, not shown)"
REMOVED: Final = "[secret]"
# A shorter token would be found in ordinary words.
MIN_SECRET_CHARS: Final = 4

# Other text in their places was written by hand.
_TIME: Final = re.compile(r"[\dT:.Z-]+")
_NAME: Final = re.compile(r"[\w.-]{1,40}")

Write = Callable[[str, str], None]


def report(settings: Settings, target: Path | None, show: Callable[[str], None]) -> int:
    """Write the zip; return the exit code."""
    path = target or Path(time.strftime("report-%Y%m%d-%H%M%S.zip"))
    key_variables = (*KEY_VARIABLES, *_keys_of_servers(settings))
    keys = load_keys(also=key_variables)
    cleaned = _Cleaned(settings, keys)
    sessions = Archive(Artifacts(settings.artifacts_dir)).sessions()
    for each in sessions:
        cleaned.note(each)
    try:
        with (
            moved_into_place(path) as partial,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
        ):

            def write(name: str, text: str) -> None:
                archive.writestr(name, cleaned.text(text))

            write("versions.json", _json(_versions()))
            write("settings.json", _json(_settings(settings, keys, key_variables)))
            write("machine.json", _json(_machine(settings, sessions)))
            told = [_session(each, cleaned) for each in sessions[:SESSIONS_MAX]]
            write("sessions.json", _json(told))
            _write_servers(settings, write)
            _write_logs(settings, cleaned, write)
    except OSError as error:
        print_line(f"{path} cannot be written ({error}); choose another place with --to")
        return FAILED
    show(f"wrote {path}: no words of visitors, no keys, no tokens; look through it and send it")
    return OK


class _Cleaned:
    """Removes secrets, and what was said in the sessions that are still there."""

    def __init__(self, settings: Settings, keys: Keys) -> None:
        self._keys = keys
        self._said = Said(texts_max=None)
        secrets = [getattr(settings, item.name) for item in _secrets()]
        self._secrets = sorted((each for each in secrets if len(each) >= MIN_SECRET_CHARS), key=len)

    def note(self, session: StoredSession) -> None:
        """Keep a session's texts out of what follows."""
        document = session.document
        if document is None:
            return
        summary, mood = document.summary, document.sentiment
        texts = [document.message, *(utterance.text for utterance in document.utterances)]
        texts += [summary.text] if summary else []
        texts += [mood.justification] if mood else []
        for text in texts:
            self._said.note(text)

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in reversed(self._secrets):
            text = text.replace(secret, REMOVED)
        return shown_lines(self._keys.redacted(text))

    def hidden(self, text: str) -> str:
        """Return a text without what was said."""
        return "\n".join(map(self._said.hidden, text.split("\n")))


def _secrets() -> Iterable[Any]:
    return (item for name, item in VARIABLES.items() if name.endswith(SECRET_SUFFIXES))


def _versions() -> dict[str, Any]:
    """Return what runs here: ours, Python's, the system's and the dependencies' versions."""
    installed = {
        each.name: each.version for each in importlib.metadata.distributions() if each.name
    }
    return {
        "reflectiveResonance": VERSION,
        "python": sys.version,
        "system": platform.platform(),
        "machine": platform.machine(),
        "packages": dict(sorted(installed.items())),
    }


def _keys_of_servers(settings: Settings) -> tuple[str, ...]:
    """Return the variables of the keys of servers that a file adds, if it can be read."""
    try:
        return load_show(settings).models.key_variables
    except InvalidSetting:
        return ()


def _settings(settings: Settings, keys: Keys, key_variables: Iterable[str]) -> dict[str, Any]:
    """Return the settings in force, and which keys are set."""
    values: dict[str, Any] = {}
    for name, item in VARIABLES.items():
        value = getattr(settings, item.name)
        secret = name.endswith(SECRET_SUFFIXES)
        values[name] = (SET if value else "") if secret else value
    return {**values, **{name: SET if keys.of(name) else "" for name in key_variables}}


def _machine(settings: Settings, sessions: list[StoredSession]) -> dict[str, Any]:
    """Return the state of disk, sessions and supervisors."""
    root = Artifacts(settings.artifacts_dir).root
    return {
        "at": timestamp(time.time()),
        "artifacts": root.as_posix(),
        "freeGb": round(free_gb(root), 1),
        "sessions": len(sessions),
        "sessionsMb": round(sum(each.size_bytes for each in sessions) / 1e6),
        "supervisors": {
            package: _supervisor(package, root / RUN_DIR)
            for package in ("event_gateway", "chat_backend")
        },
    }


def _supervisor(package: str, run_dir: Path) -> Any:
    try:
        run = running(package, run_dir)
    except RequestFailed as failed:
        return str(failed)
    # Who knows the instance may ask it to stop.
    return {key: value for key, value in msgspec.to_builtins(run).items() if key != "instance"}


def _session(session: StoredSession, cleaned: _Cleaned) -> dict[str, Any]:
    """Return a session's states, with lengths for texts."""
    told: dict[str, Any] = {
        "sessionId": session.session_id,
        "changedAt": timestamp(session.changed_at),
        "bytes": session.size_bytes,
        "kept": session.kept,
        "oddity": session.oddity,
    }
    document = session.document
    if document is None:
        return told
    return told | {
        "startedAt": document.started_at if _TIME.fullmatch(document.started_at) else "",
        "state": document.state,
        "messageChars": len(document.message),
        "slots": document.slots,
        "utterances": [_utterance(each, cleaned) for each in document.utterances],
        "dialogues": document.dialogues,
        "summary": document.summary and document.summary.state,
        "sentiment": document.sentiment and document.sentiment.sentiment,
        "usage": [row for each in document.usage for row in _usage(each)],
    }


def _usage(row: Any) -> list[ProviderUsage]:
    """Return a provider's figures; none if the file was edited by hand."""
    try:
        known = msgspec.convert(row, ProviderUsage)
    except msgspec.ValidationError:
        return []
    return [known] if _NAME.fullmatch(known.provider) else []


def _utterance(utterance: Utterance, cleaned: _Cleaned) -> dict[str, Any]:
    wave = utterance.wave
    failed = f"{wave.stage}: {wave.message}" if isinstance(wave, WaveFailed) else ""
    return {
        "turn": utterance.turn_index,
        "slot": utterance.slot_id,
        "target": utterance.target_slot_id,
        "agent": utterance.agent_id,
        "voice": utterance.voice_profile,
        "chars": len(utterance.text),
        "state": utterance.state,
        "failed": cleaned.hidden(failed),
    }


def _write_servers(settings: Settings, write: Write) -> None:
    """Write what the running servers say about themselves; nothing of it has visitors' words."""
    servers = (
        ("chat", chat_url(settings), settings.chat_token, ("/v1/health", "/metrics")),
        (
            "gateway",
            gateway_url(settings),
            gateway_token(settings),
            ("/healthz", "/readyz", "/metrics"),
        ),
    )
    for name, url, token, paths in servers:
        for path in paths:
            try:
                with local_http(
                    timeout=REQUEST_TIMEOUT_S, headers=bearer(token), verify=trusted(settings)
                ) as http:
                    answer = http.get(f"{url}{path}")
                    text = f"{answer.status_code}\n{answer.text}"
            except (httpx.HTTPError, InvalidSetting) as error:
                text = f"no answer: {error or type(error).__name__}"
            write(f"{name}/{path.rsplit('/', 1)[-1]}.txt", text)


def _write_logs(settings: Settings, cleaned: _Cleaned, write: Write) -> None:
    files = LogFiles.of(settings)
    if files is None:
        write("logs.txt", f"{PREFIX}LOG_DIR is not set: the log is where the servers were started")
        return
    for path in sorted(files.folder.glob("*.log*")) if files.folder.is_dir() else ():
        if is_regular(path) and re.fullmatch(r"[\w-]+\.log(\.\d+)?", path.name):
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - LOG_MAX_BYTES))
                write(f"logs/{path.name}", cleaned.hidden(file.read().decode("utf-8", "replace")))


def _json(content: Any) -> str:
    encoded = msgspec.json.encode(content, enc_hook=str)
    return msgspec.json.format(encoded, indent=2).decode()
