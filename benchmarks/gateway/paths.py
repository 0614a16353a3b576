"""The ways from a worker's completion to a client's frame: ours, and those it is compared with.

Each is three processes: a worker that stamps and sends, one in the middle, and this client. The
worker is told by a byte on its stdin to send the next completion; the stamp is the machine-wide
monotonic clock in nanoseconds, carried inside the message.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Protocol

import httpx

from benchmarks.gateway.wire import RawClient
from tests.support.local_http import LOCAL
from tests.support.processes import System, free_port

STAMP = re.compile(rb"stamp:(\d+)")
# At rest is a gateway that for so long hears little more than two heartbeats a second.
AT_REST_S = 2.0
AT_REST_MESSAGES = 10
REST_WITHIN_S = 300.0


class Path3(Protocol):
    """A way through three processes."""

    name: str

    def sample(self) -> float:
        """Return one latency in seconds."""

    def close(self) -> None:
        """End its processes."""


def child(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a module of this package with a pipe to and from it."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not key.startswith("RR_")},
    )


def poke(process: subprocess.Popen[bytes]) -> None:
    """Let a worker send."""
    assert process.stdin is not None
    process.stdin.write(b"x")
    process.stdin.flush()


def said(process: subprocess.Popen[bytes]) -> str:
    """Return the next line that a process printed."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def end(*processes: subprocess.Popen[bytes]) -> None:
    """End processes by closing their stdin, and by force if that is not enough."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def since(frame: bytes) -> float:
    """Return how long ago the stamp in a frame was made, in seconds."""
    match = STAMP.search(frame)
    assert match is not None, frame[:200]
    return (time.monotonic_ns() - int(match[1])) / 1e9


class Relay:
    """Raw blocking TCP through the same number of processes: the floor."""

    name = "raw TCP relay"

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self._middle = child("benchmarks.gateway.actors", "relay", str(port))
            self._worker = child("benchmarks.gateway.actors", "sender", said(self._middle))
            self._socket, _ = server.accept()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def sample(self) -> float:
        """Return one latency in seconds."""
        poke(self._worker)
        frame = b""
        while not frame.endswith(b"\n"):
            frame += self._socket.recv(65536)
        return since(frame)

    def close(self) -> None:
        """End its processes."""
        end(self._worker, self._middle)
        self._socket.close()


class Sidecar:
    """Ours: ZeroMQ to the gateway's process, readiness, outbox, WebSocket."""

    name = "this gateway"

    def __init__(self, folder: Path, *, open_sessions: int = 0) -> None:
        self._system = System(folder)
        self._system.gateway()
        self._worker = child(
            "benchmarks.gateway.actors",
            "publisher",
            self._system.bus_url,
            str(self._system.artifacts),
            str(open_sessions),
        )
        assert said(self._worker) == "ready"
        self._client = RawClient(self._system.gateway_port)
        self._client.text()
        time.sleep(0.5)  # the gateway waits 0.3 s for a first frame
        if open_sessions:
            self._await_rest()

    def _await_rest(self) -> None:
        """Wait until the gateway has caught up: where facts were dropped, it asks for all again."""
        give_up_at = time.monotonic() + REST_WITHIN_S
        heard = self._heard()
        while time.monotonic() < give_up_at:
            time.sleep(AT_REST_S)
            before, heard = heard, self._heard()
            if heard - before <= AT_REST_MESSAGES:
                return
        raise TimeoutError("the gateway does not catch up")

    def _heard(self) -> int:
        url = f"{self._system.gateway_url}/metrics"
        text = httpx.get(url, **LOCAL, timeout=REST_WITHIN_S).text
        match = re.search(r"^rr_bus_messages_total (\S+)$", text, re.MULTILINE)
        assert match is not None
        return int(float(match[1]))

    def sample(self) -> float:
        """Return one latency in seconds."""
        poke(self._worker)
        return since(self._client.text())

    def close(self) -> None:
        """End its processes."""
        self._client.close()
        end(self._worker)
        self._system.close()


class Server:
    """A WebSocket server in the middle that learns of completions in one of several ways."""

    def __init__(self, name: str, way: str) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory(prefix=f"{way}-")
        port = free_port()
        self._middle = child("benchmarks.gateway.actors", way, str(port), self._folder.name)
        assert said(self._middle) == "ready"
        if way == "handoff":
            self._worker = self._middle  # it starts its own worker, as a process pool does
        else:
            self._worker = child("benchmarks.gateway.actors", "mover", self._folder.name)
        self._client = RawClient(port)

    def sample(self) -> float:
        """Return one latency in seconds."""
        poke(self._worker)
        return since(self._client.text())

    def close(self) -> None:
        """End its processes."""
        self._client.close()
        if self._worker is not self._middle:
            end(self._worker)
        end(self._middle)
        self._folder.cleanup()


def new_session() -> str:
    """Return a session id."""
    return str(uuid.uuid4())
