"""The one socket's writer: what is sent at once, and what waits for its turn."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.websockets import WebSocket, WebSocketDisconnect

from event_gateway.delivery import Delivery
from event_gateway.metrics import Metrics
from event_gateway.outbox import Entry, Outbox
from event_gateway.protocol import SEND_NOW, send_now

SESSION = "5e5510f0-0000-4000-8000-000000000001"
WITHIN_S = 5.0


class Socket:
    """What `Delivery` needs of a WebSocket, with a transport that can be full."""

    client = None

    def __init__(self) -> None:
        self.has_room = True
        self.gone = False
        self.at_once: list[str] = []
        self.by_the_writer: list[str] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.said = asyncio.Event()
        offered = {"takes": lambda: self.has_room, "send": self._send_now}
        self.scope = {"extensions": {SEND_NOW: offered}}

    async def accept(self) -> None:
        """Agree."""

    async def receive(self) -> dict[str, Any]:
        """Return what the test puts in."""
        return await self.incoming.get()

    async def send_text(self, text: str) -> None:
        """Take a frame, later if there is no room."""
        await asyncio.sleep(0)
        self.by_the_writer.append(text)
        self.said.set()

    def _send_now(self, text: str) -> None:
        if self.gone:
            raise OSError
        self.at_once.append(text)

    def seqs(self) -> list[int]:
        """Return the numbers of the events, in the order of the two ways together."""
        texts = [*self.by_the_writer, *self.at_once]
        return [event["seq"] for event in map(json.loads, texts) if "seq" in event]


class Stage:
    """An outbox, its delivery and a connected client."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox.open(folder)
        self.delivery = Delivery(
            outbox=self.outbox,
            metrics=Metrics(),
            start_grace_s=0.0,
            replay_window_s=300.0,
            send_timeout_s=WITHIN_S,
        )
        self.socket = Socket()
        self._told = 0

    def tell(self) -> None:
        """Record the next event and say so."""
        self._told += 1
        entry = Entry(
            session_id=SESSION,
            key=f"dialogue:{self._told}",
            status="produced",
            render=lambda seq: json.dumps({"seq": seq}),
        )
        self.delivery.notify(self.outbox.record([entry], at=0.0))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop turn until something is so."""
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                await asyncio.sleep(0)

    async def at_rest(self) -> None:
        """Wait until the writer has nothing to do."""
        await self.until(lambda: self.delivery.client is not None and self.delivery.client.idle)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Return a stage whose client has been greeted."""
    one = Stage(tmp_path)
    async with _serving(one):
        await one.at_rest()
        yield one
    one.outbox.close()


@asynccontextmanager
async def _serving(one: Stage) -> AsyncIterator[None]:
    task = asyncio.create_task(one.delivery.serve(cast(WebSocket, one.socket)))
    yield
    one.socket.incoming.put_nowait({"type": "websocket.disconnect"})
    async with asyncio.timeout(WITHIN_S):
        await task


async def test_an_event_is_sent_before_notify_returns(stage: Stage) -> None:
    """Nothing else is to be said, and the transport has room."""
    stage.tell()
    assert [json.loads(text) for text in stage.socket.at_once] == [{"seq": 1}]


async def test_a_full_transport_leaves_it_to_the_writer(stage: Stage) -> None:
    """It is sent as soon as the writer's turn comes, once, and the next one goes at once again."""
    stage.socket.has_room = False
    stage.tell()
    assert stage.socket.at_once == []
    await stage.at_rest()
    assert stage.socket.seqs() == [1]
    stage.socket.has_room = True
    stage.tell()
    assert stage.socket.seqs() == [1, 2]
    assert len(stage.socket.at_once) == 1


async def test_nothing_overtakes_a_replay(stage: Stage) -> None:
    """An event that comes between a resume and its answer is sent after it, and once."""
    stage.tell()
    frame = {"type": "hello", "resume": {SESSION: 0}}
    stage.socket.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(frame)})
    client = stage.delivery.client
    assert client is not None
    await stage.until(lambda: client.resume is not None)
    stage.tell()
    assert len(stage.socket.at_once) == 1  # only the first
    await stage.at_rest()
    answer, *events = [json.loads(text) for text in stage.socket.by_the_writer[1:]]
    assert answer["type"] == "hello.ack"
    assert [event["seq"] for event in events] == [2]


async def test_a_client_that_just_left_breaks_nothing(stage: Stage) -> None:
    """Its reader will tell; until then an event finds nobody, and that is no error."""
    stage.socket.gone = True
    stage.tell()
    assert stage.socket.seqs() == []


async def test_without_the_extension_the_writer_sends(stage: Stage) -> None:
    """Any ASGI server will do; it is only slower."""
    stage.socket.scope = {}
    stage.tell()
    await stage.at_rest()
    assert stage.socket.seqs() == [1]
    assert stage.socket.at_once == []


def test_the_end_of_a_connection_is_a_disconnect() -> None:
    """Whatever uvicorn raises for it."""
    socket = Socket()
    socket.gone = True
    with pytest.raises(WebSocketDisconnect):
        send_now(cast(WebSocket, socket), "{}")
