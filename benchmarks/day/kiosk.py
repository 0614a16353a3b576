"""The kiosk as its page behaves with `?kiosk=1` (`chat_backend/pages`), in seconds of the day."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Final, Literal

import httpx

from benchmarks.day.clock import DayClock
from benchmarks.day.programme import Programme, Reports
from benchmarks.soak.visitors import Visit, chat_events
from shared_schema.chat import Done
from tests.support.local_http import LOCAL
from tests.support.visitor import Stream

# How often a visitor looks whether the kiosk is free, in seconds of the day.
LOOK_S: Final = 0.25
# As in the page's `unattended.js`.
GONE_S: Final = 30.0
# Of a stream that goes on, in seconds of our own clock.
_PATIENCE_S: Final = 120.0
# From the end of a stream to the last event at the client, on our own clock.
_TOLD_WITHIN_S: Final = 30.0
_LOOK_AGAIN_S: Final = 0.02

State = Literal["rests", "asking", "plays", "free"]


class Kiosk:
    """One page; every question is a visit. `told` says whether a session was sent to its end."""

    def __init__(
        self,
        chat_url: str,
        reports: Reports,
        clock: DayClock,
        *,
        told: Callable[[str], bool],
    ) -> None:
        self._http = httpx.AsyncClient(**LOCAL, base_url=chat_url, timeout=_PATIENCE_S)
        self._reports = reports
        self._clock = clock
        self._told = told
        self._programme: Programme | None = None
        self._asking = False
        self._visit_id = uuid.uuid4().hex
        self.visits: list[Visit] = []
        # When the questions of sessions were asked, and for how long they were made, in seconds.
        self.asked_at: dict[str, float] = {}
        self.made_s: dict[str, float] = {}

    @property
    def state(self) -> State:
        """What the page does now."""
        state = self._reports.state
        if (state is not None and state["quiet"]) or self._reports.gone_s >= GONE_S:
            return "rests"
        if self._asking:
            return "asking"
        if self._programme is not None and self._programme.left_s(state) > 0:
            return "plays"
        return "free"

    async def ask(self, message: str) -> Visit:
        """Ask a question, and follow the session to the end of its stream."""
        visit = Visit(
            manner="listens", begun_at=time.time(), overlapped=False, stream=Stream(events=[])
        )
        self.visits.append(visit)
        self._asking = True
        try:
            await self._http.post("/v1/care", json={"message": message})
            await self._http.post("/v1/reset", json={"visitId": self._visit_id})
            self._visit_id = uuid.uuid4().hex
            with self._clock.unhurried():
                await self._follow(visit, message)
            if self._programme is not None:
                await self._programme.known()
        except httpx.HTTPError as error:
            if visit.ending == "lost the stream" and isinstance(error, httpx.ConnectError):
                visit.ending = "found it closed"
        finally:
            visit.ended_at = time.time()
            self._asking = False
        return visit

    async def _follow(self, visit: Visit, message: str) -> None:
        wish = {"message": message, "visitId": self._visit_id}
        asked_at, begun = self._clock.now_s, time.monotonic()
        async with self._http.stream("POST", "/v1/chat", json=wish) as response:
            if response.status_code != httpx.codes.OK:
                visit.ending = "turned away"
                return
            programme = self._programme = Programme(self._clock, self._http)
            async for event in chat_events(response):
                visit.stream.events.append((time.monotonic() - begun, event))
                programme.take(event)
                if isinstance(event, Done):
                    visit.ending = "heard the end"
        session_id = programme.session_id
        self.asked_at[session_id] = asked_at
        # The page does not wait for this; but it is still being made.
        give_up_at = time.monotonic() + _TOLD_WITHIN_S
        while not self._told(session_id) and time.monotonic() < give_up_at:
            await asyncio.sleep(_LOOK_AGAIN_S)
        self.made_s[session_id] = time.monotonic() - begun

    async def close(self) -> None:
        """Close the page."""
        await self._http.aclose()
