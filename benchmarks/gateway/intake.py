"""How fast the bus is read: by pyzmq, and with decoding, continuity and readiness; interleaved."""

import gc
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import psutil
import zmq

from benchmarks.gateway.material import EPOCH, half_told_facts, new_ledger, ready_facts, six_slots
from benchmarks.report import median, table, verdict
from event_gateway.metrics import Metrics
from event_gateway.orchestrator import Orchestrator
from event_gateway.outbox import Outbox
from shared_schema.bus import (
    TOPIC_FACTS,
    SnapshotBegin,
    SnapshotEnd,
    encode_message,
    snapshot_topic,
)
from shared_schema.settings import Settings
from shared_schema.sockets import (
    DRAIN_BATCH,
    BusAddress,
    Frames,
    drain,
    open_publisher,
    open_subscriber,
)
from tests.support.processes import free_port

MESSAGES = 40_000
FLOODS_A_ROUND = 4  # of each kind; one takes a third of a second, and they differ much
LIVE_SESSIONS = 10_000
FLOOD_WITHIN_MS = 60_000

# Takes so many messages from a socket.
Receive = Callable[[zmq.Socket[bytes], int], None]


def flood(url: str, messages: list[bytes], over: Event) -> None:
    """Send all messages as fast as they are taken, from a process of its own.

    It leaves when all have come: a connection that is closed with something unread, be it a ping,
    takes with it what the other side has not read yet.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = open_publisher(context, BusAddress(url))
    socket.setsockopt(zmq.XPUB_NODROP, 1)
    socket.recv()
    # The flags as a plain number: `send_multipart` is so slow that the readers would be waiting.
    more = int(zmq.SNDMORE)
    for message in messages:
        socket.send(TOPIC_FACTS, more)
        socket.send(message)
    over.wait(FLOOD_WITHIN_MS / 1000)
    socket.close()
    context.term()


def orchestrator(folder: Path) -> Orchestrator:
    """Return one that is connected to nothing, and follows a backend that began with it."""
    it = Orchestrator(
        Settings(artifacts_dir=folder),
        outbox=Outbox.open(folder),
        metrics=Metrics(),
        subscribe=lambda _: None,
        unsubscribe=lambda _: None,
        on_events=lambda _rows, _at: None,
        nonces=lambda: "question",
    )
    it.start()
    for answer in (SnapshotBegin(epoch=EPOCH, n=0), SnapshotEnd(epoch=EPOCH, count=0)):
        it.handle([snapshot_topic("question"), encode_message(answer)])
    return it


def bare(socket: zmq.Socket[bytes], count: int) -> None:
    """Receive so many messages as pyzmq does it, and drop them."""
    for _ in range(count):
        socket.recv_multipart()


def drained(handle: Callable[[Frames], None]) -> Receive:
    """Return what receives as the gateway does, for `handle`."""

    def receive(socket: zmq.Socket[bytes], count: int) -> None:
        handled = 0

        def one(frames: Frames) -> None:
            nonlocal handled
            handle(frames)
            handled += 1

        while handled < count:
            if not socket.poll(FLOOD_WITHIN_MS):
                raise zmq.Again
            drain(socket, one, DRAIN_BATCH)

    return receive


def rate(messages: list[bytes], receive: Receive) -> float:
    """Return messages a second, from the first to the last that is handled.

    Raises
    ------
    zmq.Again
        If they do not come.
    """
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    url = f"tcp://127.0.0.1:{free_port()}"
    socket = open_subscriber(context, BusAddress(url), max_message_bytes=1 << 20)
    socket.setsockopt(zmq.RCVTIMEO, FLOOD_WITHIN_MS)
    socket.subscribe(TOPIC_FACTS)
    spawn = multiprocessing.get_context("spawn")
    over = spawn.Event()
    sender = spawn.Process(target=flood, args=(url, messages, over))
    sender.start()
    try:
        socket.poll(FLOOD_WITHIN_MS)
        begun = time.perf_counter()
        receive(socket, len(messages))
        return len(messages) / (time.perf_counter() - begun)
    finally:
        over.set()
        socket.close(linger=0)
        context.term()
        sender.join()


def flood_of_sessions() -> list[bytes]:
    """Return the facts of whole sessions but their ends: begun, made, ready (Turn 1 excepted)."""
    sessions = MESSAGES // 36
    backend = new_ledger()
    facts = [fact for _ in range(sessions) for fact in ready_facts(six_slots(), backend)]
    return [encode_message(fact) for fact in facts]


def report(rounds: int) -> str:
    """Measure the share of the raw rate, and what a live session weighs."""
    messages = flood_of_sessions()
    raw: list[float] = []
    dropped: list[float] = []
    ours: list[float] = []
    for _ in range(rounds * FLOODS_A_ROUND):
        raw.append(rate(messages, bare))
        dropped.append(rate(messages, drained(lambda _: None)))
        with tempfile.TemporaryDirectory(prefix="intake-") as folder:
            it = orchestrator(Path(folder))
            ours.append(rate(messages, drained(it.handle)))
            it.outbox.close()
    share = _share(ours, raw)
    size = bytes_a_session()
    rows = [
        ("received by pyzmq's recv_multipart", f"{median(raw):.0f}", "1.00"),
        ("received as the gateway does", f"{median(dropped):.0f}", f"{_share(dropped, raw):.2f}"),
        ("and decoded, numbered, joined", f"{median(ours):.0f}", f"{share:.2f}"),
    ]
    return "\n".join(
        [
            f"Intake of {len(messages)} facts of {sum(map(len, messages)) // len(messages)} bytes:",
            "",
            table(("", "messages a second, this machine", "share"), rows),
            "",
            f"share of the raw rate, median of {len(ours)} floods: {share:.2f}, "
            f"{verdict(share, 0.4, at_least=True)}",
            f"memory of a live session with 18 utterances ({LIVE_SESSIONS} at once): "
            f"{size / 1000:.1f} kB, {verdict(size, 16_000)}",
        ]
    )


def _share(rates: list[float], raw: list[float]) -> float:
    """Return the median of what each flood reached of the raw rate just before it."""
    return median([one / floor for one, floor in zip(rates, raw, strict=True)])


def bytes_a_session() -> float:
    """Return the growth of this process by 10,000 live sessions, per session."""
    process = psutil.Process()
    with tempfile.TemporaryDirectory(prefix="memory-") as folder:
        it = orchestrator(Path(folder))
        gc.collect()
        before = process.memory_info().rss
        for _ in range(LIVE_SESSIONS):
            for fact in half_told_facts(six_slots(), new_ledger()):
                it.handle([TOPIC_FACTS, encode_message(fact)])
        assert len(it.readiness) == LIVE_SESSIONS
        gc.collect()
        size = (process.memory_info().rss - before) / LIVE_SESSIONS
        it.outbox.close()
    return size
