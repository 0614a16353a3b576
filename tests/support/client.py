"""A client of the events socket, and a synthetic backend on the bus."""

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import zmq
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from chat_backend.facts.ledger import Ledger
from chat_backend.facts.publisher import SessionEvents, bus_publisher
from shared_schema.bus import TOPIC_FACTS
from shared_schema.events import (
    DialogueWavesReady,
    FinalSummaryReady,
    HelloAck,
    ServerEvent,
    SessionEvent,
    Turn1WavesReady,
    decode_server_event,
)
from shared_schema.ids import TURNS
from shared_schema.layout import session_file
from shared_schema.session_document import FORMAT_VERSION, SessionDocument, encode_document
from shared_schema.sockets import BusAddress, CurveKeys, send
from tests.support.sessions import Truth

EVENT_WITHIN_S = 60.0


class Listener:
    """A connected client; reads one event at a time, with a limit."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.raw: list[str] = []

    async def event(self, *, within_s: float = EVENT_WITHIN_S) -> ServerEvent:
        text = await asyncio.wait_for(self.socket.recv(), within_s)
        assert isinstance(text, str), "a binary frame"
        self.raw.append(text)
        return decode_server_event(text)

    async def ack(self) -> HelloAck:
        event = await self.event()
        assert isinstance(event, HelloAck)
        return event

    async def session_event(self, *, within_s: float = EVENT_WITHIN_S) -> SessionEvent:
        event = await self.event(within_s=within_s)
        assert isinstance(event, SessionEvent), event
        return event

    async def told(
        self, session: str | None = None, *, summary: bool = False
    ) -> list[SessionEvent]:
        """Return a session's events up to its last dialogue, or its summary."""
        events: list[SessionEvent] = []
        while True:
            event = await self.session_event()
            if session is not None and event.session_id != session:
                continue
            events.append(event)
            if isinstance(event, FinalSummaryReady):
                return events
            if isinstance(event, DialogueWavesReady) and not summary:
                count = sum(isinstance(each, DialogueWavesReady) for each in events)
                if count == event.payload.dialogue_count:
                    return events

    async def say(self, message: object) -> None:
        await self.socket.send(msgspec.json.encode(message).decode())

    async def nothing(self, *, for_s: float = 0.5) -> None:
        """See that nothing comes."""
        try:
            event = await self.event(within_s=for_s)
        except TimeoutError:
            return
        raise AssertionError(f"something came: {event}")

    async def closed(self) -> int:
        """Return the close code, after all that still comes."""
        try:
            while True:
                await self.event()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@asynccontextmanager
async def listening(url: str, **options: Any) -> AsyncIterator[Listener]:
    """Connect, and take the first hello.ack."""
    async with connect(url, compression=None, max_size=None, **options) as socket:
        listener = Listener(socket)
        await listener.ack()
        yield listener


class Backend:
    """Speaks on the bus as the chat backend does, about sessions that are made up."""

    def __init__(
        self, ledger: Ledger, events: SessionEvents, artifacts: Path, socket: zmq.Socket[bytes]
    ) -> None:
        self.ledger = ledger
        self._socket = socket
        self.events = events
        self.artifacts = artifacts

    def write(self, truth: Truth) -> None:
        """Put the session's wave files in place."""
        for path in truth.wave_files():
            write_wav(self.artifacts / path)

    def send_raw(self, payload: bytes, topic: bytes = TOPIC_FACTS) -> None:
        """Send anything at all."""
        send(self._socket, topic, payload)

    def tell(self, truth: Truth, *, ended: bool = True, write: bool = True) -> None:
        """Tell a whole session as it happened."""
        if write:
            self.write(truth)
        self.events.begin_session(truth.session_id, slots=truth.begun().slots)
        if truth.sentiment is not None:
            self.events.sentiment(truth.session_id, truth.sentiment)
        for turn in (1, 2, 3):
            self.tell_turn(truth, turn, ended=ended)

    def tell_turn(self, truth: Truth, turn: int, *, ended: bool = True) -> None:
        """Tell a turn of a session that has begun; the third ends it."""
        session = truth.session_id
        parts = [part for part in truth.parts() if part[0] == turn]
        for part in parts:
            self.events.utterance(session, truth.utterance(*part, ended=False))
        if turn == 1:
            self.events.turn1_complete(session)
        if ended:
            for part in parts:
                self.events.utterance(session, truth.utterance(*part))
        if turn == max(TURNS):
            self.events.turn3_complete(session, truth.dialogues)
            for summary in (truth.summary(ended=False), truth.summary() if ended else None):
                if summary is not None:
                    self.events.summary(session, summary)
            self.events.session_complete(session, stopped=False)


@asynccontextmanager
async def backend(
    bus_url: str, artifacts: Path, *, epoch: str = "synthetic", curve: CurveKeys | None = None
) -> AsyncIterator[Backend]:
    """Open a synthetic backend's bus."""
    ledger = Ledger(epoch=epoch, keep_s=345.0)
    address, folder = BusAddress(bus_url, curve), artifacts.resolve().as_posix()
    async with bus_publisher(address, ledger, folder) as publisher:
        yield Backend(ledger, SessionEvents(ledger, publisher.publish), artifacts, publisher.socket)


def write_session(root: Path, truth: Truth) -> None:
    """Write a session's files, its session.json among them, but record no event."""
    for path in truth.wave_files():
        write_wav(root / path)
    document = SessionDocument(
        format=FORMAT_VERSION,
        session_id=truth.session_id,
        started_at="2026-01-01T00:00:00.000Z",
        state="done",
        message="m",
        seed=1,
        slots=truth.begun().slots,
        utterances=tuple(truth.utterance(*part) for part in truth.parts()),
        dialogues=truth.dialogues,
        sentiment=truth.sentiment,
        summary=truth.summary(),
    )
    file = root / session_file(truth.session_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encode_document(document))


def write_wav(path: Path, *, samples: int = 16) -> None:
    """Write a short sound WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\x01\x02" * samples)


def turn1_of(events: list[SessionEvent]) -> Turn1WavesReady:
    """Return the Turn 1 event, which must be the first."""
    first = events[0]
    assert isinstance(first, Turn1WavesReady)
    return first
