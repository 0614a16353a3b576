"""A TouchDesigner that is lost and comes back, as the kit does, and keeps every frame it got."""

import asyncio
import contextlib
import time
from typing import Final, Literal

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from benchmarks.soak.received import Received
from benchmarks.soak.water import Water
from shared_schema.events import Hush, SessionEvent, SessionStopped, decode_server_event

RETRY_S: Final = 0.5
# Longer than any absence of the gateway or of the client.
HEARD_WITHIN_S: Final = 60.0
# The newest sessions that a resume names; older ones are outside the replay window.
NAMED: Final = 200
_REPORT_EVERY_S: Final = 0.05


class _Hello(msgspec.Struct, tag_field="type", tag="hello"):
    """What a client says first."""

    client: str
    resume: dict[str, int] | Literal["recent"]


class TouchDesigner(Received):
    """The one client. It resumes with what it has; after a crash of its own, with "recent".

    With `water`, it is the kit that greets, plays and reports, at the same connection.
    """

    def __init__(self, url: str, water: Water | None = None) -> None:
        super().__init__()
        self._url = url
        self._water = water
        self._socket: ClientConnection | None = None
        self._may_return = asyncio.Event()
        self._may_return.set()
        self._connected = asyncio.Event()
        # What the gateway says of Quiet; a newcomer is told only if it is on.
        self.hushed = False

    async def run(self) -> None:
        """Stay connected, for ever."""
        while True:
            await self._may_return.wait()
            with contextlib.suppress(
                OSError, ConnectionClosed, InvalidHandshake, InvalidMessage, EOFError
            ):
                async with connect(self._url, compression=None, max_size=None) as socket:
                    self._socket = socket
                    await self._greet(socket)
                    async for frame in socket:
                        self._take(str(frame))
                        if self._water is not None:
                            self._water.receive(str(frame))
            self._socket = None
            if self._water is not None:
                self._water.lose()
            self._connected.clear()
            await asyncio.sleep(RETRY_S)

    async def connected(self) -> None:
        """Wait until there is a connection."""
        await self._connected.wait()

    async def lose(self, *, away_s: float, crash: bool) -> None:
        """Lose the connection without a word and be away; a crash forgets what was received."""
        await self.connected()
        self._may_return.clear()
        if self._socket is not None:
            self._socket.transport.abort()
        if crash:
            self.has.clear()
            if self._water is not None:
                self._water.crash()
        await asyncio.sleep(away_s)
        self._may_return.set()

    async def hears_quiet(self, on: bool) -> bool:
        """Return whether it is connected and was told so, after a while if need be."""
        give_up_at = time.monotonic() + HEARD_WITHIN_S
        while not (self._connected.is_set() and self.hushed == on):
            if time.monotonic() > give_up_at:
                return False
            await asyncio.sleep(RETRY_S)
        return True

    async def _greet(self, socket: ClientConnection) -> None:
        self.hushed = False
        if self._water is not None:
            (hello,) = self._water.greet()
            resume = msgspec.json.decode(hello, type=_Hello).resume
            self.has = {} if resume == "recent" else dict(resume)
        else:
            resume = dict(list(self.has.items())[-NAMED:]) or "recent"
            hello = msgspec.json.encode(_Hello(client="soak", resume=resume)).decode()
        # Noted first: a crash may empty `has` while the hello is sent.
        said = "resumes with a map" if self.has else "resumes with recent"
        await socket.send(hello)
        self.counted[said] += 1
        self._connected.set()

    async def report(self) -> None:
        """Send what the kit says, for ever."""
        while self._water is not None:
            texts, socket = self._water.said(), self._socket
            # What is said without a connection is lost.
            with contextlib.suppress(ConnectionClosed):
                if socket is not None:
                    for text in texts:
                        await socket.send(text)
            await asyncio.sleep(_REPORT_EVERY_S)

    def _take(self, text: str) -> None:
        event = decode_server_event(text)
        if isinstance(event, Hush):
            self.hushed = event.on
            self.counted[f"told that it is {'quiet' if event.on else 'quiet no more'}"] += 1
        elif isinstance(event, SessionStopped):
            self.counted["told that a session was stopped"] += 1
        if isinstance(event, SessionEvent):
            self.note(event, text)
