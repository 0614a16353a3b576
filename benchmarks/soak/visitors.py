"""Visitors who come at random; some speak, some leave in the middle, some press stop."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final, Literal

import httpx
from msgspec import Struct

from shared_schema.chat import ChatEvent, Done, decode_chat_event
from shared_schema.ids import AGENT_IDS
from tests.support.local_http import LOCAL
from tests.support.visitor import Stream

Manner = Literal["listens", "hangs up", "presses stop"]
Ending = Literal[
    "heard the end",
    "left",
    "lost the stream",
    "lost patience",
    "turned away",
    "found it closed",
    "was not understood",
]

# One visitor comes after so long on average; a session takes a few seconds, so they overlap.
INTERVAL_S: Final = 7.0
_MANNERS: Final[dict[Manner, int]] = {"listens": 7, "hangs up": 2, "presses stop": 2}
# A session of six slots has about 70 events.
_EVENTS_BEFORE: Final = (1, 60)
# Of a stream that goes on; a machine that is busy with other things may need it.
_PATIENCE_S: Final = 300.0
QUESTIONS: Final = (
    "What does the sea dream of?",
    "Who taught the rain to count?",
    "Is a river ever the same age as its bridge?",
    "What would you ask the moon if it answered only once?",
    "Why is the harbour louder at night?",
)


class Visit(Struct, kw_only=True):
    """One visitor. Times are in seconds since 1970; `stream` is what was heard."""

    manner: Manner
    speaks: bool = False
    begun_at: float
    overlapped: bool
    stream: Stream
    ended_at: float = 0.0
    ending: Ending = "lost the stream"
    stopped_it: bool = False

    @property
    def session_id(self) -> str | None:
        """The session, if the visitor heard of one."""
        return self.stream.session_id if self.stream.events else None


class _NotUnderstood(Exception):
    """The backend did not understand what was said, and why."""


class Visitors:
    """All who come in a run. With `recordings`, every second one speaks; the others type.

    `said` are the names that those who typed gave, each a different one.
    """

    def __init__(
        self, chat_url: str, chance: random.Random, recordings: list[bytes], names: Iterator[str]
    ) -> None:
        self._url = chat_url
        self._chance = chance
        self._recordings = recordings
        self._names = names
        self.said: list[str] = []
        self._inside: set[asyncio.Task[None]] = set()
        self.visits: list[Visit] = []

    async def arrive(self, until: float) -> None:
        """Let visitors come until this moment (monotonic), and wait until the last has left."""
        while (wait_s := self._chance.expovariate(1 / INTERVAL_S)) + time.monotonic() < until:
            await asyncio.sleep(wait_s)
            task = asyncio.create_task(self._visit(), name="visit")
            self._inside.add(task)
            task.add_done_callback(self._inside.discard)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        if self._inside:
            await asyncio.gather(*self._inside)

    async def _visit(self) -> None:
        manner = self._chance.choices(list(_MANNERS), weights=list(_MANNERS.values()))[0]
        leave_after = self._chance.randint(*_EVENTS_BEFORE)
        visit = Visit(
            manner=manner,
            speaks=bool(self._recordings) and len(self.visits) % 2 == 1,
            begun_at=time.time(),
            overlapped=len(self._inside) > 1,
            stream=Stream(events=[]),
        )
        self.visits.append(visit)
        began = time.monotonic()
        try:
            async with (
                asyncio.timeout(_PATIENCE_S),
                httpx.AsyncClient(**LOCAL, timeout=_PATIENCE_S) as http,
                self._asked(http, visit) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    visit.ending = "turned away"
                    return
                async for event in chat_events(response):
                    visit.stream.events.append((time.monotonic() - began, event))
                    if isinstance(event, Done):
                        visit.ending = "heard the end"
                        break
                    if len(visit.stream.events) == leave_after:
                        if manner == "hangs up":
                            visit.ending = "left"
                            break
                        if manner == "presses stop":
                            await self._stop(http, visit)
        except httpx.ConnectError:
            visit.ending = "found it closed"
        except _NotUnderstood:
            visit.ending = "was not understood"
        except (TimeoutError, httpx.TimeoutException):
            visit.ending = "lost patience"
        except httpx.HTTPError:
            pass  # it lost the stream
        finally:
            visit.ended_at = time.time()

    async def _stop(self, http: httpx.AsyncClient, visit: Visit) -> None:
        with contextlib.suppress(httpx.HTTPError):
            asked = await http.post(f"{self._url}/v1/sessions/{visit.session_id}/stop")
            visit.stopped_it = asked.status_code == httpx.codes.OK

    @asynccontextmanager
    async def _asked(self, http: httpx.AsyncClient, visit: Visit) -> AsyncIterator[httpx.Response]:
        wish = self._wish()
        if visit.speaks:
            wish |= await self._heard(http)
        else:
            self.said.append(name := next(self._names))
            wish["message"] = f"{self._chance.choice(QUESTIONS)} My name is {name}."
        async with http.stream("POST", f"{self._url}/v1/chat", json=wish) as response:
            yield response

    async def _heard(self, http: httpx.AsyncClient) -> dict[str, object]:
        """Speak, and return what was understood."""
        sound = self._chance.choice(self._recordings)
        heard = await http.post(f"{self._url}/v1/stt", files={"file": ("visit.webm", sound)})
        if heard.status_code != httpx.codes.OK:
            raise _NotUnderstood(f"{heard.status_code}: {heard.text}")
        answer = heard.json()
        return {"message": answer["transcript"], "inputSessionId": answer["stt_session_id"]}

    def _wish(self) -> dict[str, object]:
        wish: dict[str, object] = {}
        if self._chance.random() < 0.4:
            slots = sorted(self._chance.sample(range(1, 7), self._chance.randint(1, 5)))
            wish["slots"] = [
                {"slotId": slot, "agentId": self._chance.choice(AGENT_IDS)} for slot in slots
            ]
        return wish


async def chat_events(response: httpx.Response) -> AsyncIterator[ChatEvent]:
    """Yield what a session announces to its visitor."""
    name = ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield decode_chat_event(name, value)
