"""A server as small as possible and as unpleasant as asked: ``TOY_PORT``, ``TOY_MODE``."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from shared_schema.runtime.log.logs import configure_logging
from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, StartRefused, print_line
from shared_schema.runtime.process.serving import run_server
from shared_schema.runtime.web.connections import HttpLimits
from shared_schema.runtime.web.tls import own_certificate
from shared_schema.settings import load_settings

MODE = os.environ.get("TOY_MODE", "")


async def pid(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(os.getpid()))


async def client(request: Request) -> PlainTextResponse:
    """Tell who asks, as a log would."""
    return PlainTextResponse(request.client.host if request.client else "unknown")


async def raise_signal(request: Request) -> PlainTextResponse:
    """Take a signal, as if it came from outside: on Windows nobody else can send most of them."""
    signal.raise_signal(request.path_params["number"])
    return PlainTextResponse("")


async def endless(request: Request) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        while True:
            yield ": still here\n\n"
            await asyncio.sleep(0.05)

    return StreamingResponse(lines(), media_type="text/event-stream")


async def large(request: Request) -> StreamingResponse:
    """Send for as long as the client reads."""

    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536
            await asyncio.sleep(0)  # to a client that has gone, uvicorn sends without waiting

    return StreamingResponse(chunks())


async def body(request: Request) -> PlainTextResponse:
    """Read a body whole, and return its length."""
    return PlainTextResponse(str(len(await request.body())))


async def stalled(request: Request) -> PlainTextResponse:
    """Answer too late."""
    print_line("toy: asked")
    await asyncio.sleep(60)
    return PlainTextResponse("too late")


async def echo(websocket: WebSocket) -> None:
    """Answer what is received."""
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def flood(websocket: WebSocket) -> None:
    """Send to a client that may never read, until the buffers are full and send() blocks."""
    await websocket.accept()
    while True:
        await websocket.send_text("x" * 65536)


async def logged(request: Request) -> PlainTextResponse:
    """Log as many lines of 1 kB as asked for, then answer."""
    log = structlog.get_logger("toy")
    for number in range(int(request.query_params["lines"])):
        log.info("line", number=number, text="x" * 1000)
    return PlainTextResponse("logged")


async def swallow() -> None:
    """Refuse to be cancelled."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


async def break_soon() -> None:
    await asyncio.sleep(0.2)
    raise RuntimeError("the toy broke")


@asynccontextmanager
async def open_toy() -> AsyncIterator[Starlette]:
    app = Starlette(
        routes=[
            Route("/", pid),
            Route("/client", client),
            Route("/signal/{number:int}", raise_signal),
            Route("/endless", endless),
            Route("/logged", logged),
            Route("/large", large),
            Route("/stalled", stalled),
            Route("/body", body, methods=["POST"]),
            WebSocketRoute("/echo", echo),
            WebSocketRoute("/flood", flood),
        ]
    )
    if Path(os.environ.get("TOY_REFUSAL", "none")).is_file():
        raise StartRefused(Path(os.environ["TOY_REFUSAL"]).read_text("utf-8"))
    if MODE == "refused":
        async with asyncio.TaskGroup():
            raise StartRefused("the bus address\nis taken", ANOTHER_INSTANCE)
    if MODE == "opening":
        print_line("toy: opening")
        await asyncio.sleep(60)
    if MODE == "stubborn":
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, time.sleep, 60)
        app.state.task = asyncio.create_task(swallow())
    async with asyncio.TaskGroup() as group:
        if MODE == "breaks":
            group.create_task(break_soon())
        yield app
    print_line("toy: closed")


if __name__ == "__main__":
    configure_logging(level="info", form="text", service="toy")
    host = os.environ.get("TOY_HOST", "localhost")
    settings = load_settings(dotenv=None)
    sys.exit(
        run_server(
            open_toy,
            host=host,
            port=int(os.environ["TOY_PORT"]),
            name="toy",
            limits=HttpLimits.of(settings),
            tls=own_certificate(settings),
        )
    )
