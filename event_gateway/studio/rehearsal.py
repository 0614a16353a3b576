"""Sends a past session again to the connected client, with its timing and a new session id.

Its events are rows of the outbox like all others, marked ``payload.rehearsal``: the same loop sends
them, and a resume includes them. During a live session there is no rehearsal: a running one ends,
and one that loops starts again afterwards.
"""

import asyncio
import itertools
import time
from http import HTTPStatus
from typing import Annotated, Final, Literal

import structlog
from msgspec import Meta, Struct, field, structs

from event_gateway.delivery import Delivery
from event_gateway.errors import GatewayError, OutboxUnavailable
from event_gateway.orchestrator import Orchestrator
from event_gateway.outbox import Entry
from event_gateway.quiet import Quiet
from event_gateway.studio.recordings import Recording, Recordings, Step, as_rehearsal
from shared_schema.decoding import CamelStruct
from shared_schema.events import encode_event, played_s
from shared_schema.ids import SESSION_ID_PATTERN, new_session_id, timestamp

log = structlog.get_logger("gateway")

POLL_INTERVAL_S: Final = 0.1
LATEST: Final = "latest"
# Pause between two rounds, after the last event has been played.
PAUSE_BETWEEN_ROUNDS_S: Final = 2.0
_WHICH: Final = rf"\A({LATEST}|{SESSION_ID_PATTERN})\Z"


class RehearsalRequest(CamelStruct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which session to rehearse, and how."""

    session_id: Annotated[str, Meta(pattern=_WHICH)] = LATEST
    speed: Annotated[float, Meta(ge=0.1, le=100)] = 1.0
    loop: bool = False


class RehearsalStatus(CamelStruct, frozen=True, kw_only=True):
    """The state of the rehearsal. `session_id` is the new one, `of` the recorded one."""

    state: Literal["idle", "running", "waiting", "ended", "stopped"] = "idle"
    of: str = ""
    session_id: str = ""
    sent: int = 0
    events: int = 0
    round: int = 0
    speed: float = 1.0
    loop: bool = False
    reason: str = ""


class RehearsalRefused(GatewayError):
    """Nothing can be rehearsed now; the message has the remedy."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Interrupted(Exception):
    """A live session has begun."""


class Rehearsal(Struct):
    """Runs at most one rehearsal at a time; a new one replaces the old."""

    recordings: Recordings
    orchestrator: Orchestrator
    delivery: Delivery
    quiet: Quiet
    status: RehearsalStatus = RehearsalStatus()
    _task: asyncio.Task[None] | None = None
    # One start or stop at a time: of two tasks only one could be stopped, and a stop that waits for
    # the end of its task must not take the next one's state for its own.
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, request: RehearsalRequest) -> RehearsalStatus:
        """Start a rehearsal.

        Raises
        ------
        RehearsalRefused
            If no client is connected, a live session is running, it is quiet, or there is no such
            recording.
        """
        self._require_startable()
        recording = self._find(request.session_id)
        async with self._changing:
            await self._end("another rehearsal has begun")
            self._require_startable()  # that took its time
            self.status = RehearsalStatus(
                state="running",
                of=recording.session_id,
                events=len(recording.steps),
                speed=request.speed,
                loop=request.loop,
            )
            self._task = asyncio.create_task(self._run(recording, request), name="rehearsal")
            return self.status

    def _require_startable(self) -> None:
        """Raise `RehearsalRefused` unless a client is there, and nothing else is shown."""
        if self.delivery.client is None:
            raise RehearsalRefused(
                HTTPStatus.CONFLICT,
                "no client is connected: open the TouchDesigner project, or run"
                " `python -m event_gateway listen`",
            )
        if self._live:
            raise RehearsalRefused(
                HTTPStatus.CONFLICT, "a live session is under way: rehearse when it is over"
            )
        if self.quiet.on:
            raise RehearsalRefused(HTTPStatus.CONFLICT, "the water rests: switch Quiet off first")

    async def stop(self, reason: str = "stopped") -> bool:
        """End the rehearsal; return whether there was one."""
        async with self._changing:
            return await self._end(reason)

    async def _end(self, reason: str) -> bool:
        task = self._task
        if task is None or task.done():
            return False
        task.cancel()
        await asyncio.wait([task])
        if self.status.sent:
            self.delivery.session_stopped(self.status.session_id)
        self._update(state="stopped", reason=reason)
        return True

    def _find(self, session_id: str) -> Recording:
        if session_id == LATEST:
            recording = self.recordings.latest()
            missing = "no session is recorded yet: run `python -m event_gateway sample` to make one"
        else:
            recording = self.recordings.find(session_id)
            missing = (
                f"session {session_id} cannot be rehearsed: it is unknown, a rehearsal itself, or"
                " its files are gone; `python -m chat_backend sessions list` shows all"
            )
        if recording is None:
            raise RehearsalRefused(HTTPStatus.NOT_FOUND, missing)
        return recording

    async def _run(self, recording: Recording, request: RehearsalRequest) -> None:
        log.info(
            "rehearsal started", of=recording.session_id, speed=request.speed, loop=request.loop
        )
        for number in itertools.count(1):
            try:
                await self._round(recording, request.speed, number)
            except _Interrupted:
                if not request.loop:
                    self._update(state="stopped", reason="a live session has begun")
                    return
                self._update(state="waiting", reason="a live session is under way")
                # Polled, so that the live path does not depend on rehearsals.
                while self._live:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_INTERVAL_S)
                self._update(state="running", reason="")
            except OutboxUnavailable as error:
                self._update(state="stopped", reason=str(error))
                return
            else:
                if not request.loop:
                    self._update(state="ended")
                    return

    async def _round(self, recording: Recording, speed: float, number: int) -> None:
        session_id = new_session_id()
        self._update(session_id=session_id, sent=0, round=number)
        begun = time.monotonic()
        for step in recording.steps:
            await self._until(begun + step.at_s / speed)
            self._send(step, session_id)
        if self.status.loop:
            rest_s = played_s(recording.steps[-1].event) + PAUSE_BETWEEN_ROUNDS_S
            await self._until(time.monotonic() + rest_s / speed)

    @property
    def _live(self) -> bool:
        """Whether a live session is running."""
        return len(self.orchestrator.readiness) > 0

    async def _until(self, moment: float) -> None:
        """Wait, unless a live session begins."""
        while True:
            if self._live:
                raise _Interrupted
            left_s = moment - time.monotonic()
            if left_s <= 0:
                return
            await asyncio.sleep(min(left_s, POLL_INTERVAL_S))

    def _send(self, step: Step, session_id: str) -> None:
        now = time.time()

        def render(seq: int) -> str:
            again = as_rehearsal(step.event, session_id=session_id, seq=seq, ts=timestamp(now))
            return encode_event(again)

        entry = Entry(
            session_id=session_id, key=step.key, status="produced", render=render, rehearsal=True
        )
        rows = self.orchestrator.outbox.record([entry], at=now)
        self._update(sent=self.status.sent + 1)
        self.delivery.notify(rows)

    def _update(self, **changes: object) -> None:
        self.status = structs.replace(self.status, **changes)
        if "state" in changes:
            log.info("rehearsal", state=self.status.state, reason=self.status.reason)
