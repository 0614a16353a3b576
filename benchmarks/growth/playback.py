"""What a client's reports cost the gateway, and the page that shows them."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Final, Literal

import httpx
from msgspec import structs

from benchmarks.gateway.paths import new_session
from benchmarks.growth.fit import LINEAR_LIMIT, Curve
from benchmarks.growth.history import load
from event_gateway.playback import REPORTS_BURST
from shared_schema.events import ErrorEvent, PlaybackReport
from tests.support.client import Listener, listening
from tests.support.local_http import LOCAL
from tests.support.processes import System

SIZES: Final = (100, 1_000, 10_000)
_LOADS: Final = 30
# One connection's beyond it would be counted, and dropped.
_AT_ONCE: Final = min(100, int(REPORTS_BURST))
_STATES: Final[tuple[Literal["started", "ended", "failed"], ...]] = (
    "started", "ended", "started", "failed", "started",
)  # fmt: skip


def measure(say: Callable[[str], None]) -> list[Curve]:
    """Return what all reports together cost, and what the page then does, by their number."""
    with tempfile.TemporaryDirectory(prefix="playback-") as folder:
        installation = System(Path(folder), log_level="warning")
        try:
            installation.gateway()
            taken, loads = asyncio.run(_measure(installation, say))
        finally:
            installation.close()
    return [
        Curve(name="all of them taken", sizes=SIZES, costs=taken, limit=LINEAR_LIMIT),
        Curve(name="/v1/playback then", sizes=SIZES, costs=loads),
    ]


async def _measure(
    installation: System, say: Callable[[str], None]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    taken: list[float] = []
    loads: list[float] = []
    reports, seconds = 0, 0.0
    for size in SIZES:
        while reports < size:
            async with listening(installation.events_url) as client:
                seconds += await _report(client)
            reports += _AT_ONCE
        taken.append(seconds)
        assert await asyncio.to_thread(_used, installation) == size
        loads.append(await asyncio.to_thread(_load, installation))
        say(f"{size} reports were made")
    return tuple(taken), tuple(loads)


async def _report(client: Listener) -> float:
    """Return the seconds until the gateway has taken so many reports.

    One more that is malformed is answered after them.
    """
    reports = [
        PlaybackReport(session_id=new_session(), part="turn1", slot_id=1, turn_index=1, state=state)
        for state in islice(cycle(_STATES), _AT_ONCE)
    ]
    started = time.perf_counter()
    for report in reports:
        await client.say(report)
    await client.say(structs.replace(reports[0], slot_id=9))
    assert isinstance(await client.event(), ErrorEvent)
    return time.perf_counter() - started


def _used(installation: System) -> int:
    text = httpx.get(f"{installation.gateway_url}/metrics", **LOCAL, timeout=60).text
    counts = [line for line in text.splitlines() if line.startswith("rr_playback_reports_total{")]
    return sum(round(float(line.split()[-1])) for line in counts)


def _load(installation: System) -> float:
    with httpx.Client(base_url=installation.gateway_url, **LOCAL, timeout=60) as http:
        return min(load(http, "/v1/playback", 1, "playback") for _ in range(_LOADS))
