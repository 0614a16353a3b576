"""What commands share that send requests to a running server."""

import time
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from shared_schema.settings import Settings

POLL_INTERVAL_S: Final = 0.1


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries the token, in ASCII; none without one."""
    return {"Authorization": f"Bearer {quote(token)}"} if token else {}


def gateway_token(settings: Settings) -> str:
    """Return what opens all of the gateway."""
    return settings.operator_token or settings.events_token


def missing_after(look: Callable[[], str | None], timeout_s: float) -> str | None:
    """Call `look` until nothing is missing; return what still is after `timeout_s`."""
    give_up_at = time.monotonic() + timeout_s
    while (missing := look()) is not None and time.monotonic() < give_up_at:
        time.sleep(POLL_INTERVAL_S)
    return missing
