"""What a page costs as the outbox and the session folders fill."""

import os
import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Final

import httpx

from benchmarks.growth.fit import Curve
from chat_backend.facts.ledger import Ledger
from chat_backend.storage.archive import write_document
from event_gateway.core.readiness import Limits, Readiness
from event_gateway.outbox import Outbox
from event_gateway.rendering import Renderer
from event_gateway.studio.status import BACKLOG
from shared_schema.ids import timestamp
from shared_schema.layout import GATEWAY_DIR, Artifacts, session_file
from tests.support.client import write_wav
from tests.support.local_http import LOCAL
from tests.support.processes import System
from tests.support.sessions import Truth

SIZES: Final = (10, 100, 1_000, 10_000)
_LOADS: Final = 60
_STREAM_TIMEOUT_S: Final = 60.0
_SECONDS_APART: Final = 60.0
_NEVER_LATE: Final = Limits(
    turn1_timeout_s=1e9, dialogue_timeout_s=1e9, session_limit_s=1e9, replay_window_s=1e9
)
_SLOTS: Final = (1, 2, 3, 4)
_EVENTS: Final = 1 + len(_SLOTS)  # of a session: Turn 1, and each slot's dialogue


class History:
    """Past sessions in an artifacts folder, written by what writes them in a show."""

    def __init__(self, folder: Path) -> None:
        self._artifacts = Artifacts(folder)
        self._begun_at = time.time() - max(SIZES) * _SECONDS_APART
        self.session_ids: list[str] = []

    def grow_to(self, sessions: int) -> None:
        """Add sessions of four slots until there are so many."""
        outbox = Outbox.open(self._artifacts.root / GATEWAY_DIR)
        try:
            while len(self.session_ids) < sessions:
                self._add(outbox)
        finally:
            outbox.close()

    def _add(self, outbox: Outbox) -> None:
        at = self._begun_at + len(self.session_ids) * _SECONDS_APART
        truth = _told_truth()
        self._write_files(truth, at)
        decisions = Readiness(_NEVER_LATE).apply(truth.snapshot(), 0.0)
        renderer = Renderer(self._artifacts)
        outbox.record([renderer.entry(each, timestamp(at)) for each in decisions], at=at)
        self.session_ids.append(truth.session_id)

    def _write_files(self, truth: Truth, at: float) -> None:
        ledger = Ledger(epoch="benchmark", keep_s=0.0)
        ledger.begin(truth.session_id, truth.begun().slots)
        mixes = []
        for part in truth.parts():
            utterance = truth.utterance(*part)
            ledger.utterance(truth.session_id, utterance, 0.0)
            assert utterance.mix_path is not None
            mixes.append(self._artifacts.path(utterance.mix_path))
        ledger.turn1_complete(truth.session_id, 0.0)
        ledger.turn3_complete(truth.session_id, truth.dialogues, 0.0)
        ledger.session_complete(truth.session_id, 0.0, stopped=False)
        write_wav(mixes[0])
        for mix in mixes[1:]:  # the same sound again: only that it is there matters
            mix.parent.mkdir(parents=True, exist_ok=True)
            os.link(mixes[0], mix)
        record = ledger.record(truth.session_id)
        assert record is not None
        document = record.document(
            started_at=timestamp(at), message="What does the sea dream of?", seed=1
        )
        path = self._artifacts.path(session_file(truth.session_id))
        write_document(path, document)
        os.utime(path.parent, (at, at))


def _told_truth() -> Truth:
    parts = [(turn, slot) for turn in (1, 2, 3) for slot in _SLOTS]
    return Truth(
        session_id=str(uuid.uuid4()),
        slots=_SLOTS,
        targets={slot: slot % len(_SLOTS) + 1 for slot in _SLOTS},
        replied=_SLOTS,
        ready=frozenset(parts),
    )


def measure(say: Callable[[str], None]) -> list[Curve]:
    """Return what each request costs, by how many sessions are past."""
    costs: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="history-") as name:
        folder = Path(name)
        history = History(folder / "artifacts")
        for size, number in zip(SIZES, count(), strict=False):
            history.grow_to(size)
            say(f"{size} sessions are there")
            for request, cost in loads(folder / f"gateway-{number}", folder, history).items():
                costs.setdefault(request, []).append(cost)
    return [
        Curve(name=request, sizes=SIZES, costs=tuple(values)) for request, values in costs.items()
    ]


def loads(logs: Path, folder: Path, history: History, *, times: int = _LOADS) -> dict[str, float]:
    """Return the seconds of each request, the least of so many."""
    installation = System(logs, artifacts_dir=folder / "artifacts", log_level="warning")
    try:
        installation.gateway()
        chance = random.Random(1)
        told = min(BACKLOG, len(history.session_ids) * _EVENTS)
        with httpx.Client(base_url=installation.gateway_url, **LOCAL, timeout=60) as http:
            requests: dict[str, Callable[[], str]] = {
                "the page: state and log": lambda: "/v1/watch",
                "/v1/recordings": lambda: "/v1/recordings",
                "/v1/recordings/{id}": lambda: f"/v1/recordings/{_any(chance, history)}",
                "/v1/events/history": (
                    lambda: f"/v1/events/history?sessionId={_any(chance, history)}"
                ),
                "/v1/sessions": lambda: "/v1/sessions",
                "/metrics": lambda: "/metrics",
            }
            return {
                # The least: what else the machine does is no cost of ours.
                name: min(load(http, path(), told) for _ in range(times))
                for name, path in requests.items()
            }
    finally:
        installation.close()


def _any(chance: random.Random, history: History) -> str:
    return chance.choice(history.session_ids)


def load(http: httpx.Client, path: str, told: int, event: str = "decision") -> float:
    """Return the seconds of one request; of a stream, until it has told so many events.

    Raises
    ------
    TimeoutError
        If a stream goes on without them.
    """
    started = time.perf_counter()
    with http.stream("GET", path) as response:
        response.raise_for_status()
        if response.headers["content-type"].startswith("text/event-stream"):
            lines = (line for line in _in_time(response, path) if line == f"event: {event}")
            assert len(list(islice(lines, told))) == told
        else:
            response.read()
    return time.perf_counter() - started


def _in_time(response: httpx.Response, path: str) -> Iterator[str]:
    """Yield a stream's lines: its pings keep it from ever being late by HTTP's own timeout."""
    give_up_at = time.monotonic() + _STREAM_TIMEOUT_S
    for line in response.iter_lines():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{path} tells less than was expected")
        yield line
