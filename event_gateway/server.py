"""Composes the gateway: bus socket, timer, outbox and web server of one process."""

import asyncio
import contextlib
import errno
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from types import SimpleNamespace
from typing import Final

import structlog
import zmq
from starlette.types import ASGIApp

from event_gateway.app import Gateway, disabled_app
from event_gateway.delivery import Delivery, EventsProtocol
from event_gateway.errors import AnotherGateway, OutboxUnavailable
from event_gateway.metrics import Metrics
from event_gateway.orchestrator import Orchestrator
from event_gateway.outbox import Outbox
from event_gateway.quiet import Quiet
from event_gateway.studio.recordings import Recordings
from event_gateway.studio.rehearsal import Rehearsal
from event_gateway.studio.routes import Studio
from event_gateway.studio.status import StatusStream
from shared_schema.bus import MAX_MESSAGE_BYTES
from shared_schema.layout import GATEWAY_DIR, RUN_DIR, Artifacts
from shared_schema.runtime.clock import LOOK_INTERVAL_S, PruneClock
from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, CONFIGURATION, StartRefused
from shared_schema.runtime.process.listening import (
    PORT_INTERVAL_S,
    PORT_TIMEOUT_S,
    permission_remedy,
)
from shared_schema.runtime.process.serving import run_server
from shared_schema.runtime.web.access import bus_address
from shared_schema.runtime.web.connections import HttpLimits
from shared_schema.runtime.web.tokens import Token, require_token
from shared_schema.settings import SECONDS_A_DAY, Settings
from shared_schema.sockets import BusAddress, LoopReader, drain, open_subscriber

log = structlog.get_logger("gateway")

# The accuracy of deadlines, and of detecting a pause of the loop.
TICK_S: Final = 0.25
# What the outbox has, written down beyond its folder.
WITNESS_FILE: Final = "outbox"
# Messages handled before deadlines are checked; more than this postpone them.
DRAIN_BEFORE_TICK: Final = 20_000


def serve(settings: Settings) -> int:
    """Run the gateway until it is stopped; return the exit code."""
    Artifacts(settings.artifacts_dir).require_own_folders()
    return run_server(
        lambda: open_gateway(settings),
        host=settings.gateway_host,
        port=settings.gateway_port,
        name="gateway",
        ws=EventsProtocol,
        limits=HttpLimits.of(settings),
    )


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[ASGIApp]:
    """Open everything that the gateway needs, and yield its application.

    Raises
    ------
    StartRefused
        If another gateway runs, or the settings would give other machines access without a token.
    """
    events_token, operator_token = (
        Token.of(settings, name) for name in ("events_token", "operator_token")
    )
    require_token("gateway_host", settings.gateway_host, events_token)
    address = bus_address(settings)
    if address.curve is not None and not address.curve.server_secret:
        raise StartRefused("RR_BUS_CURVE_SERVER_SECRET must be set too: the gateway needs it")
    if not settings.events_ws_enabled:
        log.warning("events are off: RR_EVENTS_WS_ENABLED=false")
        yield disabled_app(settings)
        return
    async with AsyncExitStack() as stack:
        outbox = _open_outbox(Artifacts(settings.artifacts_dir))
        stack.callback(outbox.close)
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        stack.callback(context.term)
        if address.curve is not None:
            stack.callback(_require_key(address.curve.client_public, context))
        bus = await _bind_bus(context, address)
        stack.callback(bus.close, linger=0)
        metrics = Metrics()
        delivery = Delivery(outbox, metrics, settings)
        quiet = Quiet(Artifacts(settings.artifacts_dir).root / GATEWAY_DIR, delivery.hush)
        orchestrator = Orchestrator(
            settings,
            outbox=outbox,
            metrics=metrics,
            subscribe=bus.subscribe,
            unsubscribe=bus.unsubscribe,
            on_events=delivery.notify,
            on_stopped=delivery.session_stopped,
        )
        reader = LoopReader(bus, orchestrator.handle)
        stack.callback(reader.close)
        orchestrator.start()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        # A crash of the timer ends the process, and the supervisor restarts it.
        timers = group.create_task(_run_timers(orchestrator, bus, reader))
        stack.callback(timers.cancel)
        artifacts = orchestrator.artifacts
        clock = PruneClock(artifacts, "gateway", outbox.newest_at)
        retention_s = settings.events_retention_days * SECONDS_A_DAY
        pruning = group.create_task(_prune_hourly(orchestrator, clock, retention_s))
        stack.callback(pruning.cancel)
        recordings = Recordings(outbox, artifacts)
        rehearsal = Rehearsal(recordings, orchestrator, delivery, quiet)
        stack.push_async_callback(rehearsal.stop)
        yield Gateway(
            settings=settings,
            orchestrator=orchestrator,
            delivery=delivery,
            metrics=metrics,
            studio=Studio(
                artifacts=artifacts,
                recordings=recordings,
                rehearsal=rehearsal,
                quiet=quiet,
                status_stream=StatusStream(orchestrator, delivery, rehearsal),
                page_token=operator_token or events_token,
                allowed_origins=settings.allowed_origins,
            ),
        ).app()


async def _run_timers(
    orchestrator: Orchestrator, bus: zmq.Socket[bytes], reader: LoopReader
) -> None:
    """Drain the bus, then check the deadlines, forever."""
    while True:
        orchestrator.outbox.shorten_log()
        if drain(bus, orchestrator.handle, DRAIN_BEFORE_TICK):
            orchestrator.tick()
        reader.poke()
        await asyncio.sleep(TICK_S)


async def _prune_hourly(orchestrator: Orchestrator, clock: PruneClock, retention_s: float) -> None:
    """Remove old sessions, forever; other work goes on between the steps."""
    while True:
        with contextlib.suppress(OutboxUnavailable):  # the next hour may be better
            for _ in orchestrator.prune(now=clock.now(), retention_s=retention_s):
                await asyncio.sleep(0)
        await asyncio.sleep(LOOK_INTERVAL_S)


def _open_outbox(artifacts: Artifacts) -> Outbox:
    try:
        witness = artifacts.root / RUN_DIR / WITNESS_FILE
        outbox = Outbox.open(artifacts.root / GATEWAY_DIR, witness=witness)
    except AnotherGateway as error:
        raise StartRefused(str(error), ANOTHER_INSTANCE) from None
    except OutboxUnavailable as error:
        raise StartRefused(f"{error}; check RR_ARTIFACTS_DIR", CONFIGURATION) from None
    if outbox.witness_problem:
        log.warning("a lost outbox would not be noticed", reason=outbox.witness_problem)
    if outbox.loss:
        log.error("the outbox was damaged or lost", reason=outbox.loss)
    return outbox


def _require_key(client_public: str, context: zmq.Context[zmq.Socket[bytes]]) -> Callable[[], None]:
    """Admit only holders of the client's secret key to `context`; return a function to stop.

    It runs in the current event loop: a thread of its own would take Windows' default loop, which
    cannot wait for ZeroMQ's sockets, and let nobody in.
    """
    # Only a bus between machines needs it.
    from zmq.auth.asyncio import AsyncioAuthenticator  # noqa: PLC0415

    def is_allowed(_: str, key: bytes) -> bool:
        return hmac.compare_digest(key, client_public.encode())

    authenticator = AsyncioAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve_callback("*", SimpleNamespace(callback=is_allowed))
    stop: Callable[[], None] = authenticator.stop
    return stop


async def _bind_bus(
    context: zmq.Context[zmq.Socket[bytes]], address: BusAddress
) -> zmq.Socket[bytes]:
    give_up_at = time.monotonic() + PORT_TIMEOUT_S
    while True:
        try:
            return open_subscriber(context, address, max_message_bytes=MAX_MESSAGE_BYTES)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                reason = permission_remedy() if error.errno == errno.EACCES else error
                message = f"RR_BUS_URL={address.url} cannot be bound: {reason}"
                raise StartRefused(message) from None
            if time.monotonic() >= give_up_at:
                message = f"the bus address {address.url} is in use by another gateway"
                raise StartRefused(message, ANOTHER_INSTANCE) from None
        await asyncio.sleep(PORT_INTERVAL_S)
