"""An echo behind the gateway's own server: its sockets, its WebSocket protocol, its limits."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from event_gateway.delivery import EventsProtocol
from shared_schema.runtime.process.serving import run_server


async def echo(websocket: WebSocket) -> None:
    """Send back what comes, as it came."""
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") is not None:
                await websocket.send_text(message["text"])
            else:
                await websocket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        return


@asynccontextmanager
async def application() -> AsyncIterator[ASGIApp]:
    """Yield the echo."""
    yield Starlette(routes=[WebSocketRoute("/", echo)])


if __name__ == "__main__":
    sys.exit(
        run_server(
            application,
            host="localhost",
            port=int(sys.argv[1]),
            name="echo",
            ws=EventsProtocol,
        )
    )
