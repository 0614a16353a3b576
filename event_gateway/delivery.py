"""Serves the one TouchDesigner socket: a reader that never waits for slow work, a single writer.

A connected client is a cursor over the outbox; live delivery, the grace after a start and replay
are the same loop with different starting points. There is no other queue of events.
"""

import asyncio
import contextlib
import socket
import time
from asyncio.transports import BaseTransport
from collections import deque
from typing import Final

import structlog
from msgspec import UNSET
from starlette.websockets import WebSocket, WebSocketDisconnect

from event_gateway.errors import OutboxUnavailable
from event_gateway.metrics import Metrics
from event_gateway.outbox import Outbox, Row
from event_gateway.playback import Playback, ReportLimit
from shared_schema.decoding import InvalidMessage
from shared_schema.events import (
    ControlEvent,
    ErrorEvent,
    HelloAck,
    Hush,
    InvalidReport,
    PlaybackReport,
    SessionReplaced,
    SessionStopped,
    decode_client_message,
    encode_event,
)
from shared_schema.runtime.web.connections import BoundedWebSocket
from shared_schema.settings import Settings

log = structlog.get_logger("gateway")

# Close codes: 4000-4099 do not reconnect, 4100-4199 reconnect. When it stops, the gateway closes
# with the standard's 1012 (service restart): reconnect.
CLOSE_REPLACED: Final = 4001
CLOSE_DISABLED: Final = 4002
CLOSE_FLOOD: Final = 4008

ABORT: Final = "reflective_resonance.abort"
# With small kernel buffers, a client that does not read is detected sooner.
SEND_BUFFER_BYTES: Final = 64 * 1024
# A client requests a replay in its first frame; events are delayed this long for it.
FIRST_FRAME_TIMEOUT_S: Final = 0.3
# Queued answers to a client that sends but does not read.
MAX_QUEUED_ANSWERS: Final = 32
# Stopped sessions that a newcomer is told, so that it does not play them.
STOPPED_TOLD: Final = 16
# Events that a connection remembers as sent, in case the client resumes late.
MAX_REMEMBERED_EVENTS: Final = 10_000
MAX_STOPPED_SESSIONS: Final = 1000
# How fast clients may replace each other.
TAKEOVER_INTERVAL_S: Final = 1.0
# An outbox that cannot be read is tried again.
OUTBOX_RETRY_S: Final = 0.25
# For the last message to a replaced client, and for its close.
CLOSE_TIMEOUT_S: Final = 1.0


class EventsProtocol(BoundedWebSocket):
    """The WebSocket protocol, with a bounded send buffer and an `abort` for the application.

    A plain ASGI application cannot end a connection whose client does not read.
    """

    def connection_made(self, transport: BaseTransport) -> None:
        """Limit the kernel's buffer for this client."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    async def run_asgi(self) -> None:
        """Run the application with `abort` as an ASGI extension in its scope."""
        self.scope["extensions"] = {
            **(self.scope["extensions"] or {}),
            ABORT: {"abort": self.transport.abort},
        }
        await super().run_asgi()


class Client:
    """A connection: its cursor in the outbox, and its queued control messages.

    What the gateway has to say is never dropped; there is little of it. Answers are as many as the
    client wants, so their queue is bounded.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.cursor = 0
        self.connected_at = time.time()
        self.name = ""
        self.notices: deque[ControlEvent] = deque()
        self.answers: deque[ControlEvent] = deque()
        self.replay: deque[int] = deque()
        # The cursor before the replay: rows after it are live ones.
        self.live_after = 0
        self.sent: dict[int, None] = {}
        self.resume: dict[str, int] | None = None
        self.resumed = False
        self.reports = ReportLimit()
        self.first_frame = asyncio.Event()
        self.wake = asyncio.Event()

    def tell(self, notice: ControlEvent) -> None:
        """Queue what the gateway has to say."""
        self.notices.append(notice)
        self.wake.set()

    def answer(self, answer: ControlEvent) -> bool:
        """Queue an answer; return whether there was room."""
        if len(self.answers) >= MAX_QUEUED_ANSWERS:
            return False
        self.answers.append(answer)
        self.wake.set()
        return True

    def remember(self, row: Row) -> None:
        """Remember what was sent, so that a late resume repeats nothing."""
        if self.resumed:  # it resumes once
            return
        self.sent[row.id] = None
        if len(self.sent) > MAX_REMEMBERED_EVENTS:
            del self.sent[next(iter(self.sent))]

    @property
    def inherited_cursor(self) -> int:
        """Return where a client that replaces this one begins: every live event is sent once."""
        unsent = (row_id - 1 for row_id in self.replay if row_id > self.live_after)
        return next(unsent, self.cursor)


class Delivery:
    """Serves one client at a time; the newest wins."""

    def __init__(self, outbox: Outbox, metrics: Metrics, settings: Settings) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._settings = settings
        self._started_at = time.monotonic()
        # The starting cursor of a client within the grace; advances with each sent event.
        self._grace_cursor = outbox.head()
        self._last_takeover = -TAKEOVER_INTERVAL_S
        self.client: Client | None = None
        self.playback = Playback(metrics)
        self._hushed = False
        # When each session was stopped.
        self._stopped: dict[str, float] = {}
        self._finished_at = (0, 0.0)
        metrics.connected.set_function(lambda: self.client is not None)

    def notify(self, rows: list[Row], finished_at: float = 0.0) -> None:
        """Wake the client's writer: the outbox has new events.

        `finished_at` is when the worker that made them due finished, for the histogram; or 0.
        """
        if self.client is not None:
            if finished_at:
                self._finished_at = (rows[-1].id, finished_at)
            self.client.wake.set()
            return
        self._metrics.undelivered.inc(len(rows))
        for row in rows:
            log.info("event not delivered: no client", session=row.session_id, seq=row.seq)

    def hush(self, on: bool) -> None:
        """Tell the client, and those that follow, whether the water rests."""
        changed, self._hushed = on != self._hushed, on
        self.playback.hush(on=on)
        if changed and self.client is not None:
            self.client.tell(Hush(on=on))

    def session_stopped(self, session_id: str) -> None:
        """Tell the client, once, that a session was stopped."""
        if session_id in self._stopped:
            return
        self._stopped[session_id] = time.monotonic()
        if len(self._stopped) > MAX_STOPPED_SESSIONS:
            del self._stopped[next(iter(self._stopped))]
        self.playback.session_stopped(session_id)
        if self.client is not None:
            self.client.tell(SessionStopped(session_id=session_id))

    async def serve(self, websocket: WebSocket) -> None:
        """Serve a connection until it ends or is replaced."""
        await websocket.accept()
        client = Client(websocket)
        reader = asyncio.create_task(self._read(client), name="events reader")
        tasks = {reader}
        try:
            # A connection that ends while it waits here must not replace the other.
            await self._slow_takeovers(reader)
            if reader.done():
                return
            self._take_over(client)
            tasks.add(asyncio.create_task(self._write(client), name="events writer"))
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (WebSocketDisconnect, RuntimeError, OSError) as error:
            log.debug("connection ended", reason=repr(error))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._leave(client)

    async def _slow_takeovers(self, reader: asyncio.Task[None]) -> None:
        """Let clients replace each other at most once a second."""
        while self.client is not None and not reader.done():
            wait_s = self._last_takeover + TAKEOVER_INTERVAL_S - time.monotonic()
            if wait_s <= 0:
                return
            log.warning("clients replace each other too fast", wait_s=round(wait_s, 2))
            await asyncio.wait([reader], timeout=wait_s)

    def _take_over(self, client: Client) -> None:
        before, self.client = self.client, client
        if before is not None:
            client.cursor = before.inherited_cursor
        elif time.monotonic() - self._started_at <= self._settings.events_start_grace_s:
            client.cursor = self._grace_cursor
        else:
            client.cursor = self._outbox.head()
        log.info("client connected", peer=_peer(client.websocket))
        self.playback.client_connected(connected=True)
        self._tell_state(client)
        if before is not None:
            self._last_takeover = time.monotonic()
            self._metrics.takeovers.inc()
            log.warning("client replaced by another", old=_peer(before.websocket))
            before.wake.set()

    def _tell_state(self, client: Client) -> None:
        """Tell a newcomer what was said before it came."""
        if self._hushed:
            client.tell(Hush(on=True))
        since = time.monotonic() - self._settings.events_replay_window_s
        recent = [session for session, at in self._stopped.items() if at >= since]
        for session_id in recent[-STOPPED_TOLD:]:
            client.tell(SessionStopped(session_id=session_id))

    def _leave(self, client: Client) -> None:
        log.info("client disconnected", peer=_peer(client.websocket))
        if self.client is client:
            self.client = None
            self.playback.client_connected(connected=False)

    async def _read(self, client: Client) -> None:
        while True:
            message = await client.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            answer = self._answer(client, message.get("text"))
            client.first_frame.set()
            if answer is not None and not client.answer(answer):
                await self._close(client, CLOSE_FLOOD, "messages arrive too fast to be answered")
                return

    def _answer(self, client: Client, text: str | None) -> ControlEvent | None:
        """Return the answer to a message; the writer answers a resume, with the replay."""
        if text is None:
            return ErrorEvent(code="binary", message="send JSON in text frames, not binary ones")
        try:
            hello = decode_client_message(text)
        except InvalidReport as error:
            return self._malformed_report(client, error)
        except InvalidMessage as error:
            return ErrorEvent(code="invalid", message=str(error), field=error.field)
        if isinstance(hello, PlaybackReport):
            self._report(client, hello)
            return None
        client.name = f"{hello.client} {hello.version}".strip()[:100]
        if hello.resume is UNSET:
            return HelloAck()
        if client.resume is not None:
            return ErrorEvent(
                code="resumed", message="this connection has resumed already", field="resume"
            )
        client.resume = dict(hello.resume) if isinstance(hello.resume, dict) else {}
        client.wake.set()
        return None

    def _report(self, client: Client, report: PlaybackReport) -> None:
        if client is not self.client:
            return  # one that was replaced, or waits to replace another
        if client.reports.allows(time.monotonic()):
            self.playback.receive(report)
        else:
            self._metrics.playback_ignored.labels("too_many").inc()

    def _malformed_report(self, client: Client, error: InvalidReport) -> ErrorEvent | None:
        self._metrics.playback_ignored.labels("malformed").inc()
        if not client.reports.allows_error(time.monotonic()):
            return None
        return ErrorEvent(code="invalid", message=str(error), field=error.field)

    async def _write(self, client: Client) -> None:
        await self._send(client, encode_event(HelloAck()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(client.first_frame.wait(), FIRST_FRAME_TIMEOUT_S)
        while self.client is client:
            client.wake.clear()
            while queued := client.notices or client.answers:
                await self._send(client, encode_event(queued.popleft()))
            try:
                if not await self._send_due(client):
                    await client.wake.wait()
            except OutboxUnavailable as error:
                log.debug("events wait for the outbox", reason=str(error))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(client.wake.wait(), OUTBOX_RETRY_S)
        with contextlib.suppress(TimeoutError, RuntimeError, OSError, WebSocketDisconnect):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                replaced = SessionReplaced(message="another client took this place over")
                await client.websocket.send_text(encode_event(replaced))
        await self._close(client, CLOSE_REPLACED, "replaced")

    async def _send_due(self, client: Client) -> bool:
        """Send the answer to a resume, or the next event; return whether there was one."""
        if client.resume is None or client.resumed:
            return await self._send_next(client)
        await self._send(client, encode_event(self._resume(client, client.resume)))
        return True

    def _resume(self, client: Client, resume: dict[str, int]) -> HelloAck:
        """Move the cursor to the first event that the client lacks, without gap or repeat."""
        window_s = self._settings.events_replay_window_s
        rows = self._outbox.lacking(resume, within_s=window_s, cursor=client.cursor)
        lacking = [row_id for row_id in rows if row_id not in client.sent]
        unknown = self._outbox.unknown(list(resume))
        client.live_after, client.cursor = client.cursor, self._outbox.head()
        client.replay.extend(lacking)
        client.resumed = True
        client.sent.clear()
        log.info("client resumes", sessions=len(resume), replay=len(lacking))
        return HelloAck(replay_count=len(lacking), unknown_sessions=tuple(unknown))

    async def _send_next(self, client: Client) -> bool:
        """Send the next event; return whether there was one."""
        row = self._next(client)
        if row is None:
            return False
        begun = time.monotonic()
        await self._send(client, row.event)
        self._metrics.send_seconds.observe(time.monotonic() - begun)
        self._metrics.sent.inc()
        newest, finished_at = self._finished_at
        if row.id == newest:
            self._metrics.done_to_sent_seconds.observe(max(0.0, time.time() - finished_at))
        client.remember(row)
        self.playback.sent(row)
        log.info("event sent", session=row.session_id, seq=row.seq)
        return True

    def _next(self, client: Client) -> Row | None:
        """Return the next event and advance the cursor first, so that it is sent at most once."""
        while client.replay:
            row = self._outbox.get(client.replay[0])
            client.replay.popleft()
            if row is not None:
                self._grace_cursor = max(self._grace_cursor, row.id)
                return row
        rows = self._outbox.after(client.cursor, limit=1)
        if not rows:
            return None
        client.cursor = rows[0].id
        self._grace_cursor = max(self._grace_cursor, client.cursor)
        return rows[0]

    async def _send(self, client: Client, text: str) -> None:
        try:
            async with asyncio.timeout(self._settings.events_send_timeout_s):
                await client.websocket.send_text(text)
        except TimeoutError:
            log.warning("client is not reading: connection aborted", peer=_peer(client.websocket))
            _abort(client.websocket)
            raise WebSocketDisconnect from None

    async def _close(self, client: Client, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await client.websocket.close(code, reason)
        except TimeoutError:
            _abort(client.websocket)
        except (RuntimeError, OSError, WebSocketDisconnect):
            log.debug("closed by the client already")


def _abort(websocket: WebSocket) -> None:
    """Close a connection immediately, whatever is still to be sent."""
    extension = websocket.scope.get("extensions", {}).get(ABORT)
    if extension is not None:
        asyncio.get_running_loop().call_soon(extension["abort"])


def _peer(websocket: WebSocket) -> str:
    return f"{websocket.client.host}:{websocket.client.port}" if websocket.client else "unknown"
