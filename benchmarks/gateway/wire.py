"""A blocking WebSocket client with nothing around it, so that the client's own cost is small."""

import base64
import os
import socket

_TEXT = 0x1
_PING = 0x9


class RawClient:
    """Reads text frames from a WebSocket server on this machine."""

    def __init__(self, port: int, path: str = "/v1/events") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._buffer = b""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._socket.recv(4096)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise ConnectionError(head.decode("latin-1"))

    def text(self, *, within_s: float = 10.0) -> bytes:
        """Return the payload of the next text frame."""
        self._socket.settimeout(within_s)
        while True:
            opcode, payload = self._frame()
            if opcode == _TEXT:
                return payload
            if opcode != _PING:
                raise ConnectionError(f"frame with opcode {opcode}")

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _frame(self) -> tuple[int, bytes]:
        first, second = self._exactly(2)
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self._exactly(2), "big")
        elif length == 127:
            length = int.from_bytes(self._exactly(8), "big")
        return first & 0x0F, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            received = self._socket.recv(65536)
            if not received:
                raise ConnectionError("closed")
            self._buffer += received
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken
