"""What one more session costs while visits are remembered, and what those weigh."""

import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from benchmarks.gateway.material import SENTENCE
from benchmarks.gateway.paths import new_session
from benchmarks.growth.fit import Curve
from chat_backend.agents.base import Exchange
from chat_backend.session.visits import Visits
from shared_schema.ids import SLOT_IDS
from shared_schema.settings import Settings
from tests.support.local_http import LOCAL
from tests.support.processes import System

SIZES: Final = (100, 1_000, 10_000)
_SAMPLES: Final = 60
_MESSAGE: Final = "What does the sea dream of?"
_SLOT: Final = {"slotId": 1, "agentId": "gpt-4o"}


def measure(say: Callable[[str], None]) -> list[Curve]:
    """Return the time to a session's first event, and the memory of all visits, by their number."""
    return [
        Curve(name="POST /v1/chat to its first event", sizes=SIZES, costs=_times(say)),
        Curve(name="what is remembered", sizes=SIZES, costs=tuple(map(_bytes, SIZES)), unit="MB"),
    ]


def _times(say: Callable[[str], None]) -> tuple[float, ...]:
    costs: list[float] = []
    with tempfile.TemporaryDirectory(prefix="visits-") as folder:
        installation = System(Path(folder), log_level="warning", waves_enabled=False)
        try:
            installation.chat()
            with httpx.Client(base_url=installation.chat_url, **LOCAL, timeout=60) as http:
                visits = 0
                for size in SIZES:
                    samples = [_visit(http) for _ in range(size - visits)]
                    visits = size
                    costs.append(min(samples[-_SAMPLES:]))
                    say(f"{size} visits have been")
        finally:
            installation.close()
    return tuple(costs)


def _visit(http: httpx.Client) -> float:
    """Return the seconds to the first event of a new visit's session, and stop it."""
    request = {"message": _MESSAGE, "visitId": new_session(), "slots": [_SLOT]}
    started = time.perf_counter()
    with http.stream("POST", "/v1/chat", json=request) as response:
        response.raise_for_status()
        data = next(line for line in response.iter_lines() if line.startswith("data:"))
        took = time.perf_counter() - started
    session = json.loads(data.removeprefix("data:"))["sessionId"]
    http.post(f"/v1/sessions/{session}/stop").raise_for_status()
    return took


def _bytes(visits: int) -> float:
    """Return what the process keeps after so many visits, each with all that it may remember."""
    exchanges = Settings().chat_history_turns
    tracemalloc.start()
    try:
        kept = Visits(exchanges=exchanges, idle_s=1e9)
        for number in range(visits):
            visit = kept.begin_session(f"visit {number}", new_session())
            for slot in SLOT_IDS:
                for turn in range(exchanges):
                    said = f"{number} {slot} {turn} {SENTENCE}"  # its own, as in a show
                    visit.remember(slot, Exchange(message=said, answer=f"{said}!"))
            kept.end_session(visit)
        return float(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
