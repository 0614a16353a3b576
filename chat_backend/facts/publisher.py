"""Publishes the backend's facts as they happen, a heartbeat, and snapshots on request.

Publishing never waits: without a gateway a message is dropped, and the gateway requests a snapshot
when it is back.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog
import zmq
from msgspec import UNSET

from chat_backend.facts.ledger import Ledger
from shared_schema.bus import (
    HEARTBEAT_INTERVAL_S,
    TOPIC_FACTS,
    TOPIC_SNAPSHOT,
    FactPublished,
    Heartbeat,
    Message,
    SnapshotBegin,
    SnapshotEnd,
    encode_message,
)
from shared_schema.facts import (
    Dialogue,
    JobResult,
    Sentiment,
    SlotAgent,
    Summary,
    Utterance,
    WavesJobResult,
)
from shared_schema.sockets import BusAddress, Frames, LoopReader, open_publisher, send

log = structlog.get_logger("chat")

# Sessions published before other work of the event loop gets its turn (about 10 kB each).
SNAPSHOT_BATCH: Final = 20
# Snapshots under way at once; there is one gateway, and it requests one at a time.
MAX_SNAPSHOTS: Final = 4
_SUBSCRIBED: Final = b"\x01"


class SessionEvents:
    """The workflow's hooks: each fact goes into the ledger and, if it is new, on the bus.

    None of them waits for anything. `publish` is None while events are switched off.
    """

    def __init__(
        self, ledger: Ledger, publish: Callable[[FactPublished], None] | None = None
    ) -> None:
        self.ledger = ledger
        self._publish = publish

    def begin_session(self, session_id: str, *, slots: tuple[SlotAgent, ...]) -> None:
        """A visitor's message came in for these slots."""
        self._publish_fact(self.ledger.begin(session_id, slots))

    def utterance(self, session_id: str, utterance: Utterance) -> None:
        """A slot did its part of a turn, or failed to."""
        self._publish_fact(self.ledger.utterance(session_id, utterance, time.monotonic()))

    def waves_finished(self, finished: JobResult) -> None:
        """A wave job ended. The worker has published that itself; this repeats it, numbered."""
        if isinstance(finished, WavesJobResult):
            self.utterance(finished.session_id, finished.result.utterance)
        else:
            self.summary(finished.session_id, finished.summary)

    def sentiment(self, session_id: str, sentiment: Sentiment) -> None:
        """The mood of the visitor's words is known."""
        self._publish_fact(self.ledger.sentiment(session_id, sentiment, time.monotonic()))

    def summary(self, session_id: str, summary: Summary) -> None:
        """The summary was made, or it could not be spoken."""
        self._publish_fact(self.ledger.summary(session_id, summary, time.monotonic()))

    def turn1_complete(self, session_id: str) -> None:
        """Turn 1 is over."""
        self._publish_fact(self.ledger.turn1_complete(session_id, time.monotonic()))

    def turn3_complete(self, session_id: str, dialogues: tuple[Dialogue, ...]) -> None:
        """The turns are over, and these are the session's dialogues."""
        self._publish_fact(self.ledger.turn3_complete(session_id, dialogues, time.monotonic()))

    def session_complete(self, session_id: str, *, stopped: bool) -> None:
        """Nothing will be added to the session."""
        self._publish_fact(
            self.ledger.session_complete(session_id, time.monotonic(), stopped=stopped)
        )

    def _publish_fact(self, message: FactPublished | None) -> None:
        if message is not None and self._publish is not None:
            self._publish(message)


class BusPublisher:
    """An XPUB socket that publishes one ledger, and what is wrong with the show's files."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        ledger: Ledger,
        artifacts_dir: str,
        show_problem: Callable[[], str],
    ) -> None:
        self.socket = socket
        self._ledger = ledger
        self._artifacts_dir = artifacts_dir
        self._show_problem = show_problem
        self._snapshots: set[asyncio.Task[None]] = set()
        self._reader = LoopReader(socket, self._receive)

    def publish(self, message: Message, topic: bytes = TOPIC_FACTS) -> None:
        """Send a message if anybody is subscribed; never blocks."""
        send(self.socket, topic, encode_message(message))
        self._reader.poke()

    async def beat(self) -> None:
        """Publish a heartbeat twice a second, for ever."""
        while True:
            self.publish(
                Heartbeat(
                    epoch=self._ledger.epoch,
                    n=self._ledger.n,
                    artifacts_dir=self._artifacts_dir,
                    show_problem=self._show_problem() or UNSET,
                )
            )
            self._ledger.forget(time.monotonic())
            await asyncio.sleep(HEARTBEAT_INTERVAL_S)

    def close(self) -> None:
        """Ignore subscriptions from now on."""
        self._reader.close()
        for snapshot in self._snapshots:
            snapshot.cancel()

    def _receive(self, frames: Frames) -> None:
        topic = frames[0].removeprefix(_SUBSCRIBED)
        if topic == frames[0] or not topic.startswith(TOPIC_SNAPSHOT):
            return
        if len(self._snapshots) >= MAX_SNAPSHOTS:
            log.warning("snapshot refused: too many at once")
            return
        snapshot = asyncio.create_task(self._publish_snapshot(topic), name="snapshot")
        self._snapshots.add(snapshot)
        snapshot.add_done_callback(self._snapshots.discard)

    async def _publish_snapshot(self, topic: bytes) -> None:
        epoch, ledger = self._ledger.epoch, self._ledger
        self.publish(SnapshotBegin(epoch=epoch, n=ledger.n), topic)
        count = 0
        for place, session_id in enumerate(ledger.session_ids()):
            session = ledger.snapshot_of(session_id, time.monotonic())
            if session is not None:
                self.publish(session, topic)
                count += 1
            if place % SNAPSHOT_BATCH == SNAPSHOT_BATCH - 1:
                await asyncio.sleep(0)
        self.publish(SnapshotEnd(epoch=epoch, count=count), topic)
        log.info("snapshot published", sessions=count)


@asynccontextmanager
async def bus_publisher(
    address: BusAddress,
    ledger: Ledger,
    artifacts_dir: str,
    show_problem: Callable[[], str] = lambda: "",
) -> AsyncIterator[BusPublisher]:
    """Open the backend's publisher; on leaving, what was published has left."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = open_publisher(context, address)
    publisher = BusPublisher(socket, ledger, artifacts_dir, show_problem)
    try:
        async with asyncio.TaskGroup() as group:
            heartbeat = group.create_task(publisher.beat(), name="heartbeat")
            yield publisher
            heartbeat.cancel()
    finally:
        publisher.close()
        socket.close()
        await asyncio.to_thread(context.term)
