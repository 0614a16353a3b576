"""Past sessions, as they can be told again: from the outbox, or else from ``session.json``."""

import os
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from event_gateway.core.readiness import Limits, Readiness
from event_gateway.outbox import Outbox
from event_gateway.rendering import Renderer
from event_gateway.studio.session_folders import SessionFolders
from shared_schema.bus import SnapshotSession
from shared_schema.decoding import InvalidMessage
from shared_schema.events import (
    DialogueWavesReady,
    SessionEvent,
    Turn1WavesReady,
    WaveReference,
    decode_server_event,
)
from shared_schema.facts import (
    Dialogue,
    SessionBegun,
    SlotAgent,
    Turn1Complete,
    Turn3Complete,
    Utterance,
    WaveFailed,
    WaveReady,
)
from shared_schema.ids import timestamp
from shared_schema.layout import SPEECH_ROOT, Artifacts, session_file
from shared_schema.session_document import SessionDocument, UtteranceEntry, read_document

# A recording is decided by facts alone: nothing of it is too late.
_NO_LIMITS: Final = Limits(
    turn1_timeout_s=1e9, dialogue_timeout_s=1e9, session_limit_s=1e9, replay_window_s=1e9
)

# Older sessions are found by their id only.
LOOK_BACK: Final = 200


class Step(Struct, frozen=True, kw_only=True):
    """An event, and when it came: seconds after the session's first one."""

    at_s: float
    key: str
    event: SessionEvent


class Recording(Struct, frozen=True, kw_only=True):
    """A session that can be told again."""

    session_id: str
    steps: tuple[Step, ...]


class Heading(Struct, frozen=True, kw_only=True, rename="camel"):
    """A past session in a list."""

    session_id: str
    at: str
    message: str
    events: int


class Recordings:
    """The sessions that this machine remembers."""

    def __init__(self, outbox: Outbox, artifacts: Artifacts) -> None:
        self._outbox = outbox
        self._artifacts = artifacts
        self._folders = SessionFolders(artifacts.root / SPEECH_ROOT, look_back=LOOK_BACK)

    def find(self, session_id: str) -> Recording | None:
        """Return a session if its events are known and every file in them is still there."""
        steps = self._from_outbox(session_id) or self._from_document(session_id)
        if not steps or any(event_is_rehearsal(step.event) for step in steps):
            return None
        files = [each.wave_mix_path_abs for step in steps for each in waves_of(step.event)]
        if not all(map(os.path.isfile, files)):
            return None
        return Recording(session_id=session_id, steps=tuple(steps))

    def latest(self) -> Recording | None:
        """Return the newest session that can be told again."""
        return next(filter(None, (self.find(each) for _, each in self._newest())), None)

    def newest(self, *, limit: int = 20) -> list[Heading]:
        """Return the newest sessions, as far as they can be told again."""
        headings: list[Heading] = []
        for at, session_id in self._newest():
            recording = self.find(session_id)
            if recording is None:
                continue
            document = self.document(session_id)
            headings.append(
                Heading(
                    session_id=session_id,
                    at=timestamp(at),
                    message=document.message if document else "",
                    events=len(recording.steps),
                )
            )
            if len(headings) == limit:
                break
        return headings

    def document(self, session_id: str) -> SessionDocument | None:
        """Return what ``session.json`` says of a session."""
        return read_document(self._artifacts.path(session_file(session_id)))

    def _newest(self) -> Iterator[tuple[float, str]]:
        """Yield when and which, newest first."""
        found = dict(self._folders.newest())
        found.update(self._outbox.sessions(limit=LOOK_BACK))
        newest = sorted(((at, session) for session, at in found.items()), reverse=True)
        yield from newest[:LOOK_BACK]

    def _from_outbox(self, session_id: str) -> list[Step]:
        steps: list[Step] = []
        begun = 0.0
        for key, at, text in self._outbox.recorded(session_id):
            try:
                event = decode_server_event(text)
            except InvalidMessage:
                return []  # written by a version that told it otherwise
            if not isinstance(event, SessionEvent):
                return []
            begun = begun or at
            steps.append(Step(at_s=at - begun, key=key, event=event))
        return steps

    def _from_document(self, session_id: str) -> list[Step]:
        document = self.document(session_id)
        if document is None or not document.settled:
            return []
        readiness = Readiness(_NO_LIMITS)
        renderer = Renderer(self._artifacts)
        steps: list[Step] = []
        at_s = 0.0
        for decision in readiness.apply(self._snapshot(document), 0.0):
            entry = renderer.entry(decision, document.started_at)
            if entry.render is None:
                continue
            event = decode_server_event(entry.render(len(steps) + 1))
            if not isinstance(event, SessionEvent):
                continue  # the renderer makes no other
            steps.append(Step(at_s=at_s, key=entry.key, event=event))
            # How it went is not known: each begins when the one before has been played.
            at_s += played_s(event)
        return steps

    def _snapshot(self, document: SessionDocument) -> SnapshotSession:
        session_id = document.session_id
        slots = tuple(
            SlotAgent(slot_id=slot.slot_id, agent_id=slot.agent_id) for slot in document.slots
        )
        utterances = tuple(map(self._utterance, document.utterances))
        dialogues = tuple(
            Dialogue(target_slot_id=each.target_slot_id, commenter_slot_ids=each.commenter_slot_ids)
            for each in document.dialogues
        )
        first = tuple(each for each in utterances if each.turn_index == 1)
        return SnapshotSession(
            begun=SessionBegun(session_id=session_id, slots=slots),
            utterances=utterances,
            turn1=Turn1Complete(session_id=session_id, slots=slots, utterances=first, age_s=0.0),
            turn3=Turn3Complete(
                session_id=session_id,
                slots=slots,
                utterances=utterances,
                dialogues=dialogues,
                age_s=0.0,
            ),
        )

    def _utterance(self, entry: UtteranceEntry) -> Utterance:
        state: WaveReady | WaveFailed = WaveFailed(stage="waves", message=entry.error or "")
        if entry.wave_mix_path is not None:
            rate_hz = _rate_of(self._artifacts.path(entry.wave_mix_path))
            if rate_hz:
                state = WaveReady(
                    mix_path=entry.wave_mix_path,
                    audio_duration_ms=entry.duration_ms or 0,
                    sample_rate_hz=rate_hz,
                )
        return Utterance(
            turn_index=entry.turn_index,
            slot_id=entry.slot_id,
            agent_id=entry.agent_id,
            voice_profile=entry.voice_profile,
            text=entry.text,
            speech_path=entry.speech_path,
            target_slot_id=entry.target_slot_id,
            wave=state,
        )


def waves_of(event: SessionEvent) -> tuple[WaveReference, ...]:
    """Return every file that an event tells of."""
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


def event_is_rehearsal(event: SessionEvent) -> bool:
    """Return whether an event was told again, and not for the first time."""
    return event.payload.rehearsal is True


def told_again(event: SessionEvent, *, session_id: str, seq: int, ts: str) -> SessionEvent:
    """Return an event as a rehearsal sends it."""
    changes = {"session_id": session_id, "seq": seq, "ts": ts}
    match event:
        case Turn1WavesReady():
            payload = msgspec.structs.replace(event.payload, rehearsal=True)
            return msgspec.structs.replace(event, payload=payload, **changes)
        case DialogueWavesReady():
            dialogue = msgspec.structs.replace(event.payload, rehearsal=True)
            return msgspec.structs.replace(event, payload=dialogue, **changes)


def _rate_of(path: Path) -> int:
    """Return the sample rate of a WAV; 0 if it can't be read."""
    try:
        with wave.open(str(path), "rb") as file:
            return file.getframerate()
    except (OSError, EOFError, wave.Error):
        return 0
