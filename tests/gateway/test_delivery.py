"""The one socket's writer: what it sends, and in which order."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.websockets import WebSocket

from event_gateway.delivery import Delivery
from event_gateway.metrics import Metrics
from event_gateway.outbox import Entry, Outbox
from shared_schema.settings import Settings

SESSION = "5e5510f0-0000-4000-8000-000000000001"
WITHIN_S = 5.0


class Socket:
    """What `Delivery` needs of a WebSocket, with a transport that can be full."""

    client = None

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.one_by_one = False
        self.frames: list[dict[str, Any]] = []
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.scope: dict[str, Any] = {}

    async def accept(self) -> None:
        """Agree."""

    async def receive(self) -> dict[str, Any]:
        """Return what the test puts in."""
        return await self.incoming.get()

    async def send_text(self, text: str) -> None:
        """Take a frame, later if there is no room."""
        await self.room.wait()
        if self.one_by_one:
            self.room.clear()
        self.frames.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None:
        """Be closed."""

    def says(self, **message: object) -> None:
        """Let the client send a message."""
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    def seqs(self) -> list[int]:
        """Return the numbers of the events, in the order in which they were sent."""
        return [frame["seq"] for frame in self.frames if "seq" in frame]


class Stage:
    """An outbox, its delivery and a connected client."""

    def __init__(self, folder: Path) -> None:
        self.outbox = Outbox.open(folder)
        settings = Settings(events_start_grace_s=0.0, events_send_timeout_s=WITHIN_S)
        self.delivery = Delivery(self.outbox, Metrics(), settings)
        self.socket = Socket()
        self._recorded = 0

    def record(self) -> None:
        """Record the next event and notify the delivery."""
        self._recorded += 1
        entry = Entry(
            session_id=SESSION,
            key=f"dialogue:{self._recorded}",
            status="produced",
            render=lambda seq: json.dumps({"seq": seq}),
        )
        self.delivery.notify(self.outbox.record([entry], at=0.0))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the loop turn until something is so."""
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                await asyncio.sleep(0)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Return a stage whose client is connected and has its greeting."""
    one = Stage(tmp_path)
    async with _serving(one):
        await one.until(lambda: len(one.socket.frames) == 1)
        yield one
    one.outbox.close()


@asynccontextmanager
async def _serving(one: Stage, socket: Socket | None = None) -> AsyncIterator[None]:
    client = socket or one.socket
    task = asyncio.create_task(one.delivery.serve(cast(WebSocket, client)))
    yield
    client.incoming.put_nowait({"type": "websocket.disconnect"})
    async with asyncio.timeout(WITHIN_S):
        await task


async def test_a_full_transport_delays_and_loses_nothing(stage: Stage) -> None:
    """What is recorded meanwhile comes once, in its order, when there is room again."""
    stage.socket.room.clear()
    for _ in range(3):
        stage.record()
    stage.socket.room.set()
    await stage.until(lambda: stage.socket.seqs() == [1, 2, 3])
    stage.record()
    await stage.until(lambda: stage.socket.seqs() == [1, 2, 3, 4])


async def test_nothing_overtakes_a_replay(stage: Stage) -> None:
    """An event that comes between a resume and its answer is sent after it, and once."""
    stage.record()
    await stage.until(lambda: stage.socket.seqs() == [1])
    stage.socket.says(type="hello", resume={SESSION: 0})
    client = stage.delivery.client
    assert client is not None
    await stage.until(lambda: client.resume is not None)
    stage.record()
    await stage.until(lambda: len(stage.socket.frames) == 4)
    _, first, answer, second = stage.socket.frames
    assert answer["type"] == "hello.ack"
    assert [first["seq"], second["seq"]] == [1, 2]


@pytest.mark.parametrize("resume", [{SESSION: 0}, "recent"])
async def test_a_late_resume_brings_what_was_missed_before_the_connection(
    tmp_path: Path, resume: object
) -> None:
    """That later events came first hides no earlier one, and none comes twice."""
    one = Stage(tmp_path)
    one.record()
    one.record()
    async with _serving(one):
        await one.until(lambda: one.delivery.client is not None)
        one.record()
        await one.until(lambda: one.socket.seqs() == [3])
        one.socket.says(type="hello", resume=resume)
        await one.until(lambda: one.socket.seqs() == [3, 1, 2])
        one.record()
        await one.until(lambda: one.socket.seqs() == [3, 1, 2, 4])
    assert [frame["replayCount"] for frame in one.socket.frames if "replayCount" in frame] == [2]
    one.outbox.close()


async def test_who_replaces_a_client_in_its_replay_misses_no_live_event(tmp_path: Path) -> None:
    """What the other had asked for again is the other's; what became due meanwhile is not."""
    one, newcomer = Stage(tmp_path), Socket()
    one.record()
    async with _serving(one):
        await one.until(lambda: len(one.socket.frames) == 1)
        one.socket.one_by_one = True
        one.socket.room.clear()
        for _ in range(3):
            one.record()
        client = one.delivery.client
        assert client is not None
        await one.until(lambda: client.cursor == 2)
        one.socket.says(type="hello", resume={SESSION: 0})
        await one.until(lambda: client.resume is not None)
        for _ in ("the event", "the answer"):
            one.socket.room.set()
            await one.until(lambda: not one.socket.room.is_set())
        await one.until(lambda: list(client.replay) == [3, 4])
        assert one.socket.seqs() == [2]
        async with _serving(one, newcomer):
            await one.until(lambda: newcomer.seqs() == [3, 4])
            one.record()
            await one.until(lambda: newcomer.seqs() == [3, 4, 5])
            one.socket.one_by_one = False
            one.socket.room.set()
    one.outbox.close()


async def test_what_the_gateway_has_to_say_is_never_dropped(stage: Stage) -> None:
    """Fifty sessions are stopped at once, and the water is to rest; each is told, in order."""
    told = [f"5e5510f0-0000-4000-8000-{number:012}" for number in range(50)]
    for session_id in told:
        stage.delivery.session_stopped(session_id)
    stage.delivery.hush(on=True)
    stage.socket.says(type="hello")
    await stage.until(lambda: len(stage.socket.frames) == 53)
    frames = stage.socket.frames
    assert [frame.get("sessionId") for frame in frames[1:51]] == told
    assert [frame["type"] for frame in frames[51:]] == ["hush", "hello.ack"]


async def test_a_client_without_the_abort_extension_is_served(stage: Stage) -> None:
    """Any ASGI server will do; it only cannot end a stuck connection at once."""
    assert stage.socket.scope == {}
    stage.record()
    await stage.until(lambda: stage.socket.seqs() == [1])
