"""uvicorn's WebSocket protocol, with a way to end a connection whose client takes nothing."""

import asyncio
import socket
from asyncio.transports import BaseTransport
from collections.abc import Callable
from typing import Final

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT: Final = "reflective_resonance.abort"
# The less the kernel hides, the sooner a client that does not read is noticed.
SEND_BUFFER_BYTES: Final = 64 * 1024


class AbortableProtocol(WebSocketsSansIOProtocol):
    """Offers the transport's `abort` to the application as an ASGI extension."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound what the kernel buffers for this client."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    async def run_asgi(self) -> None:
        """Run the application with the extension in its scope."""
        extensions = self.scope["extensions"] or {}
        extensions[ABORT] = {"abort": self.transport.abort}
        self.scope["extensions"] = extensions
        await super().run_asgi()


def abort(websocket: WebSocket) -> None:
    """End a connection at once, whatever is still to be sent."""
    offered = websocket.scope.get("extensions", {}).get(ABORT)
    if offered is not None:
        end: Callable[[], None] = offered["abort"]
        asyncio.get_running_loop().call_soon(end)
