"""What a person who watches the gateway sees: its state when it changes, and its log as it grows.

The stream looks at the gateway four times a second and tells what is new. The live path does not
know of it: nothing there waits for a page, or is slower because one is open.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct
from sse_starlette import ServerSentEvent

from event_gateway.delivery import Client, Delivery
from event_gateway.orchestrator import Orchestrator
from event_gateway.studio.rehearsal import Rehearsal, Status
from event_gateway.studio.session_view import SessionView, view
from shared_schema import VERSION
from shared_schema.ids import timestamp

LOOK_EVERY_S: Final = 0.25
# Log lines that a page gets when it opens.
BACKLOG: Final = 100
# After a restart of the gateway a page is back within this time, in milliseconds.
RETRY_MS: Final = 1000


class ClientView(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who is connected to the socket."""

    name: str
    since: str


class GatewayView(Struct, frozen=True, kw_only=True, rename="camel"):
    """The gateway as it stands."""

    version: str
    started_at: str
    client: ClientView | None
    backend_heard: bool
    recording: bool
    artifacts_dir: str
    backend_artifacts_dir: str | None
    rehearsal: Status
    sessions: tuple[SessionView, ...]


class LogLine(Struct, frozen=True, kw_only=True, rename="camel"):
    """One decision; `event` is what was or would have been sent."""

    id: int
    at: str
    session_id: str
    key: str
    status: str
    event: msgspec.Raw | None


class Watching:
    """Makes the streams of pages."""

    def __init__(
        self, *, orchestrator: Orchestrator, delivery: Delivery, rehearsal: Rehearsal
    ) -> None:
        self._orchestrator = orchestrator
        self._delivery = delivery
        self._rehearsal = rehearsal
        self._started_at = timestamp(time.time())

    async def stream(self, last_id: int | None) -> AsyncIterator[ServerSentEvent]:
        """Yield the state whenever it changes, and log lines after `last_id` (None: the newest)."""
        cursor = last_id or 0
        if cursor > self._orchestrator.outbox.head():
            cursor = 0  # another outbox than the page knew
        shown = b""
        while True:
            state = msgspec.json.encode(self.state())
            if state != shown:
                shown = state
                yield ServerSentEvent(state.decode(), event="state", retry=RETRY_MS)
            if cursor < self._orchestrator.outbox.head():
                for line in self._lines(cursor):
                    cursor = line.id
                    data = msgspec.json.encode(line).decode()
                    yield ServerSentEvent(data, event="told", id=str(line.id))
                cursor = self._orchestrator.outbox.head()
            await asyncio.sleep(LOOK_EVERY_S)

    def state(self) -> GatewayView:
        """Return the gateway as it stands."""
        orchestrator, client = self._orchestrator, self._delivery.client
        now = time.monotonic()
        return GatewayView(
            version=VERSION,
            started_at=self._started_at,
            client=_client(client),
            backend_heard=orchestrator.continuity.epoch is not None
            and not orchestrator.continuity.silent,
            recording=orchestrator.recording,
            artifacts_dir=orchestrator.artifacts.root.as_posix(),
            backend_artifacts_dir=orchestrator.backend_artifacts,
            rehearsal=self._rehearsal.status,
            sessions=tuple(_seen(view(each, now)) for each in orchestrator.readiness),
        )

    def _lines(self, cursor: int) -> list[LogLine]:
        return [
            LogLine(
                id=row_id,
                at=timestamp(at),
                session_id=session_id,
                key=key,
                status=status,
                event=msgspec.Raw(event.encode()) if event else None,
            )
            for row_id, session_id, key, status, at, event in self._orchestrator.outbox.log(
                after=cursor, limit=BACKLOG
            )
        ]


def _seen(session: SessionView) -> SessionView:
    """Return a session whose age changes once a second, and not with every look."""
    return msgspec.structs.replace(session, age_s=float(int(session.age_s)))


def _client(client: Client | None) -> ClientView | None:
    if client is None:
        return None
    return ClientView(name=client.name, since=timestamp(client.connected_at))
