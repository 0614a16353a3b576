"""The command `rehearse`: makes a running gateway send a past session again."""

import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.runtime.web.clients import bearer, gateway_token, local_http
from shared_schema.runtime.web.hosts import gateway_url
from shared_schema.settings import Settings

Show = Callable[[str], None]

POLL_INTERVAL_S: Final = 0.25


class RehearsalFailed(Exception):
    """The gateway refused; the message has the remedy."""


def rehearse(
    settings: Settings, session_id: str, *, speed: float, loop: bool, show: Show = print
) -> int:
    """Rehearse to the end, or until Ctrl-C; return the exit code."""
    gateway = gateway_url(settings)
    url = f"{gateway}/v1/rehearsal"
    headers = bearer(gateway_token(settings))
    with local_http(timeout=10.0, headers=headers) as http:
        try:
            request = {"sessionId": session_id, "speed": speed, "loop": loop}
            status = _answer(http.post(url, json=request))
            show(
                f"rehearsing {status['of']} ({status['events']} events, {speed:g}x)"
                + (", until Ctrl-C" if loop else "")
            )
            return _follow(http, url, status, show)
        except KeyboardInterrupt:
            http.delete(url)
            show("stopped")
            return OK
        except RehearsalFailed as failed:
            show(str(failed))
        except httpx.HTTPError as error:
            show(
                f"no gateway at {gateway} ({error or type(error).__name__}): start it"
                " with `honcho start`"
            )
        return FAILED


def _follow(http: httpx.Client, url: str, status: dict[str, Any], show: Show) -> int:
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
