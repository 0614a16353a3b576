"""The command `history`: a session's events, from the running gateway or its outbox."""

from collections.abc import Callable
from typing import Final

import httpx
import msgspec

from event_gateway.errors import GatewayError
from event_gateway.outbox import OutboxReader
from shared_schema.layout import GATEWAY_DIR, Artifacts
from shared_schema.runtime.process.exits import FAILED, OK, print_line
from shared_schema.runtime.web.clients import bearer, gateway_token, local_http
from shared_schema.runtime.web.hosts import gateway_url
from shared_schema.settings import Settings

REQUEST_TIMEOUT_S: Final = 5.0


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
    try:
        with local_http(timeout=REQUEST_TIMEOUT_S, headers=bearer(gateway_token(settings))) as http:
            response = http.get(
                f"{gateway_url(settings)}/v1/events/history",
                params={"sessionId": session_id},
            )
    except httpx.HTTPError:
        return None
    if response.is_error:
        raise GatewayError(f"the gateway answered {response.status_code}: {response.text}")
    answer = msgspec.json.decode(response.content, type=dict[str, list[msgspec.Raw]])
    return [bytes(each).decode() for each in answer["events"]]


def _from_outbox(settings: Settings, session_id: str) -> list[str]:
    outbox = OutboxReader.open(Artifacts(settings.artifacts_dir).root / GATEWAY_DIR)
    try:
        return [row.event for row in outbox.history(session_id)]
    finally:
        outbox.close()
