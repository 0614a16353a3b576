"""The command `rehearse`: has a running gateway send a past session again, and follows it."""

import time
from collections.abc import Callable
from typing import Any, Final

import httpx
from msgspec import Struct

from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.runtime.web.clients import bearer, local_http

POLL_INTERVAL_S: Final = 0.25


class Plan(Struct, frozen=True, kw_only=True):
    """What to rehearse, how, and where the gateway is."""

    session_id: str
    speed: float
    loop: bool
    gateway_url: str
    token: str


class RehearsalFailed(Exception):
    """The gateway refused; the message says what to do."""


def rehearse(plan: Plan, show: Callable[[str], None] = print) -> int:
    """Rehearse to the end, or until Ctrl-C; return the exit code."""
    url = f"{plan.gateway_url}/v1/rehearsal"
    with local_http(timeout=10.0, headers=bearer(plan.token)) as http:
        try:
            request = {"sessionId": plan.session_id, "speed": plan.speed, "loop": plan.loop}
            status = _answer(http.post(url, json=request))
            show(
                f"rehearsing {status['of']} ({status['events']} events, {plan.speed:g}x)"
                + (", until Ctrl-C" if plan.loop else "")
            )
            return _follow(http, url, status, show)
        except KeyboardInterrupt:
            http.delete(url)
            show("stopped")
            return OK
        except RehearsalFailed as failed:
            show(str(failed))
            return FAILED
        except httpx.HTTPError as error:
            show(
                f"no gateway at {plan.gateway_url} ({error or type(error).__name__}): start it"
                " with `honcho start`"
            )
            return FAILED


def _follow(
    http: httpx.Client, url: str, status: dict[str, Any], show: Callable[[str], None]
) -> int:
    shown = ("", 0)
    while True:
        now = (status["sessionId"], status["sent"])
        if now != shown and now[1]:
            shown = now
            show(f"[{now[0][:8]}] {now[1]} of {status['events']} sent")
        match status["state"]:
            case "ended":
                return OK
            case "stopped":
                show(f"stopped: {status['reason']}")
                return FAILED
        time.sleep(POLL_INTERVAL_S)
        status = _answer(http.get(url))


def _answer(response: httpx.Response) -> dict[str, Any]:
    answer: dict[str, Any] = response.json()
    if response.is_error:
        raise RehearsalFailed(str(answer["error"]["message"]))
    return answer
