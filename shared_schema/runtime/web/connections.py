"""Limits for clients: connections, the time for a request, slow reading.

uvicorn limits nothing before a request is complete. Here a connection that waits for its client is
in one of four states, each with a time limit (`State`); a connection for which the application is
working, and an open WebSocket, are in none. When the server is full, a new connection replaces the
one that has waited longest, so that TouchDesigner and a page can always connect.
"""

import asyncio
import socket
import ssl
import time
from asyncio.transports import BaseTransport
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote

import h11
from msgspec import Struct
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from shared_schema.runtime.web.refusals import RefusalLog
from shared_schema.settings import Settings, variable

# One is served and new ones replace each other, so others would only wait.
MAX_WEBSOCKETS: Final = 16
# Answers to pings and closes that a client has not read; everything else waits for it to read.
MAX_UNREAD_BYTES: Final = 1_000_000
# Every printable ASCII character: allowed in a request line unescaped.
_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F)))


class HttpLimits(Struct, frozen=True, kw_only=True):
    """Limits of one server; the fields of `Settings` that begin with ``http_``."""

    max_connections: int
    header_timeout_s: float
    body_timeout_s: float
    send_timeout_s: float
    max_body_memory_mb: float

    @classmethod
    def of(cls, settings: Settings) -> "HttpLimits":
        """Return the limits in the settings."""
        return cls(**{name: getattr(settings, f"http_{name}") for name in cls.__struct_fields__})


class State(IntEnum):
    """What a connection waits for. When the server is full, the lowest is closed first."""

    CLOSE = 0  # for its client to read the end of the response
    HEADER = 1  # for a TLS handshake, a request, or the rest of its header
    BODY = 2  # for the rest of a request's body
    SEND = 3  # for its client to read earlier parts of the response


class Waiting(NamedTuple):
    """A state, and a value that changes when the client makes progress."""

    state: State
    mark: object = None


class Connections:
    """Applies the limits to the open connections of one server."""

    def __init__(self, limits: HttpLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._since: dict[Connection, tuple[Waiting, float]] = {}
        self._refusals = RefusalLog("web")
        self._timeouts = {
            State.CLOSE: ("send_timeout_s", "a client did not read the end of a response"),
            State.HEADER: ("header_timeout_s", "a request's header was not complete"),
            State.BODY: ("body_timeout_s", "a request's body was not complete"),
            State.SEND: ("send_timeout_s", "a client did not read a response"),
        }
        # uvicorn's own set of the server's protocols.
        self.open: set[Any] = set()

    def opened(self, newcomer: "Connection") -> None:
        """Make room for an accepted connection, or refuse it if none of the others is waiting."""
        newcomer.opened_at = self._clock()
        if len(self.open) <= self._limits.max_connections:
            return
        waiting = [
            (each.waiting.state, self._waiting_since(each), id(each), each)
            for each in self.open
            if each.waiting is not None and each is not newcomer
        ]
        longest = min(waiting)[-1] if waiting else newcomer
        self._end(
            longest,
            "connection closed: too many are open",
            kind="full",
            limit=f"{variable('http_max_connections')}={self._limits.max_connections}",
        )

    def upgraded(self, newcomer: "BoundedWebSocket") -> None:
        """Close the oldest WebSockets if there are too many, and an invalid handshake."""
        newcomer.limiter = self
        failure = newcomer.conn.handshake_exc
        if failure is not None:
            self._refusals.warning(
                "WebSocket refused: not a valid handshake",
                kind="handshake",
                client=_host(newcomer),
                reason=f"{failure.__cause__ or failure}",
            )
            # uvicorn leaves an unreadable handshake open and unanswered.
            newcomer.transport.write(b"".join(newcomer.conn.data_to_send()))
            newcomer.handshake_complete = True
            newcomer.transport.close()
            return
        sockets = [each for each in self.open if isinstance(each, BoundedWebSocket)]
        sockets.sort(key=lambda each: each.opened_at)
        for oldest in sockets[:-MAX_WEBSOCKETS]:
            self._end(oldest, "connection closed: too many WebSockets are open", kind="sockets")

    def unread(self, connection: "BoundedWebSocket") -> None:
        """Close a connection whose client makes the server answer and does not read."""
        self._end(connection, "connection closed: a client sends and does not read", kind="unread")

    def check_times(self) -> None:
        """Close connections that have waited too long; called about once a second."""
        now = self._clock()
        since: dict[Connection, tuple[Waiting, float]] = {}
        for each in list(self.open):
            waiting = each.waiting
            if waiting is None:
                continue
            known, began = self._since.get(each, (None, now))
            since[each] = (waiting, began if known == waiting else now)
            setting, reason = self._timeouts[waiting.state]
            limit_s = getattr(self._limits, setting)
            if now - since[each][1] > limit_s:
                silent = waiting.state == State.HEADER and each.is_silent
                self._end(
                    each,
                    # A browser opens connections that it may need later.
                    "" if silent else f"connection closed: {reason} in time",
                    kind=waiting.state.name,
                    limit=f"{variable('http_' + setting)}={limit_s:g}",
                )
        self._since = since

    def _waiting_since(self, connection: "Connection") -> float:
        known = self._since.get(connection)
        return known[1] if known else connection.opened_at

    def _end(self, connection: "Connection", event: str, *, kind: str, **fields: Any) -> None:
        if event:
            self._refusals.warning(event, kind=kind, client=_host(connection), **fields)
        self.open.discard(connection)
        connection.transport.abort()


class BoundedHttp(H11Protocol):
    """uvicorn's HTTP protocol within the limits."""

    def __init__(self, *, limiter: Connections, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._limiter = limiter
        self._pauses = 0
        self.opened_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, if there is room."""
        super().connection_made(transport)
        send_at_once(transport)
        self._limiter.opened(self)

    def data_received(self, data: bytes) -> None:
        """Receive bytes; a request line may contain any character, as browsers and curl send it."""
        if not data.isascii() and self.conn.their_state is h11.IDLE:
            line, end, rest = data.partition(b"\r\n")
            data = quote(line, safe=_PRINTABLE).encode() + end + rest
        super().data_received(data)

    def pause_writing(self) -> None:
        """Count the pauses: each new one means that the client has read in between."""
        self._pauses += 1
        super().pause_writing()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Continue as a WebSocket."""
        super().handle_websocket_upgrade(event)
        self._limiter.upgraded(cast(BoundedWebSocket, self.transport.get_protocol()))

    @property
    def waiting(self) -> Waiting | None:
        """What the connection waits for; None while the application is working."""
        if self.transport.is_closing():
            return Waiting(State.CLOSE)
        if self.cycle is None or self.cycle.response_complete:
            return Waiting(State.HEADER, self.cycle)
        if self.conn.their_state is h11.SEND_BODY:
            return Waiting(State.BODY, self.cycle)
        if self.flow.write_paused:
            return Waiting(State.SEND, self._pauses)
        return None

    @property
    def is_silent(self) -> bool:
        """Whether nothing of a next request has arrived yet."""
        return not self.conn.trailing_data[0]


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol within the limits."""

    is_silent = False
    limiter: Connections | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Take over a connection from HTTP."""
        super().connection_made(transport)
        self.opened_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        """Receive bytes. Pings are answered at once, however many, so what is unread is bounded."""
        super().data_received(data)
        unread = self.transport.get_write_buffer_size()
        if unread > MAX_UNREAD_BYTES and self.limiter is not None:
            self.limiter.unread(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up; `Connections` may already have removed what uvicorn removes here."""
        self.connections.add(self)
        super().connection_lost(exc)

    @property
    def waiting(self) -> Waiting | None:
        """What the connection waits for; an open WebSocket may be silent forever."""
        if self.transport.is_closing():
            return Waiting(State.CLOSE)
        return None if self.handshake_complete else Waiting(State.HEADER)


class TlsHandshake(asyncio.Protocol):
    """A connection from its first moment until it is encrypted, within the limits.

    A TLS server of asyncio's would not show it before, and wait a minute for it.
    """

    is_silent = True  # nothing of a request has arrived yet

    def __init__(self, *, tls: ssl.SSLContext, limiter: Connections, **arguments: Any) -> None:
        self._http = BoundedHttp(limiter=limiter, **arguments)
        self._tls = tls
        self._limiter = limiter
        self._received: list[bytes] = []
        self.opened_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, if there is room."""
        transport.pause_reading()  # until TLS reads
        self.transport = transport
        self.client = get_remote_addr(transport)
        self._limiter.open.add(self)
        self._limiter.opened(self)
        self._task = asyncio.create_task(self._encrypt())

    def data_received(self, data: bytes) -> None:
        """Keep a request that has arrived together with the end of the handshake."""
        self._received.append(data)

    def shutdown(self) -> None:
        """End, as uvicorn asks its protocols to."""
        self.transport.abort()

    @property
    def waiting(self) -> Waiting:
        """What the connection waits for."""
        return Waiting(State.CLOSE if self.transport.is_closing() else State.HEADER)

    async def _encrypt(self) -> None:
        if self.transport.is_closing():
            return
        try:
            encrypted = await asyncio.get_running_loop().start_tls(
                self.transport, self, self._tls, server_side=True
            )
        except OSError:  # the client speaks no TLS, or does not trust the certificate
            return
        finally:
            self._limiter.open.discard(self)
        if encrypted is None:  # it has left
            return
        encrypted.set_protocol(self._http)
        self._http.connection_made(encrypted)
        for data in self._received:
            self._http.data_received(data)


Connection = BoundedHttp | BoundedWebSocket | TlsHandshake


def _host(connection: Connection) -> str:
    return connection.client[0] if connection.client else "unknown"


def send_at_once(transport: BaseTransport) -> None:
    """Switch off Nagle's algorithm, which delays small messages until others are acknowledged.

    asyncio does this only for a socket with a protocol number; accepted ones on Windows lack it.
    """
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
