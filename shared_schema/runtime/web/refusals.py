"""Logs refusals at most once a second for each kind, so that a flood does not fill the log."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

INTERVAL_S: Final = 1.0
# Log lines of the libraries for each connection that they refuse or cannot accept.
LIBRARY_LOGGERS: Final = ("uvicorn.error", "asyncio")
LIBRARY_LINES: Final = (
    "Invalid HTTP request received.",
    "Unsupported upgrade request.",
    "socket.accept() out of system resource",
)
# What needs no attention: a visitor has left in the middle of an answer; a WebSocket was refused
# with a response, which is a warning of ours.
NEEDLESS_LINES: Final = (
    "socket.send() raised exception.",
    "ASGI callable returned without completing handshake.",
)


class RefusalLog:
    """Writes the first refusal of a kind in each second, and counts the others."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = structlog.get_logger(name)
        self._clock = clock
        self._next_at: dict[str, float] = {}
        self._omitted: dict[str, int] = {}

    def is_due(self, kind: str) -> bool:
        """Return whether a line of this kind may be written now; if not, it is counted."""
        now = self._clock()
        if now < self._next_at.get(kind, now):
            self._omitted[kind] = self._omitted.get(kind, 0) + 1
            return False
        self._next_at[kind] = now + INTERVAL_S
        return True

    def warning(self, event: str, *, kind: str, **fields: Any) -> None:
        """Log a warning; `kind` is from a fixed set, never data from a client."""
        if self.is_due(kind):
            omitted = self._omitted.pop(kind, 0)
            self._log.warning(event, **fields, **({"omitted": omitted} if omitted else {}))


class _LibraryFilter(logging.Filter):
    """Applies the same interval to log lines of the libraries, and drops the needless ones."""

    def __init__(self) -> None:
        super().__init__()
        self._refusals = RefusalLog("web")

    def filter(self, record: logging.LogRecord) -> bool:
        text = str(record.msg)
        line = next(filter(text.startswith, LIBRARY_LINES), None)
        return text not in NEEDLESS_LINES and (line is None or self._refusals.is_due(line))


def limit_library_lines() -> None:
    """Limit what uvicorn and asyncio log for each refused connection; once in a process."""
    limit = _LibraryFilter()
    for name in LIBRARY_LOGGERS:
        logging.getLogger(name).addFilter(limit)
