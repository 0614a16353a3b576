"""Runs one ASGI application from start to shutdown.

The order: the port, then the application's own resources, then requests; at shutdown the reverse. A
refused start is one line and an exit code. To stop (SIGTERM, Ctrl-C, the supervisor gone), the
server accepts no more connections, gives requests and sockets `CLOSE_TIMEOUT_S` to finish, lets the
application close its resources, and exits with 0; after `ending.END_TIMEOUT_S` the exit is forced.
"""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final, cast

import structlog
import uvicorn

from shared_schema.runtime.process.ending import (
    end_within,
    on_ending_signal,
    watch_supervisor,
)
from shared_schema.runtime.process.exits import FAILED, OK, StartRefused, exit_code_of
from shared_schema.runtime.process.listening import BACKLOG, allow_descriptors, listen_on, urls
from shared_schema.runtime.process.start_note import note_listening
from shared_schema.runtime.web.bodies import BodyMemory
from shared_schema.runtime.web.connections import (
    BoundedHttp,
    BoundedWebSocket,
    Connections,
    HttpLimits,
    TlsHandshake,
)
from shared_schema.runtime.web.refusals import limit_library_lines
from shared_schema.settings import Settings

CLOSE_TIMEOUT_S: Final = 2
WS_PING_INTERVAL_S: Final = 20.0
WS_MESSAGE_MAX_BYTES: Final = 65536
BYTES_PER_MB: Final = 1_000_000
# Windows does not wake a waiting loop for Ctrl-C.
POLL_INTERVAL_S: Final = 0.25

log = structlog.get_logger(__name__)

# uvicorn's type of an application.
App = Callable[..., Any]
OpenApp = Callable[[], AbstractAsyncContextManager[App]]


def run_server(
    open_app: OpenApp,
    *,
    host: str,
    port: int,
    name: str,
    ws: type[BoundedWebSocket] = BoundedWebSocket,
    limits: HttpLimits | None = None,
    tls: ssl.SSLContext | None = None,
) -> int:
    """Serve until stopped; return the exit code. Main thread only, once in a process.

    Parameters
    ----------
    open_app
        Returns an async context manager that opens all resources, yields the application, and
        closes them after the last request; entered and left in one task. It may raise
        `StartRefused`. Any later exception from it stops the server.
    host
        ``localhost`` for both loopbacks, or any host or address of this machine.
    name
        Prefix of printed lines.
    ws
        The WebSocket protocol class, for an application that needs its own.
    limits
        Limits for clients; by default the defaults of the settings.
    tls
        Serves https with its certificate; None: plain http.
    """

    def run() -> int:
        bounds = limits or HttpLimits.of(Settings())
        allow_descriptors(bounds.max_connections)
        limit_library_lines()
        sockets = listen_on(host, port)
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                # The selector loop on every platform: ZeroMQ's descriptors need add_reader, which
                # Windows' default loop lacks.
                return runner.run(_Serving(open_app, sockets, name, ws, bounds, tls=tls).run())
        finally:
            for listener in sockets:
                listener.close()

    return exit_code_of(run, name=name)


class _Server(uvicorn.Server):
    """uvicorn with our own signal handlers, and a callback when it accepts requests."""

    def __init__(
        self, config: uvicorn.Config, connections: Connections, on_started: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._connections = connections
        connections.open = self.server_state.connections
        self._on_started = on_started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install no handlers: uvicorn would raise the signal again at the end."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start accepting."""
        await super().startup(sockets)
        self._on_started()

    async def on_tick(self, counter: int) -> bool:
        """Check the connections' time limits once a second; uvicorn ticks ten times."""
        if counter % 10 == 0:
            self._connections.check_times()
        return await super().on_tick(counter)


class _Serving:
    def __init__(
        self,
        open_app: OpenApp,
        sockets: list[socket.socket],
        name: str,
        ws: type[BoundedWebSocket],
        limits: HttpLimits,
        *,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._tls = tls
        self._open_app = open_app
        self._sockets = sockets
        self._name = name
        self._ws = ws
        self._limits = limits
        self._server: _Server | None = None
        self._ending = False

    async def run(self) -> int:
        self._loop = asyncio.get_running_loop()
        on_ending_signal(self._request_end)
        watch_supervisor(self._request_end, name=self._name)
        self._task = asyncio.create_task(self._serve())
        while not self._task.done():
            await asyncio.wait({self._task}, timeout=POLL_INTERVAL_S)
        return self._outcome()

    async def _serve(self) -> None:
        async with self._open_app() as app:
            connections = Connections(self._limits)
            config = _config(app, self._ws, connections, self._limits, self._tls)
            self._server = _Server(config, connections, self._started)
            await self._server.serve(sockets=self._sockets)

    def _outcome(self) -> int:
        if self._task.cancelled():
            return OK if self._ending else FAILED
        error = self._task.exception()
        if error is None:
            log.info("ended")
            return OK
        refused = _refusal_in(error)
        if refused is not None:
            raise refused
        log.error("server crashed", exc_info=error)
        return FAILED

    def _started(self) -> None:
        note_listening()
        scheme = "https" if self._tls else "http"
        log.info("listening", url=" ".join(urls(self._sockets, scheme)), pid=os.getpid())

    def _request_end(self) -> None:
        """Request the shutdown, from a signal handler or another thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: about to exit anyway
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._ending:
            return
        self._ending = True
        end_within(name=self._name)
        log.info("ending")
        if self._server is None:
            self._task.cancel()
        else:
            # Not only the flag: sse-starlette ends its streams when it detects this call.
            self._server.handle_exit(signal.SIGTERM, None)


def _config(
    app: App,
    ws: type[BoundedWebSocket],
    connections: Connections,
    limits: HttpLimits,
    tls: ssl.SSLContext | None = None,
) -> uvicorn.Config:
    protocol = partial(TlsHandshake, tls=tls) if tls else BoundedHttp
    http = partial(protocol, limiter=connections)
    return uvicorn.Config(
        BodyMemory(app, max_bytes=round(limits.max_body_memory_mb * BYTES_PER_MB)),
        workers=1,  # or uvicorn reads WEB_CONCURRENCY, which other programs' shells set
        proxy_headers=False,  # no proxy is ours: whoever asks would name the client in the log
        lifespan="off",  # open_app does this, and can refuse in one line
        http=cast(type[asyncio.Protocol], http),  # uvicorn only calls it
        backlog=BACKLOG,
        ws=ws,
        ws_ping_interval=WS_PING_INTERVAL_S,
        ws_ping_timeout=None,  # TouchDesigner may never pong
        ws_per_message_deflate=False,
        ws_max_size=WS_MESSAGE_MAX_BYTES,
        timeout_graceful_shutdown=CLOSE_TIMEOUT_S,
        log_config=None,
        access_log=False,
        server_header=False,
    )


def _refusal_in(error: BaseException) -> StartRefused | None:
    """Return the refusal that `error` is or, as a task group's, contains."""
    if isinstance(error, StartRefused):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_refusal_in, error.exceptions)), None)
    return None
