"""One run: inject, wait until all is told, and count."""

import asyncio
import random
import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import httpx
import msgspec
import psutil
from msgspec import Struct

from event_gateway.core.decisions import SENTIMENT_KEY, SUMMARY_KEY, TURN1_KEY
from event_gateway.outbox import Outbox, RowStatus
from shared_schema.events import (
    DialogueWavesReady,
    FinalSummaryReady,
    SessionEvent,
    Turn1WavesReady,
    UserSentiment,
    WaveReference,
    files_of,
)
from shared_schema.layout import GATEWAY_DIR
from tests.chaos.plan import truth_of
from tests.chaos.viewer import Viewer
from tests.support.local_http import LOCAL
from tests.support.processes import Process, System
from tests.support.sessions import Truth

QUIET_S = 20.0  # so long without an event and still something lacking: it will not come


class Plan(Struct, frozen=True, kw_only=True):
    """How hard a run is. With `lives` above 1 the backend is killed between its lives."""

    seed: int
    sessions: int
    kills: int
    spread_s: float
    lives: int = 1


class Report(Struct, kw_only=True):
    """What was injected, what was counted, and what was wrong."""

    injected: Counter[str]
    counted: Counter[str]
    faults: list[str]

    def text(self) -> str:
        """Return it for a person."""
        lines = [f"  {count:6d}  {name}" for name, count in sorted(self.injected.items())]
        lines += ["counted:"]
        lines += [f"  {count:6d}  {name}" for name, count in sorted(self.counted.items())]
        faults = self.faults[:20] or ["none"]
        return "\n".join(["injected:", *lines, "faults:", *[f"  {each}" for each in faults]])


class Run:
    """Owns the processes of a run; every one is ended by its id."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(plan.seed)
        self.installation = System(
            folder, events_turn1_timeout_s=120, events_dialogue_timeout_s=120
        )
        self.viewer = Viewer(self.installation.events_url)
        self.injected: Counter[str] = Counter()
        self.faults: list[str] = []
        self._gateway: Process | None = None

    async def run(self) -> Report:
        """Do everything, and report."""
        self._gateway = self.installation.start("gateway", "-m", "event_gateway")
        viewing = asyncio.create_task(self.viewer.run())
        try:
            share = self.plan.sessions // self.plan.lives
            for life in range(self.plan.lives):
                await self._fire(self._start_backend(life, share), life)
            await self._settle()
            await self._compare_with_history()
        finally:
            viewing.cancel()
            await asyncio.gather(viewing, return_exceptions=True)
            self.installation.close()
        return self._report()

    def _start_backend(self, life: int, share: int) -> Process:
        return self.installation.start(
            f"backend-{life}",
            *("-m", "tests.chaos.backend"),
            *("--bus", self.installation.bus_url),
            *("--artifacts", str(self.installation.artifacts)),
            *("--seed", str(self.plan.seed)),
            *("--first", str(life * share), "--sessions", str(share)),
            *("--spread-s", str(self.plan.spread_s / self.plan.lives)),
            *("--epoch", f"life-{life}"),
        )

    # Injection

    async def _fire(self, backend: Process, life: int) -> None:
        """Kill, stop and cut until the backend has told its sessions; kill it unless it is last."""
        last = life == self.plan.lives - 1
        kill_at = time.monotonic() + 0.6 * self.plan.spread_s / self.plan.lives
        due = self.plan.kills * (life + 1) // self.plan.lives
        told = None
        while self.injected["gateway killed"] < due or (last and told is None):
            await asyncio.sleep(self.chance.uniform(0.05, 0.6))
            await self._harm(backend)
            told = re.search(r"told workers_killed=(\d+)", backend.log)
            if not last and time.monotonic() > kill_at:
                break
        if told is not None and last:
            self.injected["workers killed"] += int(told[1])
            return
        backend.popen.kill()
        await asyncio.to_thread(backend.wait)
        self.installation.processes.remove(backend)
        self.injected["backend killed"] += 1

    async def _harm(self, backend: Process) -> None:
        match self.chance.choices(["kill", "stop", "cut", "stop backend"], weights=[5, 2, 4, 1]):
            case ["kill"]:
                await self._kill_gateway()
            case ["stop"]:
                assert self._gateway is not None
                await self._pause(self._gateway.pid, "gateway stopped")
            case ["cut"]:
                await self._until_connected()
                self.injected["client cut off"] += await self.viewer.drop()
            case _:
                if backend.popen.poll() is None:
                    await self._pause(backend.pid, "backend stopped")

    async def _kill_gateway(self) -> None:
        assert self._gateway is not None
        self._gateway.popen.kill()
        await asyncio.to_thread(self._gateway.wait)
        self.installation.processes.remove(self._gateway)
        self._gateway = self.installation.start("gateway", "-m", "event_gateway")
        self.injected["gateway killed"] += 1
        # Mostly it shall have begun to tell before the next blow; sometimes it dies as it starts.
        if self.chance.random() < 0.7:
            await self._until_connected()

    async def _until_connected(self) -> None:
        give_up_at = time.monotonic() + QUIET_S
        while not self.viewer.connected and time.monotonic() < give_up_at:
            await asyncio.sleep(0.01)

    async def _pause(self, pid: int, name: str) -> None:
        process = psutil.Process(pid)
        process.suspend()
        await asyncio.sleep(self.chance.uniform(0.1, 1.5))
        process.resume()
        self.injected[name] += 1

    # Counting

    @property
    def _heard(self) -> int:
        """Return how many events came, but for sentiments, which nobody waits for."""
        return sum(not isinstance(event, UserSentiment) for event in self.viewer.events)

    @property
    def _truths(self) -> dict[str, Truth]:
        truths = [truth_of(self.plan.seed, number) for number in range(self.plan.sessions)]
        return {truth.session_id: truth for truth in truths}

    async def _settle(self) -> None:
        """Wait until the client has all that is due, or nothing more comes.

        The last blow may have hit the gateway when all was told; it takes a while to be back.
        """
        assert self._gateway is not None
        await asyncio.to_thread(
            self.installation.wait_ready, self._gateway, f"{self.installation.gateway_url}/readyz"
        )
        due = sum(len(expected(truth)) for truth in self._truths.values())
        heard, quiet_since = -1, time.monotonic()
        while self._heard < due and time.monotonic() - quiet_since < QUIET_S:
            if len(self.viewer.events) != heard:
                heard, quiet_since = len(self.viewer.events), time.monotonic()
            await asyncio.sleep(0.05)
        # What came twice would come after all that is due.
        await self._until_connected()
        await asyncio.sleep(1.0)

    async def _compare_with_history(self) -> None:
        """See that the client got the very frames that are on record."""
        seen: dict[str, list[object]] = defaultdict(list)
        for frame in self.viewer.frames:
            event = msgspec.json.decode(frame)
            seen[event["sessionId"]].append(event)
        async with httpx.AsyncClient(
            base_url=self.installation.gateway_url, **LOCAL, timeout=20
        ) as http:
            for session, events in seen.items():
                answer = await http.get("/v1/events/history", params={"sessionId": session})
                if answer.json()["events"] != events:
                    self.faults.append(f"{session}: not what is on record")
            live = (await http.get("/v1/sessions")).json()["sessions"]
        self.faults += [f"{each['sessionId']}: still open" for each in live]

    def _decided(self) -> dict[str, dict[str, RowStatus]]:
        """Return what the gateway wrote down of each session; it has ended."""
        outbox = Outbox.open(self.installation.artifacts / GATEWAY_DIR)
        try:
            return {session: outbox.decided(session) for session in self._truths}
        finally:
            outbox.close()

    def _report(self) -> Report:
        by_session: dict[str, list[SessionEvent]] = defaultdict(list)
        for event in self.viewer.events:
            by_session[event.session_id].append(event)
        faults = [
            *self.faults,
            *[f"{session}: seq {seq} came again" for session, seq in self.viewer.repeats],
            *[f"{session}: hole from {a} to {b}" for session, a, b in self.viewer.holes],
        ]
        decided = self._decided()
        for session, truth in self._truths.items():
            told = [key_of(event) for event in by_session[session]]
            if told[:1] == [SENTIMENT_KEY]:  # the first, or not at all
                told.pop(0)
            if self.plan.lives == 1 and told != expected(truth):
                faults.append(f"{session}: told {told}, due {expected(truth)}")
            elif not _may_remain_of(told, expected(truth), decided[session]):
                faults.append(f"{session}: told {told}, which can't remain of {expected(truth)}")
            if self.plan.lives == 1:
                faults += [
                    f"{session}: {fault}"
                    for event in by_session[session]
                    for fault in wrong_in(event, truth)
                ]
        return Report(
            injected=self.injected,
            counted=Counter(
                {
                    "sessions": self.plan.sessions,
                    "events seen": self._heard,
                    "events due": sum(len(expected(truth)) for truth in self._truths.values()),
                    "connections of the client": self.viewer.connections,
                }
            ),
            faults=faults,
        )


def key_of(event: SessionEvent) -> str:
    """Return what an event is about."""
    match event:
        case UserSentiment():
            return SENTIMENT_KEY
        case Turn1WavesReady():
            return TURN1_KEY
        case DialogueWavesReady():
            return event.payload.dialogue_id
        case FinalSummaryReady():
            return SUMMARY_KEY


def expected(truth: Truth) -> list[str]:
    """Return what a session has to tell, in order; a sentiment may come before it."""
    return [
        TURN1_KEY,
        *[
            dialogue.dialogue_id
            for dialogue in truth.dialogues
            if (3, dialogue.target_slot_id) in truth.ready
        ],
        *([] if truth.summary_ready is None else [SUMMARY_KEY]),
    ]


def _may_remain_of(told: list[str], due: list[str], decided: dict[str, RowStatus]) -> bool:
    """Return whether a session whose backend died may be told like this.

    All that was due up to the last event that came must have come, in order, but for dialogues that
    are on record as dropped: their respondent was not ready when the backend died.
    """
    if not set(told) <= set(due):
        return False
    up_to_the_last = due[: due.index(told[-1]) + 1] if told else []
    return told == [key for key in up_to_the_last if decided.get(key) != "dropped"]


def wrong_in(event: SessionEvent, truth: Truth) -> list[str]:
    """Return what an event says that is not true."""
    faults = [f"no file {path}" for path in files_of(event) if not Path(path).is_file()]
    waves: tuple[WaveReference, ...] = ()
    due: list[int] = []
    match event:
        case UserSentiment(payload=payload):
            if payload.sentiment != "positive":
                faults.append(f"seq {event.seq} is {payload.sentiment}")
        case FinalSummaryReady(payload=payload):
            if (payload.status == "complete") != truth.summary_ready:
                faults.append(f"seq {event.seq} is {payload.status}")
        case Turn1WavesReady(payload=payload):
            waves = payload.slots
            due = [slot for slot in truth.slots if (1, slot) in truth.ready]
        case DialogueWavesReady(payload=payload):
            waves = payload.commenters
            due = [
                slot
                for slot, chosen in sorted(truth.targets.items())
                if chosen == payload.target_slot_id and (2, slot) in truth.ready
            ]
    if [wave.slot_id for wave in waves] != due:
        faults.append(f"seq {event.seq} has {[wave.slot_id for wave in waves]}, due {due}")
    return faults
