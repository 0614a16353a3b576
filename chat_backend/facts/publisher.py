"""The backend's voice on the bus: facts as they happen, a heartbeat, and snapshots on request.

Publishing never waits: without a gateway a message is dropped; the gateway asks when it is back.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
import zmq

from chat_backend.facts.ledger import Ledger
from shared_schema.bus import (
    HEARTBEAT_INTERVAL_S,
    TOPIC_FACTS,
    TOPIC_SNAPSHOT,
    Heartbeat,
    Message,
    SnapshotBegin,
    SnapshotEnd,
    encode_message,
)
from shared_schema.sockets import BusAddress, Frames, LoopReader, open_publisher, send

log = structlog.get_logger("chat")

# Sessions told before other work of the event loop gets its turn (about 10 kB each).
SNAPSHOT_BATCH: Final = 20
# Answers under way at once; there is one gateway, and it asks one question at a time.
MAX_ANSWERS: Final = 4
_SUBSCRIBED: Final = b"\x01"


class BusPublisher:
    """An XPUB socket that speaks for one ledger."""

    def __init__(self, socket: zmq.Socket[bytes], ledger: Ledger, artifacts_dir: str) -> None:
        self.socket = socket
        self._ledger = ledger
        self._artifacts_dir = artifacts_dir
        self._answers: set[asyncio.Task[None]] = set()
        self._reader = LoopReader(socket, self._heard)

    def publish(self, message: Message, topic: bytes = TOPIC_FACTS) -> None:
        """Send a message if anybody listens; never blocks."""
        send(self.socket, topic, encode_message(message))
        self._reader.poke()

    async def beat(self) -> None:
        """Tell twice a second, for ever, that we live and how many facts there are."""
        while True:
            beat = Heartbeat(
                epoch=self._ledger.epoch, n=self._ledger.n, artifacts_dir=self._artifacts_dir
            )
            self.publish(beat)
            self._ledger.forget(time.monotonic())
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)

    def close(self) -> None:
        """Stop listening to subscriptions."""
        self._reader.close()
        for answer in self._answers:
            answer.cancel()

    def _heard(self, frames: Frames) -> None:
        frame = frames[0]
        topic = frame[1:]
        if not frame.startswith(_SUBSCRIBED) or not topic.startswith(TOPIC_SNAPSHOT):
            return
        if len(self._answers) >= MAX_ANSWERS:
            log.warning("snapshot not answered: too many at once")
            return
        answer = asyncio.create_task(self._answer(topic), name="snapshot")
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)

    async def _answer(self, topic: bytes) -> None:
        epoch, ledger = self._ledger.epoch, self._ledger
        self.publish(SnapshotBegin(epoch=epoch, n=ledger.n), topic)
        count = 0
        for place, session_id in enumerate(ledger.session_ids()):
            session = ledger.told(session_id, time.monotonic())
            if session is not None:
                self.publish(session, topic)
                count += 1
            if place % SNAPSHOT_BATCH == SNAPSHOT_BATCH - 1:
                await asyncio.sleep(0)
        self.publish(SnapshotEnd(epoch=epoch, count=count), topic)
        log.info("snapshot told", sessions=count)


@asynccontextmanager
async def bus_publisher(
    address: BusAddress, ledger: Ledger, artifacts_dir: str
) -> AsyncIterator[BusPublisher]:
    """Open the backend's publisher; on leaving, what was published has left."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = open_publisher(context, address)
    publisher = BusPublisher(socket, ledger, artifacts_dir)
    try:
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(publisher.beat(), name="heartbeat")
            yield publisher
            beating.cancel()
    finally:
        publisher.close()
        socket.close()
        await asyncio.to_thread(context.term)
