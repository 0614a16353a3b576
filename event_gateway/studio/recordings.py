"""Past sessions for rehearsals: from the outbox, or else from ``session.json``."""

import heapq
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct, structs

from event_gateway.core.readiness import Limits, Readiness
from event_gateway.errors import OutboxUnavailable
from event_gateway.outbox import Outbox
from event_gateway.rendering import Renderer
from event_gateway.studio.session_folders import SessionFolders
from shared_schema.bus import SnapshotSession
from shared_schema.decoding import CamelStruct, InvalidMessage
from shared_schema.events import (
    SessionEvent,
    decode_session_event,
    files_of,
    played_s,
)
from shared_schema.facts import SentimentReported, SessionBegun, SessionComplete, Turn3Complete
from shared_schema.ids import timestamp
from shared_schema.layout import WAVES_ROOT, Artifacts
from shared_schema.session_document import OddSession, SessionDocument, document_of

log = structlog.get_logger("gateway")

# Recordings depend on facts only: nothing in them is too late.
_NO_LIMITS: Final = Limits(
    turn1_timeout_s=1e9, dialogue_timeout_s=1e9, session_limit_s=1e9, replay_window_s=1e9
)
# So many folders are looked into at once, for the loop waits; the next request goes on from there.
LOOKS_MAX: Final = 500


class Step(Struct, frozen=True, kw_only=True):
    """An event, and its time in seconds after the session's first one."""

    at_s: float
    key: str
    event: SessionEvent


class Recording(Struct, frozen=True, kw_only=True):
    """A session that can be sent again."""

    session_id: str
    steps: tuple[Step, ...]


class _Candidate(Struct, frozen=True):
    """A session that may be one, when it was, and its place among the others."""

    session_id: str
    at: float
    placed_at: float
    in_outbox: bool


class RecordingSummary(CamelStruct, frozen=True, kw_only=True):
    """A past session in a list."""

    session_id: str
    at: str
    message: str
    events: int


class Recordings:
    """The sessions recorded on this machine."""

    def __init__(self, outbox: Outbox, artifacts: Artifacts) -> None:
        self._outbox = outbox
        self._artifacts = artifacts
        self._renderer = Renderer(artifacts)
        self._folders = SessionFolders(artifacts.root)
        self._odd: set[str] = set()

    def find(self, session_id: str) -> Recording | None:
        """Return a session if its events are known and all their files still exist.

        An odd one is named in the log, once.
        """
        try:
            return self._found(session_id)
        except OutboxUnavailable:
            raise
        except Exception as error:
            # Whatever is in its files, the other sessions do not depend on it.
            self._name(session_id, repr(error))
            return None

    def _found(self, session_id: str) -> Recording | None:
        steps = self._from_outbox(session_id) or self._from_document(session_id)
        if not steps or any(step.event.payload.rehearsal is True for step in steps):
            return None
        files = [each for step in steps for each in files_of(step.event).items()]
        if not all(Path(absolute).is_file() for absolute, _ in files):
            return None
        for _, relative in files:
            self._artifacts.path(relative)  # raises if a link leads out
        return Recording(session_id=session_id, steps=tuple(steps))

    def latest(self) -> Recording | None:
        """Return the newest session that can be sent again."""
        return next((recording for _, recording in self._newest()), None)

    def newest(self, *, limit: int = 20) -> list[RecordingSummary]:
        """Return the newest sessions that can be sent again."""
        return [self._summary(*each) for each in itertools.islice(self._newest(), limit)]

    def _summary(self, at: float, recording: Recording) -> RecordingSummary:
        document = self.document(recording.session_id)
        return RecordingSummary(
            session_id=recording.session_id,
            at=timestamp(at),
            message=document.message if document else "",
            events=len(recording.steps),
        )

    def document(self, session_id: str) -> SessionDocument | None:
        """Return a session's ``session.json``; None if it has none that can be read."""
        try:
            return document_of(self._artifacts, session_id)
        except OddSession as odd:
            self._name(session_id, str(odd))
            return None

    def _name(self, session_id: str, reason: str) -> None:
        if session_id not in self._odd:
            self._odd.add(session_id)
            log.warning("odd session", session=session_id, reason=reason)

    def _newest(self) -> Iterator[tuple[float, Recording]]:
        """Yield the sessions that can be sent again, with their times, newest first."""
        looks = 0
        candidates = heapq.merge(self._recorded(), self._on_disk(), key=lambda it: -it.placed_at)
        for candidate in candidates:
            session_id, recording = candidate.session_id, None
            if candidate.in_outbox:
                recording = self.find(session_id)
            elif looks < LOOKS_MAX and self._outbox.unknown([session_id]):
                looks += 1
                recording = self._look_into(session_id)
            if recording is not None:
                yield candidate.at, recording

    def _look_into(self, session_id: str) -> Recording | None:
        """Return a session that only has folders; one in vain is not looked into again."""
        state = self._folders.state(session_id)
        recording = self.find(session_id)
        if recording is None:
            self._folders.pass_over(session_id, state)
        return recording

    def _recorded(self) -> Iterator[_Candidate]:
        """Yield the sessions of the outbox in its own order, whatever the clock said then."""
        placed_at = math.inf
        for session_id, at in self._outbox.sessions():
            placed_at = min(placed_at, at)
            # Where the files are gone, reading the events would be in vain.
            if (self._artifacts.root / WAVES_ROOT / session_id).is_dir():
                yield _Candidate(session_id, at, placed_at, in_outbox=True)

    def _on_disk(self) -> Iterator[_Candidate]:
        """Yield the sessions that have a folder, whether or not they are in the outbox."""
        for session_id, at in self._folders.newest():
            yield _Candidate(session_id, at, at, in_outbox=False)

    def _from_outbox(self, session_id: str) -> list[Step]:
        rows = self._outbox.history(session_id)
        try:
            return [
                Step(
                    at_s=at_s,
                    key=row.key,
                    event=self._renderer.with_waves(decode_session_event(row.event)),
                )
                for row, at_s in zip(rows, self._outbox.offsets_s(session_id), strict=True)
            ]
        except InvalidMessage:
            return []  # recorded by a version with other fields

    def _from_document(self, session_id: str) -> list[Step]:
        document = self.document(session_id)
        if document is None or not document.settled:
            return []
        readiness = Readiness(_NO_LIMITS)
        steps: list[Step] = []
        at_s = 0.0
        for decision in readiness.apply(_snapshot(document), 0.0):
            entry = self._renderer.entry(decision, document.started_at)
            if entry.render is None:
                continue
            event = decode_session_event(entry.render(len(steps) + 1))
            steps.append(Step(at_s=at_s, key=entry.key, event=event))
            # Their times are unknown: each begins when the previous one has been played.
            at_s += played_s(event)
        return steps


def _snapshot(document: SessionDocument) -> SnapshotSession:
    """Return a document as the snapshot that the backend would have sent after the session."""
    session_id, slots = document.session_id, document.slots
    return SnapshotSession(
        epoch="recording",
        begun=SessionBegun(session_id=session_id, slots=slots),
        sentiment=SentimentReported(session_id=session_id, sentiment=document.sentiment, age_s=0.0)
        if document.sentiment
        else None,
        utterances=document.utterances,
        turn3=Turn3Complete(
            session_id=session_id,
            slots=slots,
            utterances=(),
            dialogues=document.dialogues,
            age_s=0.0,
        ),
        summary=document.summary,
        complete=SessionComplete(
            session_id=session_id, stopped=document.state == "stopped", age_s=0.0
        ),
    )


def as_rehearsal(event: SessionEvent, *, session_id: str, seq: int, ts: str) -> SessionEvent:
    """Return an event as a rehearsal sends it."""
    payload = structs.replace(event.payload, rehearsal=True)
    return structs.replace(event, session_id=session_id, seq=seq, ts=ts, payload=payload)
