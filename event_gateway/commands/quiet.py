"""The command `quiet`: lets the water rest, or wakes it, through a running gateway."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from event_gateway.commands.calling import CallFailed, GatewayCalls
from shared_schema.runtime.process.exits import CONFIGURATION, FAILED, OK
from shared_schema.settings import Settings

METHODS: Final = {"on": "POST", "off": "DELETE", "": "GET"}


class _Quiet(Struct):
    """The gateway's answer: whether it is quiet now."""

    quiet: bool


def quiet(settings: Settings, state: str, show: Callable[[str], None] = print) -> int:
    """Switch Quiet to `state` (on, off; empty: only show it); return the exit code."""
    if state not in METHODS:
        show(f"quiet {state!r}: expected on or off")
        return CONFIGURATION
    try:
        with GatewayCalls(settings) as gateway:
            answer = gateway.call(METHODS[state], "/v1/quiet", _Quiet)
    except CallFailed as failed:
        show(str(failed))
        return FAILED
    show("quiet: the water rests" if answer.quiet else "not quiet: the water plays")
    return OK
