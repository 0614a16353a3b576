"""The command `delete`: removes a session's events, through the running gateway or without one."""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from event_gateway.commands.calling import answer_of_running
from event_gateway.errors import GatewayError
from event_gateway.outbox import OUTBOX_FILE, Outbox, set_aside
from shared_schema.ids import is_session_id
from shared_schema.layout import GATEWAY_DIR, Artifacts
from shared_schema.runtime.process.exits import CONFIGURATION, FAILED, OK, print_line
from shared_schema.settings import Settings

# The gateway looks through all its events.
REQUEST_TIMEOUT_S: Final = 60.0


class _Deleted(Struct):
    """The gateway's answer: how many events it removed."""

    events: int


def delete(settings: Settings, session_id: str, show: Callable[[str], None]) -> int:
    """Remove the session's events, and rehearsals of it; return the exit code."""
    if not is_session_id(session_id):
        print_line(f"{session_id} is not the id of a session; give all of it")
        return CONFIGURATION
    try:
        removed = _by_gateway(settings, session_id)
        if removed is None:
            removed = _by_ourselves(settings, session_id)
    except GatewayError as error:
        print_line(f"events not deleted: {error}")
        return FAILED
    for path in set_aside(Artifacts(settings.artifacts_dir).root / GATEWAY_DIR):
        print_line(f"{path} is a damaged outbox that may hold its events, too: delete it by hand")
    show(f"{session_id}: {removed} events deleted")
    return OK


def _by_gateway(settings: Settings, session_id: str) -> int | None:
    """Ask the running gateway; return how many it removed, or None if none runs."""
    path = f"/v1/sessions/{session_id}"
    answer = answer_of_running(settings, "DELETE", path, _Deleted, timeout_s=REQUEST_TIMEOUT_S)
    return None if answer is None else answer.events


def _by_ourselves(settings: Settings, session_id: str) -> int:
    artifacts = Artifacts(settings.artifacts_dir)
    artifacts.require_own_folders()
    folder = artifacts.root / GATEWAY_DIR
    if not (folder / OUTBOX_FILE).exists():
        return 0
    outbox = Outbox.open(folder)
    try:
        return sum(outbox.delete(session_id, at=time.time()))
    finally:
        outbox.close()
