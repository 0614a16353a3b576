"""A TouchDesigner that is lost and comes back, as the kit does, and keeps every frame it got."""

import asyncio
import contextlib
import time
import wave
from collections import Counter
from pathlib import Path
from typing import Final, Literal

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from benchmarks.soak.water import Water
from shared_schema.events import (
    Hush,
    SessionEvent,
    SessionStopped,
    decode_server_event,
    summary_waves_of,
    waves_of,
)

RETRY_S: Final = 0.5
# Longer than any absence of the gateway or of the client.
HEARD_WITHIN_S: Final = 60.0
# The newest sessions that a resume names; older ones are outside the replay window.
NAMED: Final = 200
_REPORT_EVERY_S: Final = 0.05


class Frame(msgspec.Struct, frozen=True):
    """An event as it came, for the first time."""

    event: SessionEvent
    text: str


class _Hello(msgspec.Struct, tag_field="type", tag="hello"):
    """What a client says first."""

    client: str
    resume: dict[str, int] | Literal["recent"]


class TouchDesigner:
    """The one client. It resumes with what it has; after a crash of its own, with "recent".

    With `water`, it is the kit that greets, plays and reports, at the same connection.
    """

    def __init__(self, url: str, water: Water | None = None) -> None:
        self._url = url
        self._water = water
        self._socket: ClientConnection | None = None
        self._has: dict[str, int] = {}
        self._may_return = asyncio.Event()
        self._may_return.set()
        self._connected = asyncio.Event()
        self._whole_again = False
        # What the gateway says of Quiet; a newcomer is told only if it is on.
        self.hushed = False
        # By session and seq; the latter in the order in which they came.
        self.frames: dict[str, dict[int, Frame]] = {}
        # Sessions of which a seq was left out.
        self.gaps: set[str] = set()
        self.counted: Counter[str] = Counter()
        self.faults: list[str] = []

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
            self._has.clear()
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
            self._has = {} if resume == "recent" else dict(resume)
        else:
            resume = dict(list(self._has.items())[-NAMED:]) or "recent"
            hello = msgspec.json.encode(_Hello(client="soak", resume=resume)).decode()
        self._whole_again = not self._has
        await socket.send(hello)
        self.counted["resumes with recent" if self._whole_again else "resumes with a map"] += 1
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
        if not isinstance(event, SessionEvent):
            return
        session, seq = event.session_id, event.seq
        had = self._has.get(session, 0)
        kept = self.frames.setdefault(session, {})
        newest = max(kept, default=0)
        if seq <= had:
            self.faults.append(f"{session}: seq {seq} came twice, and it had said it has {had}")
            self.counted["twice"] += 1
        elif seq in kept:  # known before the crash of the client
            self.counted["sent again for `recent`"] += 1
            if kept[seq].text != text:
                self.faults.append(f"{session}: seq {seq} came again, and was not the same")
        elif seq > newest:
            if seq != newest + 1:
                self.gaps.add(session)
            kept[seq] = Frame(event, text)
            for path in _unsound(event):
                self.faults.append(
                    f"{session}: seq {seq} names {path}, which is not there and whole"
                )
                self.counted["paths not sound"] += 1
        else:
            self.faults.append(f"{session}: seq {seq} came after {newest}: out of order")
        self._has.pop(session, None)
        self._has[session] = max(seq, had)


def _unsound(event: SessionEvent) -> list[str]:
    """Return the files of an event that are not there, or not as long as it says."""
    unsound = []
    for each in waves_of(event):
        try:
            with wave.open(each.wave_mix_path_abs, "rb") as file:
                count, rate_hz = file.getnframes(), file.getframerate()
                whole = len(file.readframes(count)) == count * file.getsampwidth()
        except (OSError, EOFError, wave.Error):
            whole, count, rate_hz = False, 0, 1
        told = (
            abs(1000 * count / rate_hz - each.duration_ms) <= 1 and rate_hz == each.sample_rate_hz
        )
        if not (whole and told and Path(each.speech_path_abs).is_file()):
            unsound.append(each.wave_mix_path_abs)
    unsound += [
        each.wave_path_abs
        for each in summary_waves_of(event)
        if abs(_duration_ms(each.wave_path_abs) - each.duration_ms) > 1
    ]
    return unsound


def _duration_ms(path: str) -> float:
    """Return the length of a file that is there and whole; of another, -1 s."""
    try:
        with wave.open(path, "rb") as file:
            count, rate_hz = file.getnframes(), file.getframerate()
            whole = len(file.readframes(count)) == count * file.getsampwidth()
    except (OSError, EOFError, wave.Error):
        return -1000.0
    return 1000 * count / rate_hz if whole else -1000.0
