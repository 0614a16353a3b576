"""The command `rehearse`: asks a running gateway to tell a past session again, and watches it."""

import time
from collections.abc import Callable
from typing import Any, Final

import httpx
from msgspec import Struct

from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.runtime.web.clients import local_http

LOOK_EVERY_S: Final = 0.25


class Plan(Struct, frozen=True, kw_only=True):
    """What to rehearse, how, and where the gateway is."""

    session_id: str
    speed: float
    loop: bool
    gateway_url: str
    token: str


class Failed(Exception):
    """The rehearsal can't be; the message says what to do."""


def rehearse(plan: Plan, say: Callable[[str], None] = print) -> int:
    """Rehearse to the end, or until Ctrl-C; return the exit code."""
    headers = {"Authorization": f"Bearer {plan.token}"} if plan.token else {}
    url = f"{plan.gateway_url}/v1/rehearsal"
    with local_http(timeout=10.0, headers=headers) as http:
        try:
            wish = {"sessionId": plan.session_id, "speed": plan.speed, "loop": plan.loop}
            status = _asked(http.post(url, json=wish))
            say(
                f"rehearsing {status['of']} ({status['events']} events, {plan.speed:g}x)"
                + (", until Ctrl-C" if plan.loop else "")
            )
            return _watch(http, url, status, say)
        except KeyboardInterrupt:
            http.delete(url)
            say("stopped")
            return OK
        except Failed as failed:
            say(str(failed))
            return FAILED
        except httpx.HTTPError as error:
            say(
                f"no gateway at {plan.gateway_url} ({error or type(error).__name__}): start it"
                " with `honcho start`"
            )
            return FAILED


def _watch(http: httpx.Client, url: str, status: dict[str, Any], say: Callable[[str], None]) -> int:
    told = ("", 0)
    while True:
        now = (status["sessionId"], status["sent"])
        if now != told and now[1]:
            told = now
            say(f"[{now[0][:8]}] {now[1]} of {status['events']} sent")
        match status["state"]:
            case "ended":
                return OK
            case "stopped":
                say(f"stopped: {status['reason']}")
                return FAILED
        time.sleep(LOOK_EVERY_S)
        status = _asked(http.get(url))


def _asked(response: httpx.Response) -> dict[str, Any]:
    answer: dict[str, Any] = response.json()
    if response.is_error:
        raise Failed(str(answer["error"]["message"]))
    return answer
