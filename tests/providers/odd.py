"""A server that answers whatever a test says, byte for byte, as odd servers do."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from msgspec import Struct


class Request(Struct, kw_only=True):
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


class Reply(Struct, kw_only=True):
    """What is sent. `framing` says how its end is told: ``cut`` promises more than it sends."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    framing: Literal["length", "chunked", "close", "cut"] = "length"


def as_json(value: Any, status: int = 200, **headers: str) -> Reply:
    """Return a reply with a JSON body."""
    named = {name.replace("_", "-"): each for name, each in headers.items()}
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Reply(status=status, headers={"content-type": "application/json", **named}, body=body)


def sound(body: bytes, kind: str | None = "audio/pcm", **more: Any) -> Reply:
    """Return a reply with a sound."""
    return Reply(body=body, headers={} if kind is None else {"content-type": kind}, **more)


class Odd:
    """The server's behaviour and memory."""

    def __init__(self) -> None:
        self.received: list[Request] = []
        self.answer: Callable[[Request], Reply] = lambda _: Reply(status=404)
        self.url = ""
        self.port = 0

    def always(self, reply: Reply) -> None:
        """Answer everything alike."""
        self.answer = lambda _: reply

    def paths(self) -> list[str]:
        """Return which paths were asked for."""
        return [each.path for each in self.received]


@contextmanager
def odd_server() -> Iterator[Odd]:
    """Yield a server on a port of its own; one thread a connection."""
    odd = Odd()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the library's name
            size = int(self.headers.get("content-length", 0))
            raw = self.rfile.read(size)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw) if raw else None
            request = Request(path=self.path, headers=headers, body=body)
            odd.received.append(request)
            self._send(odd.answer(request))

        do_GET = do_DELETE = do_POST  # noqa: N815

        def _send(self, reply: Reply) -> None:
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.framing == "chunked":
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for at in range(0, len(reply.body), 4096):
                    chunk = reply.body[at : at + 4096]
                    self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")
                return
            self.close_connection = True
            self.send_header("connection", "close")
            if reply.framing != "close":
                more = 1000 if reply.framing == "cut" else 0
                self.send_header("content-length", str(len(reply.body) + more))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    odd.port = server.server_address[1]
    odd.url = f"http://127.0.0.1:{odd.port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield odd
    finally:
        server.shutdown()
        thread.join(10.0)
        server.server_close()
