"""How a supervisor is asked to restart its server: one line each way over the loopback.

The supervisor writes its port, a secret and the process ids to ``run/<package>.json`` in the
artifacts folder, readable by its user only. Signals would be simpler, but Windows has none.
"""

import contextlib
import hmac
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from shared_schema.layout import moved_into_place

LOOPBACK: Final = "127.0.0.1"
LINE_MAX_BYTES: Final = 4096
# A client that connects and says nothing is cut off after this.
REQUEST_WITHIN_S: Final = 2.0
# The asking side waits for 10 s; the answer that it takes too long must arrive before.
ANSWER_WITHIN_S: Final = 9.5
CLIENTS_MAX: Final = 16
LAST_ANSWERS_WITHIN_S: Final = 0.3


class RunFile(Struct, frozen=True, kw_only=True):
    """Where a living supervisor can be reached."""

    package: str
    port: int
    token: str
    supervisor_pid: int
    server_pid: int | None


class Request(Struct, frozen=True, kw_only=True, tag="restart"):
    """Asks for a restart; the only thing that can be asked."""

    token: str


class Restarted(Struct, frozen=True, kw_only=True, tag="restarted"):
    """The new server process was started; `old_pid` is None if none was running."""

    old_pid: int | None
    new_pid: int


class Refused(Struct, frozen=True, kw_only=True, tag="refused"):
    """The supervisor did not do it."""

    reason: str


Answer = Restarted | Refused


def run_file(run_dir: Path, package: str) -> Path:
    """Return the path of the package's run file."""
    return run_dir / f"{package}.json"


def write_run_file(run_dir: Path, content: RunFile) -> None:
    """Write the file, whole or not at all, readable by this user only (POSIX)."""
    with moved_into_place(run_file(run_dir, content.package), sync=False) as path:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(content) + b"\n")


def read_line(connection: socket.socket, *, within_s: float) -> bytes:
    """Return the peer's line without its end; what it sent so far if it closes before.

    Raises
    ------
    OSError
        If the line is too long or takes longer than `within_s` (TimeoutError).
    """
    deadline = time.monotonic() + within_s
    line = b""
    while not line.endswith(b"\n"):
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("no line in time")
        if len(line) > LINE_MAX_BYTES:
            raise OSError("line too long")
        connection.settimeout(left_s)
        part = connection.recv(LINE_MAX_BYTES)
        if not part:
            break
        line += part
    return line.rstrip(b"\n")


class ControlServer:
    """Accepts requests in threads of its own, from construction to `close`.

    Whatever a client sends, or does not send, concerns only its own connection. The run file lies
    there for the same time. Construction raises OSError if it cannot be written.
    """

    def __init__(
        self, package: str, run_dir: Path, restart: Callable[[], "Future[Restarted]"]
    ) -> None:
        self._package = package
        self._run_dir = run_dir
        self._restart = restart
        self._listener = socket.create_server((LOOPBACK, 0))
        self._room = threading.BoundedSemaphore(CLIENTS_MAX)
        self._closing = False
        self._port: int = self._listener.getsockname()[1]
        self._token = secrets.token_hex(32)
        try:
            self.advertise(None)
        except OSError:
            self._listener.close()
            raise
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)
        self._thread.start()

    def advertise(self, server_pid: int | None) -> None:
        """Write the run file anew."""
        content = RunFile(
            package=self._package,
            port=self._port,
            token=self._token,
            supervisor_pid=os.getpid(),
            server_pid=server_pid,
        )
        write_run_file(self._run_dir, content)

    def close(self) -> None:
        """Stop accepting; answers under way are given before it returns, silent clients cut off."""
        with contextlib.suppress(OSError):
            run_file(self._run_dir, self._package).unlink(missing_ok=True)
        self._closing = True
        # Closing a socket does not wake a thread that waits in accept(): a connection does.
        with contextlib.suppress(OSError):
            socket.create_connection((LOOPBACK, self._port), timeout=1).close()
        self._thread.join(timeout=1)
        self._listener.close()
        until = time.monotonic() + LAST_ANSWERS_WITHIN_S
        for _ in range(CLIENTS_MAX):
            if not self._room.acquire(timeout=max(until - time.monotonic(), 0.0)):
                break

    def _accept(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                # Out of descriptors, or a client that left while queueing.
                time.sleep(0.05)
                continue
            if self._closing or not self._room.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(
                target=self._converse, args=(connection,), name="control-client", daemon=True
            ).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, contextlib.suppress(OSError):
                answer = self._answer(read_line(connection, within_s=REQUEST_WITHIN_S))
                connection.settimeout(REQUEST_WITHIN_S)
                connection.sendall(msgspec.json.encode(answer) + b"\n")
        finally:
            self._room.release()

    def _answer(self, line: bytes) -> Answer:
        try:
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return Refused(reason="not a request")
        if not hmac.compare_digest(request.token.encode(), self._token.encode()):
            return Refused(reason="wrong token")
        try:
            return self._restart().result(ANSWER_WITHIN_S)
        except TimeoutError:
            return Refused(reason=f"the server was not back within {ANSWER_WITHIN_S:g} s")
        except RestartImpossible as impossible:
            return Refused(reason=str(impossible))


class RestartImpossible(Exception):
    """The supervisor cannot restart its server, e.g. because it is ending itself."""
