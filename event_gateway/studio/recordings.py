"""Past sessions as they can be sent again: from the outbox, or else from ``session.json``."""

import os
import time
from collections.abc import Iterator
from heapq import nlargest
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from event_gateway.core.readiness import Limits, Readiness
from event_gateway.outbox import OutboxReader
from event_gateway.rendering import Renderer
from shared_schema.bus import SnapshotSession
from shared_schema.decoding import CamelStruct, InvalidMessage
from shared_schema.events import (
    DialogueWavesReady,
    SessionEvent,
    Turn1WavesReady,
    WaveReference,
    decode_server_event,
)
from shared_schema.facts import SessionBegun, SessionComplete, Turn1Complete, Turn3Complete
from shared_schema.ids import is_session_id, timestamp
from shared_schema.layout import SPEECH_ROOT, Artifacts, session_file
from shared_schema.session_document import SessionDocument, read_document

# A recording is decided by facts alone: nothing of it is too late.
_NO_LIMITS: Final = Limits(
    turn1_timeout_s=1e9, dialogue_timeout_s=1e9, session_limit_s=1e9, replay_window_s=1e9
)
# Older sessions are found by their id only.
LOOK_BACK: Final = 200
# A folder may change twice within one tick of its file system's clock (two seconds on FAT).
_TICK_NS: Final = 2_000_000_000


class Step(Struct, frozen=True, kw_only=True):
    """An event, and when it came: seconds after the session's first one."""

    at_s: float
    key: str
    event: SessionEvent


class Recording(Struct, frozen=True, kw_only=True):
    """A session that can be sent again."""

    session_id: str
    steps: tuple[Step, ...]


class RecordingSummary(CamelStruct, frozen=True, kw_only=True):
    """A past session in a list."""

    session_id: str
    at: str
    message: str
    events: int


class Recordings:
    """The sessions that are on record on this machine."""

    def __init__(self, outbox: OutboxReader, artifacts: Artifacts) -> None:
        self._outbox = outbox
        self._artifacts = artifacts
        self._folders = SessionFolders(artifacts.root / SPEECH_ROOT, look_back=LOOK_BACK)

    def find(self, session_id: str) -> Recording | None:
        """Return a session if its events are known and every file in them is still there."""
        steps = self._from_outbox(session_id) or self._from_document(session_id)
        if not steps or any(step.event.payload.rehearsal is True for step in steps):
            return None
        files = [each.wave_mix_path_abs for step in steps for each in waves_of(step.event)]
        if not all(map(os.path.isfile, files)):
            return None
        return Recording(session_id=session_id, steps=tuple(steps))

    def latest(self) -> Recording | None:
        """Return the newest session that can be sent again."""
        return next(filter(None, (self.find(each) for _, each in self._newest())), None)

    def newest(self, *, limit: int = 20) -> list[RecordingSummary]:
        """Return the newest sessions that can be sent again."""
        summaries: list[RecordingSummary] = []
        for at, session_id in self._newest():
            recording = self.find(session_id)
            if recording is None:
                continue
            document = self.document(session_id)
            summaries.append(
                RecordingSummary(
                    session_id=session_id,
                    at=timestamp(at),
                    message=document.message if document else "",
                    events=len(recording.steps),
                )
            )
            if len(summaries) == limit:
                break
        return summaries

    def document(self, session_id: str) -> SessionDocument | None:
        """Return a session's ``session.json``."""
        return read_document(self._artifacts.path(session_file(session_id)))

    def _newest(self) -> Iterator[tuple[float, str]]:
        """Yield when and which, newest first."""
        found = self._folders.newest() | self._outbox.sessions(limit=LOOK_BACK)
        newest = sorted(((at, session) for session, at in found.items()), reverse=True)
        yield from newest[:LOOK_BACK]

    def _from_outbox(self, session_id: str) -> list[Step]:
        steps: list[Step] = []
        decided = self._outbox.events_of(session_id)
        for each in decided:
            try:
                event = decode_server_event(each.event or "")
            except InvalidMessage:
                return []  # recorded by a version with other fields
            if not isinstance(event, SessionEvent):
                return []
            steps.append(Step(at_s=each.at - decided[0].at, key=each.key, event=event))
        return steps

    def _from_document(self, session_id: str) -> list[Step]:
        document = self.document(session_id)
        if document is None or not document.settled:
            return []
        readiness = Readiness(_NO_LIMITS)
        renderer = Renderer(self._artifacts)
        steps: list[Step] = []
        at_s = 0.0
        for decision in readiness.apply(_snapshot(document), 0.0):
            entry = renderer.entry(decision, document.started_at)
            if entry.render is None:
                continue
            event = decode_server_event(entry.render(len(steps) + 1))
            if not isinstance(event, SessionEvent):
                continue  # the renderer makes no other
            steps.append(Step(at_s=at_s, key=entry.key, event=event))
            # When each came is not known: each begins when the one before has been played.
            at_s += played_s(event)
        return steps


class SessionFolders:
    """The session folders below `root`, listed again only when one came or went.

    Of each folder the time is read once, as it is first seen.
    """

    def __init__(self, root: Path, *, look_back: int) -> None:
        self._root = root
        self._look_back = look_back
        self._since: dict[str, float] = {}
        self._newest: dict[str, float] = {}
        self._changed_ns = 0
        self._listed_ns = 0

    def newest(self) -> dict[str, float]:
        """Return the newest `look_back` sessions, each with its time in seconds since 1970."""
        try:
            changed_ns = self._root.stat().st_mtime_ns
            listed_ns = time.time_ns()
            if changed_ns != self._changed_ns or self._listed_ns - changed_ns < _TICK_NS:
                self._list()
                self._changed_ns, self._listed_ns = changed_ns, listed_ns
        except OSError:
            return {}
        return self._newest

    def _list(self) -> None:
        since: dict[str, float] = {}
        with os.scandir(self._root) as entries:
            for entry in entries:
                known = self._since.get(entry.name)
                if known is not None:
                    since[entry.name] = known
                elif is_session_id(entry.name):
                    since[entry.name] = entry.stat().st_mtime
        self._since = since
        newest = nlargest(self._look_back, since, key=since.__getitem__)
        self._newest = {session_id: since[session_id] for session_id in newest}


def _snapshot(document: SessionDocument) -> SnapshotSession:
    """Return a document as the backend would have published it when the session was over."""
    session_id, slots, utterances = document.session_id, document.slots, document.utterances
    return SnapshotSession(
        epoch="recording",
        begun=SessionBegun(session_id=session_id, slots=slots),
        utterances=utterances,
        turn1=Turn1Complete(session_id=session_id, slots=slots, utterances=(), age_s=0.0),
        turn3=Turn3Complete(
            session_id=session_id,
            slots=slots,
            utterances=(),
            dialogues=document.dialogues,
            age_s=0.0,
        ),
        complete=SessionComplete(
            session_id=session_id, stopped=document.state == "stopped", age_s=0.0
        ),
    )


def waves_of(event: SessionEvent) -> tuple[WaveReference, ...]:
    """Return every utterance in an event."""
    match event:
        case Turn1WavesReady():
            return event.payload.slots
        case DialogueWavesReady():
            return (*event.payload.commenters, event.payload.respondent)


def played_s(event: SessionEvent) -> float:
    """Return how long an event's files play: Turn 1 together, a dialogue one after the other."""
    durations_ms = [each.duration_ms for each in waves_of(event)]
    together = isinstance(event, Turn1WavesReady)
    return (max(durations_ms, default=0) if together else sum(durations_ms)) / 1000


def as_rehearsal(event: SessionEvent, *, session_id: str, seq: int, ts: str) -> SessionEvent:
    """Return an event as a rehearsal sends it."""
    changes = {"session_id": session_id, "seq": seq, "ts": ts}
    match event:
        case Turn1WavesReady():
            payload = msgspec.structs.replace(event.payload, rehearsal=True)
            return msgspec.structs.replace(event, payload=payload, **changes)
        case DialogueWavesReady():
            dialogue = msgspec.structs.replace(event.payload, rehearsal=True)
            return msgspec.structs.replace(event, payload=dialogue, **changes)
