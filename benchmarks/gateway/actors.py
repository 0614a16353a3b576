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
from multiprocessing.connection import Connection
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from shared_schema.bus import TOPIC_WAVES, encode_message
from shared_schema.runtime.logs import configure_logging
from tests.system.client import backend

PADDING = "." * 700


def stamp() -> str:
    """Return the machine-wide monotonic clock as it is carried in a message."""
    return f"stamp:{time.monotonic_ns()}"


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
    from benchmarks.gateway.material import completed, half_told, one_slot  # noqa: PLC0415

    async with backend(bus, artifacts, epoch="bench") as it:
        await asyncio.sleep(1.0)  # until the gateway has taken its snapshot
        for number in range(open_sessions):
            half_told(it, number)
            if number % 50 == 0:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.5)
        ready()
        while await asyncio.to_thread(pokes):
            truth = one_slot()
            it.write(truth)
            it.events.begin_session(truth.session_id, slots=truth.begun().slots)
            await asyncio.sleep(0.005)  # the beginning has arrived; what follows is measured
            message = completed(truth, stamp(), epoch="bench")
            it.send_raw(encode_message(message), TOPIC_WAVES)


Told = Callable[[str], None]


def serve(port: str, learn: Callable[[Told], contextlib.AbstractAsyncContextManager[None]]) -> None:
    """Serve a WebSocket whose events come from `learn`, until stdin ends."""
    queue: asyncio.Queue[str] = asyncio.Queue()

    async def events(websocket: WebSocket) -> None:
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await websocket.send_text(await queue.get())

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def told(text: str) -> None:
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
        async with learn(told):
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            ready()
            await asyncio.wait([serving])

    asyncio.run(main())


def handoff(port: str, _: str) -> None:
    """The design that the sidecar replaces: a pool's result pipe, a thread, an asyncio queue."""

    @contextlib.asynccontextmanager
    async def learn(told: Told) -> AsyncIterator[None]:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        worker = multiprocessing.get_context("spawn").Process(
            target=_pool_worker, args=(theirs,), daemon=True
        )
        worker.start()
        threading.Thread(target=_forward_pokes, args=(ours,), daemon=True).start()
        threading.Thread(target=_forward_results, args=(ours, told), daemon=True).start()
        yield
        worker.kill()

    serve(port, learn)


def _pool_worker(pipe: "Connection[object, object]") -> None:
    while pipe.recv_bytes():
        pipe.send(f"{stamp()} {PADDING}")


def _forward_pokes(pipe: "Connection[object, object]") -> None:
    while pokes():
        pipe.send_bytes(b"x")
    os._exit(0)


def _forward_results(pipe: "Connection[object, object]", told: Told) -> None:
    while True:
        told(str(pipe.recv()))


def inotify(port: str, folder: str) -> None:
    """Learn of a file by the system's notification (watchdog)."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler  # noqa: PLC0415
    from watchdog.observers import Observer  # noqa: PLC0415

    @contextlib.asynccontextmanager
    async def learn(told: Told) -> AsyncIterator[None]:
        class Handler(FileSystemEventHandler):
            def on_moved(self, event: FileSystemEvent) -> None:
                told(Path(str(event.dest_path)).read_text("utf-8"))

        observer = Observer()
        observer.schedule(Handler(), folder)
        observer.start()
        threading.Thread(target=_end_with_stdin, daemon=True).start()
        yield

    serve(port, learn)


def polling(port: str, folder: str) -> None:
    """Learn of a file by looking every half second."""

    @contextlib.asynccontextmanager
    async def learn(told: Told) -> AsyncIterator[None]:
        def look() -> None:
            seen: set[str] = set()
            while True:
                for path in Path(folder).glob("*.wav"):
                    if path.name not in seen:
                        seen.add(path.name)
                        told(path.read_text("utf-8"))
                time.sleep(0.5)

        threading.Thread(target=look, daemon=True).start()
        threading.Thread(target=_end_with_stdin, daemon=True).start()
        yield

    serve(port, learn)


def _end_with_stdin() -> None:
    while pokes():
        pass
    os._exit(0)


ACTORS: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (relay, sender, mover, publisher, handoff, inotify, polling)
}

if __name__ == "__main__":
    configure_logging(level="warning", form="text", service=sys.argv[1])
    ACTORS[sys.argv[1]](*sys.argv[2:])
