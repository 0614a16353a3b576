"""Streams the gateway's state to pages when it changes, and new log entries.

The stream checks the gateway four times a second and sends what is new. The live path does not
depend on it: nothing there waits for a page, or is slower because one is open.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct, field
from sse_starlette import ServerSentEvent

from event_gateway.core.decisions import SUMMARY_KEY
from event_gateway.core.session import Session
from event_gateway.delivery import Client, Delivery
from event_gateway.errors import OutboxUnavailable
from event_gateway.orchestrator import Orchestrator
from event_gateway.outbox import Row
from event_gateway.playback import PlaybackState
from event_gateway.studio.rehearsal import Rehearsal, RehearsalStatus
from shared_schema import VERSION
from shared_schema.decoding import CamelStruct
from shared_schema.facts import Dialogue, Sentiment, Summary, Utterance
from shared_schema.ids import timestamp

POLL_INTERVAL_S: Final = 0.25
# Pages move with what plays.
PLAYBACK_POLL_INTERVAL_S: Final = 0.1
# Log lines for a page when it opens.
BACKLOG: Final = 100
# After a restart of the gateway, pages reconnect within this time, in milliseconds.
RETRY_MS: Final = 1000
# A page whose place was taken would take another's at once: more pages than places would replace
# each other every second. Opened again by hand, it connects at once.
REPLACED_RETRY_MS: Final = 60_000


class DialogueStatus(CamelStruct, frozen=True, kw_only=True):
    """A dialogue, and the utterances that it waits for."""

    dialogue: Dialogue
    decided: bool
    waits_for: tuple[str, ...]


class SessionStatus(CamelStruct, frozen=True, kw_only=True):
    """One live session; its age in whole seconds, so that pages get few updates."""

    session_id: str
    age_s: int
    slot_ids: tuple[int, ...]
    turn1_complete: bool
    turn1_decided: bool
    turn3_complete: bool
    complete: bool
    utterances: tuple[Utterance, ...]
    dialogues: tuple[DialogueStatus, ...]
    sentiment: Sentiment | None
    summary: Summary | None
    summary_decided: bool

    @classmethod
    def of(cls, session: Session, now: float) -> "SessionStatus":
        """Return a session's status at `now` (the clock of the readiness machine)."""
        return cls(
            session_id=session.session_id,
            age_s=int(now - session.begun_at),
            slot_ids=session.slot_ids,
            turn1_complete=session.turn1_at is not None,
            turn1_decided=session.turn1_decided,
            turn3_complete=session.dialogues is not None,
            complete=session.complete,
            utterances=session.utterances,
            dialogues=tuple(
                DialogueStatus(
                    dialogue=dialogue,
                    decided=dialogue.dialogue_id in session.decided,
                    waits_for=tuple(
                        f"turn {turn} slot {slot}"
                        for turn, slot in session.needs(dialogue)
                        if not session.resolved(turn, slot)
                    ),
                )
                for dialogue in session.dialogues or ()
            ),
            sentiment=session.sentiment.sentiment if session.sentiment else None,
            summary=session.summary,
            summary_decided=SUMMARY_KEY in session.decided,
        )


class ClientStatus(CamelStruct, frozen=True, kw_only=True):
    """The client that is connected to the socket."""

    name: str
    since: str

    @classmethod
    def of(cls, client: Client) -> "ClientStatus":
        """Return a client's status."""
        return cls(name=client.name, since=timestamp(client.connected_at))


class GatewayStatus(CamelStruct, frozen=True, kw_only=True):
    """The state of the gateway."""

    version: str
    started_at: str
    client: ClientStatus | None
    backend_alive: bool
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    rehearsal: RehearsalStatus
    playback: PlaybackState
    sessions: tuple[SessionStatus, ...]


class LogLine(CamelStruct, frozen=True, kw_only=True):
    """One decision; `event` is the event that was or would have been sent."""

    id: int
    at: str
    session_id: str
    key: str
    status: str
    event: msgspec.Raw | None


class StreamPlace:
    """A page's place among the open streams; `taken` when a newer page has got it."""

    taken = False


class StatusStream(Struct, frozen=True):
    """Creates the streams for pages."""

    orchestrator: Orchestrator
    delivery: Delivery
    rehearsal: Rehearsal
    started_at: str = field(default_factory=lambda: timestamp(time.time()))

    async def stream(
        self, last_id: int | None, place: StreamPlace
    ) -> AsyncIterator[ServerSentEvent]:
        """Yield the state whenever it changes, and log lines after `last_id` (None: the newest)."""
        outbox = self.orchestrator.outbox
        cursor = last_id or 0
        if cursor > outbox.head():
            cursor = 0  # a new outbox since the page's last line
        shown = b""
        while not place.taken:
            # Both of one moment: more may happen while the page reads, and what is decided must not
            # come before the state that it was decided in.
            state = msgspec.json.encode(self.status())
            rows: list[Row] = []
            if cursor < outbox.head():
                # The page shows in `problems` why they cannot be read now.
                with contextlib.suppress(OutboxUnavailable):
                    rows = outbox.log(after=cursor, limit=BACKLOG)
                    cursor = outbox.head()
            if state != shown:
                shown = state
                yield ServerSentEvent(state.decode(), event="state", retry=RETRY_MS)
            for row in rows:
                data = msgspec.json.encode(_line(row)).decode()
                yield ServerSentEvent(data, event="decision", id=str(row.id))
            await asyncio.sleep(POLL_INTERVAL_S)
        yield ServerSentEvent(retry=REPLACED_RETRY_MS)

    async def playback_stream(self, place: StreamPlace) -> AsyncIterator[ServerSentEvent]:
        """Yield what plays whenever it changes."""
        shown = b""
        while not place.taken:
            state = msgspec.json.encode(self.playback())
            if state != shown:
                shown = state
                yield ServerSentEvent(state.decode(), event="playback", retry=RETRY_MS)
            await asyncio.sleep(PLAYBACK_POLL_INTERVAL_S)
        yield ServerSentEvent(retry=REPLACED_RETRY_MS)

    def playback(self) -> PlaybackState:
        """Return what plays now, by the client's reports."""
        return self.delivery.playback.state()

    def status(self) -> GatewayStatus:
        """Return the state of the gateway."""
        orchestrator, client = self.orchestrator, self.delivery.client
        now = time.monotonic()
        return GatewayStatus(
            version=VERSION,
            started_at=self.started_at,
            client=ClientStatus.of(client) if client else None,
            backend_alive=orchestrator.backend_alive,
            problems=tuple(orchestrator.problems()),
            warnings=tuple(orchestrator.warnings()),
            rehearsal=self.rehearsal.status,
            playback=self.playback(),
            sessions=tuple(SessionStatus.of(each, now) for each in orchestrator.readiness),
        )


def _line(row: Row) -> LogLine:
    return LogLine(
        id=row.id,
        at=timestamp(row.at),
        session_id=row.session_id,
        key=row.key,
        status=row.status,
        event=msgspec.Raw(row.event.encode()) if row.event else None,
    )
