"""Keeps a session's events in order, for any number of listeners that come and go."""

import asyncio
from collections.abc import AsyncIterator

from shared_schema.chat import ChatEvent, Done


class SessionStream:
    """Everything a session has announced. At most about 80 events, so all of them are kept."""

    def __init__(self) -> None:
        self.events: list[ChatEvent] = []
        self._news = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Return whether the last event was announced."""
        return bool(self.events) and isinstance(self.events[-1], Done)

    def announce(self, event: ChatEvent) -> None:
        """Add an event; never waits for a listener."""
        self.events.append(event)
        self._news.set()
        self._news = asyncio.Event()

    async def listen(self) -> AsyncIterator[ChatEvent]:
        """Yield every event from the first to the last, as they come."""
        place = 0
        while True:
            news = self._news
            while place < len(self.events):
                yield self.events[place]
                place += 1
            if self.ended:
                return
            await news.wait()
