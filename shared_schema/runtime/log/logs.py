"""One log format for our modules and the libraries, as text or as JSON, on stderr and in files.

``2026-11-24T12:00:00.123Z info    gateway  event sent  session=5f2c seq=1``

stderr, because stdout is for the output of commands; honcho merges the two. Logging never waits for
the log's reader: see `output`.
"""

import codecs
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from typing import IO, Any, Final, Literal, TextIO, cast

import structlog

from shared_schema.foreign_text import shown, shown_lines
from shared_schema.runtime.log.files import LogFiles
from shared_schema.runtime.log.output import Output, start_output
from shared_schema.runtime.log.said import said

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["text", "json"]

LEVELS: Final[dict[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# They log every connection at info.
CHATTY: Final = ("uvicorn", "uvicorn.error", "asyncio", "httpx", "httpcore", "websockets")
RESET: Final = "\x1b[0m"
_COLOUR: Final = re.compile("\x1b\\[[0-9]+m")
COLOURS: Final = {"debug": "\x1b[2m", "warning": "\x1b[33m", "error": "\x1b[31m"}

_ESCAPED: Final = "unicode_escape"
# Python imports a codec when it is first used, which may be when no file can be opened any more.
codecs.lookup(_ESCAPED)

_Event = MutableMapping[str, Any]


def configure_logging(
    *, level: Level, form: Form, service: str, files: LogFiles | None = None
) -> None:
    """Send the logs of this process to stderr; call it once, before the first line is logged.

    What visitors said is hidden in them (`said`).

    Parameters
    ----------
    level
        Lines below it are not written and cost next to nothing. Libraries write none below info:
        at debug they log whole requests and streams, which is what visitors say.
    service
        The name of the process in every line, e.g. ``gateway``.
    files
        Files to write the same lines to.
    """
    use_utf8_streams()
    outputs = [start_output("stderr", _log_dropped)]
    if files is not None:
        outputs.append(files.open(service, _log_dropped, _log_fault))
    stream = cast(TextIO, _Lines(outputs))
    threshold = LEVELS[level]

    def name_service(_logger: object, _method: str, event: _Event) -> _Event:
        event.setdefault("service", service)
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True, key="ts"),
        name_service,
    ]
    last: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, _hide_fields]
    last.append(_as_json if form == "json" else _AsText(colours=_wants_colours(sys.stderr)))
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _hide_event],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(level=max(threshold, logging.INFO), handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)


def use_utf8_streams() -> None:
    """Switch stdout and stderr to UTF-8 that never fails on a character, in pipes and consoles."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def buffer_stderr() -> None:
    """Let nothing that is printed to stderr block, also before logging is configured.

    Python's own tracebacks block as well: a server that crashed would never exit.
    """
    sys.stderr = start_output("stderr", _log_dropped)


def _log_dropped(count: int) -> None:
    structlog.get_logger("log").warning("log lines dropped: the log was not read", count=count)


def _log_fault(path: str, reason: str) -> None:
    structlog.get_logger("log").warning("log file not written", path=path, reason=reason)


def _as_json(_logger: object, _method: str, event: _Event) -> str:
    _shorten_ts(event)
    return shown(json.dumps(event, default=repr, ensure_ascii=False, separators=(",", ":")))


def _hide_event(_logger: object, _method: str, event: _Event) -> _Event:
    """Hide what was said in a library's line; our own are constants."""
    event["event"] = said.hidden(str(event["event"]))
    return event


def _hide_fields(_logger: object, _method: str, event: _Event) -> _Event:
    for key, value in event.items():
        if key != "event" and isinstance(value, str):
            event[key] = said.hidden(value)
    return event


class _Lines(io.TextIOBase):
    """Writes to several outputs; colours are for terminals only."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._terminal, *self._files = outputs

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str) -> int:
        """Write the text to each."""
        self._terminal.write(text)
        for file in self._files:
            file.write(_COLOUR.sub("", text))
        return len(text)


class _AsText:
    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, _logger: object, _method: str, event: _Event) -> str:
        _shorten_ts(event)
        level = str(event.pop("level"))
        padded = f"{level:<7}"
        if self._colours and level in COLOURS:
            padded = f"{COLOURS[level]}{padded}{RESET}"
        exception = event.pop("exception", None)
        head = f"{event.pop('ts')} {padded} {event.pop('service')}  {_one_line(event.pop('event'))}"
        line = "  ".join([head, " ".join(_fields(event))]).rstrip()
        return f"{line}\n{shown_lines(exception)}" if exception else line


def _fields(event: _Event) -> Iterator[str]:
    for key, value in event.items():
        text = value if isinstance(value, str) else repr(value)
        plain = text.isprintable() and text and not any(character in text for character in ' "=')
        yield f"{key}={text}" if plain else f"{key}={shown(json.dumps(text, ensure_ascii=False))}"


def _one_line(event: object) -> str:
    text = str(event)
    return text if text.isprintable() else text.encode(_ESCAPED).decode()


def _shorten_ts(event: _Event) -> None:
    # Milliseconds are enough for people; the stamper offers only seconds and microseconds.
    event["ts"] = event["ts"][:-4] + "Z"


def _wants_colours(stream: IO[str] | None) -> bool:
    """Return whether a stream is a terminal that shows them; None: it was closed at the start."""
    if stream is None or sys.platform == "win32":
        return False
    return stream.isatty() and "NO_COLOR" not in os.environ
