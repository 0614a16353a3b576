"""uvicorn's WebSocket protocol, with two things that a plain ASGI application cannot do.

It can end a connection whose client takes nothing, and it can send without waiting for its turn
in the event loop, as long as the transport takes what is sent.
"""

import asyncio
import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT: Final = "reflective_resonance.abort"
SEND_NOW: Final = "reflective_resonance.send_now"
# The less the kernel hides, the sooner a client that does not read is noticed.
SEND_BUFFER_BYTES: Final = 64 * 1024


class DirectProtocol(WebSocketsSansIOProtocol):
    """Offers the transport's `abort`, and `send_now`, to the application as ASGI extensions."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound what the kernel buffers for this client."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    async def run_asgi(self) -> None:
        """Run the application with the extensions in its scope."""
        extensions = self.scope["extensions"] or {}
        extensions[ABORT] = {"abort": self.transport.abort}
        extensions[SEND_NOW] = {"takes": self.writable.is_set, "send": self._send_now}
        self.scope["extensions"] = extensions
        await super().run_asgi()

    def _send_now(self, text: str) -> None:
        sending = self.send({"type": "websocket.send", "text": text})
        try:
            # It waits for nothing but `writable`, so one step is all of it.
            sending.send(None)
        except StopIteration:
            return
        sending.close()
        raise AssertionError("uvicorn's send waits for more than its transport")


def abort(websocket: WebSocket) -> None:
    """End a connection at once, whatever is still to be sent."""
    offered = websocket.scope.get("extensions", {}).get(ABORT)
    if offered is not None:
        end: Callable[[], None] = offered["abort"]
        asyncio.get_running_loop().call_soon(end)


def takes_now(websocket: WebSocket) -> bool:
    """Return whether `send_now` can be called: the transport has room."""
    offered = websocket.scope.get("extensions", {}).get(SEND_NOW)
    return offered is not None and bool(offered["takes"]())


def send_now(websocket: WebSocket, text: str) -> None:
    """Send a text frame before this returns.

    Raises
    ------
    WebSocketDisconnect
        If the connection has ended.
    """
    send: Callable[[str], None] = websocket.scope["extensions"][SEND_NOW]["send"]
    try:
        send(text)
    except (OSError, RuntimeError):  # the client left, or we have said goodbye to it
        raise WebSocketDisconnect from None
