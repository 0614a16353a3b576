"""Opens the ZeroMQ sockets of the bus with their options, and reads one in an event loop.

The gateway binds one SUB; every publisher connects an XPUB. IMMEDIATE keeps a publisher from
queuing for a gateway that is away: it would later get stale messages, and requests a snapshot
instead.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import zmq
from msgspec import Struct

HIGH_WATER_MARK: Final = 20_000  # messages
RECONNECT_MS: Final = 50
HEARTBEAT_MS: Final = 500
HEARTBEAT_TIMEOUT_MS: Final = 1500
HANDSHAKE_MS: Final = 1000
LINGER_MS: Final = 1000
# Messages taken from a socket before other callbacks of the event loop get their turn.
DRAIN_BATCH: Final = 256

Frames = list[bytes]

# pyzmq's flags are Python enums; to combine them for every message would be felt.
_NOW: Final = int(zmq.NOBLOCK)
_NOW_AND_MORE: Final = int(zmq.NOBLOCK | zmq.SNDMORE)


def _configure(socket: zmq.Socket[bytes]) -> None:
    socket.setsockopt(zmq.SNDHWM, HIGH_WATER_MARK)
    socket.setsockopt(zmq.RCVHWM, HIGH_WATER_MARK)
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS)
    socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
    socket.setsockopt(zmq.LINGER, LINGER_MS)


class CurveKeys(Struct, frozen=True, kw_only=True):
    """The keys of a bus that leaves this machine, each 40 characters of Z85 (CurveZMQ).

    `server_secret` is the gateway's alone; every publisher uses the one client pair.
    """

    server_public: str
    client_public: str
    client_secret: str
    server_secret: str = ""


class BusAddress(Struct, frozen=True):
    """Where the gateway listens, and the keys if the bus has any."""

    url: str
    curve: CurveKeys | None = None


def open_publisher(
    context: zmq.Context[zmq.Socket[bytes]], address: BusAddress
) -> zmq.Socket[bytes]:
    """Return an XPUB connected to the gateway's address, whether or not a gateway is there."""
    socket = context.socket(zmq.XPUB)
    _configure(socket)
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, RECONNECT_MS)
    # A resubscription must reach the application too: it is how a snapshot is requested.
    socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    if address.curve is not None:
        socket.curve_serverkey = address.curve.server_public.encode()
        socket.curve_publickey = address.curve.client_public.encode()
        socket.curve_secretkey = address.curve.client_secret.encode()
    socket.connect(address.url)
    return socket


def open_subscriber(
    context: zmq.Context[zmq.Socket[bytes]], address: BusAddress, *, max_message_bytes: int
) -> zmq.Socket[bytes]:
    """Return the gateway's bound SUB, subscribed to nothing yet.

    With keys, whoever connects must have been let in by an authenticator of `context` too.

    Raises
    ------
    zmq.ZMQError
        With ``errno`` EADDRINUSE if another gateway has the address.
    """
    socket = context.socket(zmq.SUB)
    _configure(socket)
    socket.setsockopt(zmq.MAXMSGSIZE, max_message_bytes)
    if address.curve is not None:
        socket.curve_server = True
        socket.curve_publickey = address.curve.server_public.encode()
        socket.curve_secretkey = address.curve.server_secret.encode()
    try:
        socket.bind(address.url)
    except zmq.ZMQError:
        socket.close(linger=0)
        raise
    return socket


def send(socket: zmq.Socket[bytes], topic: bytes, payload: bytes) -> None:
    """Send a message of the bus without waiting.

    Raises
    ------
    zmq.ZMQError
        If the socket is closed, or takes nothing now.
    """
    socket.send(topic, _NOW_AND_MORE)
    socket.send(payload, _NOW)


def drain(socket: zmq.Socket[bytes], handle: Callable[[Frames], None], limit: int) -> bool:
    """Hand over at most `limit` waiting messages; return whether the socket is empty now.

    `recv_multipart` asks the socket after each frame whether more follow, which takes longer than
    to receive it; the bar on intake (docs/benchmarks.md) needs that time. A message of the bus is a
    topic and a JSON object, so only a second frame of another kind needs the question.
    """
    receive = socket.recv
    for _ in range(limit):
        first = None
        try:
            first = receive(_NOW)
            second = receive(_NOW)
        except zmq.Again:
            if first is not None:
                handle([first])
            return True
        if second.startswith(b"{"):
            handle([first, second])
            continue
        rest = [second]
        while socket.getsockopt(zmq.RCVMORE):
            rest.append(receive(_NOW))
        try:
            handle([first])
        finally:
            handle(rest)
    return False


class LoopReader:
    """Calls `handle` in the event loop with every message that arrives at a socket.

    ZeroMQ's file descriptor is edge-triggered and any call on the socket may consume the edge, so
    the socket is drained to the end each time, and `poke` must follow every other use of it.
    """

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        handle: Callable[[Frames], None],
    ) -> None:
        self._socket = socket
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._scheduled: asyncio.Handle | None = None
        self._fd = int(socket.getsockopt(zmq.FD))
        self._loop.add_reader(self._fd, self._read)

    def poke(self) -> None:
        """Read soon whatever may be waiting."""
        if self._scheduled is None:
            self._scheduled = self._loop.call_soon(self._read)

    def _read(self) -> None:
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        empty = False
        try:
            empty = drain(self._socket, self._handle, DRAIN_BATCH)
        finally:
            # Also after an error in `handle`: the edge is gone, and messages may wait.
            if not empty:
                self.poke()

    def close(self) -> None:
        """Stop reading; the socket stays open."""
        self._loop.remove_reader(self._fd)
        if self._scheduled is not None:
            self._scheduled.cancel()
