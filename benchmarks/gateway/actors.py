"""The processes that the latency benchmark consists of. ``python -m benchmarks.gateway.actors``"""

import asyncio
import contextlib
import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from benchmarks.gateway import material
from benchmarks.gateway.material import begun, half_told, one_slot
from event_gateway.core.readiness import Readiness
from shared_schema.bus import TOPIC_WAVES, WavesFinished, encode_message
from shared_schema.facts import UtteranceReported, WavesJobResult
from shared_schema.runtime.log.logs import configure_logging
from tests.support.client import backend
from tests.support.readiness import LIMITS

# About as long as a Turn 1 event with one slot.
PADDING = "." * 1600
AFTERWARDS_S = 0.002


def stamp() -> str:
    """Return the machine-wide monotonic clock as it is carried in a message."""
    return f"stamp:{time.monotonic_ns()}"


def stamped(finished: WavesJobResult) -> WavesJobResult:
    """Return a result whose utterance's text, which comes with the event, holds the time."""
    utterance = msgspec.structs.replace(finished.result.utterance, text=stamp())
    result = msgspec.structs.replace(finished.result, utterance=utterance)
    return msgspec.structs.replace(finished, result=result)


def ready(word: object = "ready") -> None:
    """Tell the parent."""
    print(word, flush=True)


def pokes() -> int:
    """Wait for the next byte on stdin; 0 when it has ended."""
    return len(os.read(0, 1))


def relay(port: str) -> None:
    """Forward bytes from whoever connects to `port` at the parent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ready(server.getsockname()[1])
        source, _ = server.accept()
    target = socket.create_connection(("127.0.0.1", int(port)))
    for each in (source, target):
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while received := source.recv(65536):
        target.sendall(received)


def sender(port: str) -> None:
    """Send a stamped line for every poke."""
    target = socket.create_connection(("127.0.0.1", int(port)))
    target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while pokes():
        target.sendall(f"{stamp()} {PADDING}\n".encode())


def mover(folder: str) -> None:
    """Move a stamped file into place for every poke, as a worker without a bus would."""
    number = 0
    while pokes():
        number += 1
        partial = Path(folder) / f"{number}.tmp"
        partial.write_text(f"{stamp()} {PADDING}", "utf-8")
        partial.replace(Path(folder) / f"{number}.wav")


def publisher(bus: str, artifacts: str, open_sessions: str) -> None:
    """Publish a completion that makes a Turn 1 event due, for every poke."""
    asyncio.run(_publisher(bus, Path(artifacts), int(open_sessions)))


async def _publisher(bus: str, artifacts: Path, open_sessions: int) -> None:
    async with backend(bus, artifacts, epoch="bench") as it:
        await asyncio.sleep(1.0)  # until the gateway has taken its snapshot
        for number in range(open_sessions):
            half_told(it)
            if number % 10 == 0:
                await asyncio.sleep(0.01)  # within what the gateway takes, or facts are dropped
        await asyncio.sleep(0.5)
        finished = begun(it).finished(1, 1)
        ready()
        while await asyncio.to_thread(pokes):
            # What a worker does between the end of a job and the bus, and no more.
            message = WavesFinished(epoch="bench", result=stamped(finished))
            it.send_raw(encode_message(message), TOPIC_WAVES)
            # What is measured shall have the machine to itself; the next session's beginning has
            # time to arrive until the next poke.
            await asyncio.sleep(AFTERWARDS_S)
            finished = begun(it).finished(1, 1)


Told = Callable[[str], None]
Poked = Callable[[], object]


def serve(
    port: str, learn: Callable[[Told], contextlib.AbstractAsyncContextManager[Poked]]
) -> None:
    """Serve a WebSocket whose events come from `learn`, until stdin ends.

    What `learn` yields is called for every poke.
    """
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def events(websocket: WebSocket) -> None:
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while text := await queue.get():
                await websocket.send_text(text)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def told(text: str) -> None:
            if threading.current_thread() is threading.main_thread():
                queue.put_nowait(text)
            else:
                loop.call_soon_threadsafe(queue.put_nowait, text)

        config = uvicorn.Config(
            Starlette(routes=[WebSocketRoute("/v1/events", events)]),
            port=int(port),
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            log_level="warning",
            lifespan="off",
        )
        server = uvicorn.Server(config)
        async with learn(told) as poked:
            over = asyncio.Event()

            def forward() -> None:
                while pokes():
                    loop.call_soon_threadsafe(poked)
                loop.call_soon_threadsafe(over.set)

            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            threading.Thread(target=forward, daemon=True).start()
            ready()
            await over.wait()
            queue.put_nowait("")
            server.should_exit = True
            await serving

    asyncio.run(main())


def handoff(port: str, _: str) -> None:
    """The design that the sidecar replaces: all in one process, results by a pool's future.

    A job's result comes back from a `ProcessPoolExecutor`, its callback puts it into an asyncio
    queue, and the consumer joins it, renders the event and sends it; nothing is written down.
    """

    @contextlib.asynccontextmanager
    async def learn(told: Told) -> AsyncIterator[Poked]:
        loop = asyncio.get_running_loop()
        results: asyncio.Queue[WavesJobResult] = asyncio.Queue()
        readiness = Readiness(LIMITS)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(os.getpid).result()

            def submit() -> None:
                truth = one_slot()
                readiness.apply(truth.begun(), time.monotonic())
                pool.submit(_decompose, truth.finished(1, 1)).add_done_callback(
                    lambda done: loop.call_soon_threadsafe(results.put_nowait, done.result())
                )

            async def consume() -> None:
                while True:
                    result = await results.get()
                    fact = UtteranceReported(
                        session_id=result.session_id, utterance=result.result.utterance
                    )
                    for decision in readiness.apply(fact, time.monotonic()):
                        told(material.rendered(decision))

            async with asyncio.TaskGroup() as group:
                consumer = group.create_task(consume())
                yield submit
                consumer.cancel()

    serve(port, learn)


def _decompose(finished: WavesJobResult) -> WavesJobResult:
    """Do nothing, and say when it was done."""
    return stamped(finished)


def inotify(port: str, folder: str) -> None:
    """Learn of a file by the system's notification (watchdog)."""
    from watchdog.events import FileSystemEvent  # noqa: PLC0415
    from watchdog.observers import Observer  # noqa: PLC0415

    @contextlib.asynccontextmanager
    async def learn(told: Told) -> AsyncIterator[Poked]:
        class Handler:
            def dispatch(self, event: FileSystemEvent) -> None:
                if event.event_type == "moved":
                    told(Path(str(event.dest_path)).read_text("utf-8"))

        observer = Observer()
        handler: Any = Handler()  # what watchdog calls; its base class is untyped where it lacks
        observer.schedule(handler, folder)
        observer.start()
        try:
            yield _nothing
        finally:
            observer.stop()
            observer.join()

    serve(port, learn)


def polling(port: str, folder: str) -> None:
    """Learn of a file by looking every half second."""

    @contextlib.asynccontextmanager
    async def learn(told: Told) -> AsyncIterator[Poked]:
        def look() -> None:
            seen: set[str] = set()
            while True:
                for path in Path(folder).glob("*.wav"):
                    if path.name not in seen:
                        seen.add(path.name)
                        told(path.read_text("utf-8"))
                time.sleep(0.5)

        threading.Thread(target=look, daemon=True).start()
        yield _nothing

    serve(port, learn)


def _nothing() -> None:
    """Another process was poked."""


ACTORS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (relay, sender, mover, publisher, handoff, inotify, polling)
}

if __name__ == "__main__":
    configure_logging(level="warning", form="text", service=sys.argv[1])
    ACTORS[sys.argv[1]](*sys.argv[2:])
