"""What `readyz` said while something was wrong, and whether it said it when it had to."""

import asyncio
import time
from collections import Counter
from typing import Final

import httpx

from tests.support.local_http import LOCAL

_LOOK_EVERY_S: Final = 0.25
# From the trouble to the alarm; the gateway may be starting again just then.
_WITHIN_S: Final = 60.0
OUTBOX_LOST: Final = "the outbox was damaged or lost"
TWO_BACKENDS: Final = "two chat backends publish"


class Alarms:
    """Looks at `readyz` all the time; `seen` counts alarms, each once from its rise to its fall."""

    def __init__(self, gateway_url: str) -> None:
        self._url = f"{gateway_url}/readyz"
        self._last_at: dict[str, float] = {}
        self.seen: Counter[str] = Counter()
        self.faults: list[str] = []

    async def watch(self) -> None:
        """Look, for ever."""
        before: set[str] = set()
        async with httpx.AsyncClient(**LOCAL, timeout=5.0) as http:
            while True:
                await asyncio.sleep(_LOOK_EVERY_S)
                try:
                    reasons = (await http.get(self._url)).json().get("reasons", [])
                except (httpx.HTTPError, ValueError):
                    continue
                # What follows is of this case: which outbox, which folder.
                now = {str(reason).partition(":")[0] for reason in reasons}
                self._last_at |= dict.fromkeys(now, time.monotonic())
                self.seen.update(now - before)
                before = now

    async def demand(self, alarm: str, since: float) -> None:
        """Wait until an alarm was seen after a time (monotonic); that it was not is a fault."""
        while not any(at >= since for said, at in self._last_at.items() if said.startswith(alarm)):
            if time.monotonic() - since > _WITHIN_S:
                self.faults.append(f"no alarm within {_WITHIN_S:g} s: {alarm}")
                return
            await asyncio.sleep(_LOOK_EVERY_S)
