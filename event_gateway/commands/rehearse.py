"""The command `rehearse`: makes a running gateway send a past session again."""

import contextlib
import time
from collections.abc import Callable
from typing import Final

from event_gateway.commands.calling import CallFailed, GatewayCalls
from shared_schema.decoding import CamelStruct
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.settings import Settings

Show = Callable[[str], None]

PATH: Final = "/v1/rehearsal"
POLL_INTERVAL_S: Final = 0.25


class _Status(CamelStruct, frozen=True, kw_only=True):
    """What is shown of the gateway's answer."""

    state: str
    of: str
    session_id: str
    sent: int
    events: int
    reason: str


def rehearse(
    settings: Settings, session_id: str, *, speed: float, loop: bool, show: Show = print
) -> int:
    """Rehearse to the end, or until Ctrl-C; return the exit code."""
    with GatewayCalls(settings) as gateway:
        try:
            request = {"sessionId": session_id, "speed": speed, "loop": loop}
            status = gateway.call("POST", PATH, _Status, request)
            show(
                f"rehearsing {status.of} ({status.events} events, {speed:g}x)"
                + (", until Ctrl-C" if loop else "")
            )
            return _follow(gateway, status, show)
        except KeyboardInterrupt:
            with contextlib.suppress(CallFailed):  # a gateway that is gone rehearses nothing
                gateway.call("DELETE", PATH, _Status)
            show("stopped")
            return OK
        except CallFailed as failed:
            show(str(failed))
            return FAILED


def _follow(gateway: GatewayCalls, status: _Status, show: Show) -> int:
    shown = ("", 0)
    while True:
        now = (status.session_id, status.sent)
        if now != shown and now[1]:
            shown = now
            show(f"[{now[0][:8]}] {now[1]} of {status.events} sent")
        match status.state:
            case "ended":
                return OK
            case "stopped":
                show(f"stopped: {status.reason}")
                return FAILED
        time.sleep(POLL_INTERVAL_S)
        status = gateway.call("GET", PATH, _Status)
