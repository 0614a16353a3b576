"""The command `history`: a session's events, from the running gateway or its outbox."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from msgspec import Raw, Struct

from event_gateway.commands.calling import answer_of_running
from event_gateway.errors import GatewayError
from event_gateway.outbox import OutboxReader
from shared_schema.layout import GATEWAY_DIR, Artifacts
from shared_schema.runtime.process.exits import FAILED, OK, print_line
from shared_schema.settings import Settings

REQUEST_TIMEOUT_S: Final = 5.0


class _Events(Struct):
    """The gateway's answer."""

    events: list[Raw]


def history(settings: Settings, session_id: str, show: Callable[[str], None] = print) -> int:
    """Print one event a line; return 0 if there were any."""
    try:
        events = _from_gateway(settings, session_id)
        if events is None:
            events = _from_outbox(settings, session_id)
    except GatewayError as error:
        print_line(f"no history: {error}")
        return FAILED
    for event in events:
        show(event)
    if not events:
        print_line(f"no event of {session_id} is recorded (any more: RR_EVENTS_RETENTION_DAYS)")
    return OK if events else FAILED


def _from_gateway(settings: Settings, session_id: str) -> list[str] | None:
    """Return the events from the running gateway; None if none runs."""
    path = f"/v1/events/history?{urlencode({'sessionId': session_id})}"
    answer = answer_of_running(settings, "GET", path, _Events, timeout_s=REQUEST_TIMEOUT_S)
    return None if answer is None else [bytes(each).decode() for each in answer.events]


def _from_outbox(settings: Settings, session_id: str) -> list[str]:
    outbox = OutboxReader.open(Artifacts(settings.artifacts_dir).root / GATEWAY_DIR)
    try:
        return [row.event for row in outbox.history(session_id)]
    finally:
        outbox.close()
