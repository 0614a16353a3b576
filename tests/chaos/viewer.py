"""A TouchDesigner that loses its connection, comes back, and resumes with what it has."""

import asyncio
import random
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from shared_schema.events import SessionEvent, decode_server_event

RECONNECT_S: Final = 0.05


class Viewer:
    """Collects every session event in the order of its arrival."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: ClientConnection | None = None
        self.frames: list[str] = []
        self.events: list[SessionEvent] = []
        self.has: dict[str, int] = {}
        self.connections = 0
        self.repeats: list[tuple[str, int]] = []
        self.holes: list[tuple[str, int, int]] = []

    @property
    def connected(self) -> bool:
        """Return whether there is a connection now."""
        return self._socket is not None

    async def run(self) -> None:
        """Stay connected, for ever."""
        while True:
            try:
                async with connect(self._url, compression=None, max_size=None) as socket:
                    self._socket = socket
                    self.connections += 1
                    hello = {"type": "hello", "client": "viewer", "resume": self.has}
                    await socket.send(msgspec.json.encode(hello).decode())
                    async for frame in socket:
                        self._take(str(frame))
            except (OSError, ConnectionClosed, InvalidHandshake, InvalidMessage, EOFError):
                pass
            self._socket = None
            await asyncio.sleep(RECONNECT_S * random.random())

    def _take(self, frame: str) -> None:
        event = decode_server_event(frame)
        if not isinstance(event, SessionEvent):
            return
        before = self.has.get(event.session_id, 0)
        if event.seq <= before:
            self.repeats.append((event.session_id, event.seq))
        elif event.seq > before + 1:
            self.holes.append((event.session_id, before, event.seq))
        self.has[event.session_id] = max(before, event.seq)
        self.frames.append(frame)
        self.events.append(event)

    async def drop(self) -> bool:
        """Lose the connection without a word; return whether there was one."""
        if self._socket is None:
            return False
        self._socket.transport.abort()
        return True
