"""Decides which utterance is spoken next when more are ready than may be spoken at once."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct


class QueuePlace(Struct, frozen=True, order=True):
    """An utterance's place in the queue: by turn, then session by session, then by slot.

    Earlier turns go first, since a visitor waits for Turn 1 and hears the rest after it. A session
    cannot wait for ever: others only begin, up to RR_CHAT_MAX_SESSIONS, when one has ended.
    """

    turn: int
    session_begun_at: float
    slot: int


class Desk:
    """Lets `lanes` utterances be spoken at once. Belongs to one event loop."""

    def __init__(self, lanes: int) -> None:
        self._free = lanes
        self._arrivals = itertools.count()
        self._waiting: list[tuple[QueuePlace, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def lane(self, place: QueuePlace) -> AsyncIterator[None]:
        """Wait for a lane, and hold it within the block."""
        await self._take(place)
        try:
            yield
        finally:
            self._leave()

    async def _take(self, place: QueuePlace) -> None:
        if self._free:
            self._free -= 1
            return
        given = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (place, next(self._arrivals), given))
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():  # the lane and the cancellation came together
                self._leave()
            raise

    def _leave(self) -> None:
        """Hand the lane to the first that still waits."""
        while self._waiting:
            given = heapq.heappop(self._waiting)[-1]
            if not given.done():
                given.set_result(None)
                return
        self._free += 1
