"""What a session has to tell, by what the chat backend wrote down of it."""

import time
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks.soak.trouble import LONGEST_ABSENCE_S, Outage
from benchmarks.soak.visitors import Visit
from shared_schema.events import (
    DialogueWavesReady,
    FinalSummaryReady,
    SessionEvent,
    Turn1WavesReady,
    UserSentiment,
    files_of,
)
from shared_schema.facts import Utterance
from shared_schema.layout import SPEECH_ROOT, session_file
from shared_schema.session_document import SessionDocument, read_document

SENTIMENT: Final = "sentiment"
TURN1: Final = "turn1"
SUMMARY: Final = "summary"
# session.json, the bus and the stream of the same session are this close to each other.
CLOSE_S: Final = 1.0
# A gateway that is ready again has heard everything within this time of it.
HEARD_S: Final = 3.0


class Told(Struct, frozen=True):
    """An event as far as the truth decides it: its key, its mixes, and who is missing."""

    key: str
    mixes: tuple[str, ...]
    missing: tuple[int, ...]

    def __str__(self) -> str:
        missing = f", missing {list(self.missing)}" if self.missing else ""
        return f"{self.key} ({len(self.mixes)} mixes{missing})"


class Known(Struct, kw_only=True):
    """A session, by its visitor and its files. Times are in seconds since 1970."""

    session_id: str
    visit: Visit | None
    document: SessionDocument | None
    begun_at: float
    settled_at: float  # infinite if it never was


def known_sessions(artifacts: Path, visits: list[Visit]) -> list[Known]:
    """Return every session that a visitor heard of or that has a folder."""
    by_session = {visit.session_id: visit for visit in visits if visit.session_id}
    root = artifacts / SPEECH_ROOT
    folders = {folder.name for folder in root.iterdir()} if root.exists() else set()
    return [
        _known(artifacts, session_id, by_session.get(session_id))
        for session_id in sorted(folders | by_session.keys())
    ]


def _known(artifacts: Path, session_id: str, visit: Visit | None) -> Known:
    path = artifacts / session_file(session_id)
    document = read_document(path)
    settled = document is not None and document.settled
    return Known(
        session_id=session_id,
        visit=visit,
        document=document,
        begun_at=visit.begun_at if visit else _oldest(path.parent),
        settled_at=path.stat().st_mtime if settled else float("inf"),
    )


def _oldest(folder: Path) -> float:
    return min((path.stat().st_mtime for path in folder.rglob("*.wav")), default=time.time())


def told(event: SessionEvent) -> Told:
    """Return what an event told."""
    mixes = tuple(files_of(event).values())
    match event:
        case UserSentiment():
            return Told(SENTIMENT, mixes, ())
        case Turn1WavesReady(payload=payload):
            return Told(TURN1, mixes, payload.missing_slot_ids)
        case DialogueWavesReady(payload=payload):
            return Told(payload.dialogue_id, mixes, payload.missing_commenter_slot_ids)
        case FinalSummaryReady():
            return Told(SUMMARY, mixes, ())


def due(document: SessionDocument) -> list[Told]:
    """Return what a settled session has to tell, in order."""
    said = {(each.turn_index, each.slot_id): each for each in document.utterances}
    slots = sorted(slot.slot_id for slot in document.slots)
    first = {slot: said.get((1, slot)) for slot in slots}
    events = [_told(TURN1, first, None)]
    for dialogue in sorted(document.dialogues, key=lambda each: each.target_slot_id):
        respondent = said.get((3, dialogue.target_slot_id))
        if respondent is not None and respondent.mix_path is not None:
            commenters = {slot: said.get((2, slot)) for slot in sorted(dialogue.commenter_slot_ids)}
            events.append(_told(dialogue.dialogue_id, commenters, respondent))
    if document.summary is not None:
        ready = document.summary.state == "ready"
        events.append(Told(SUMMARY, document.summary.wave_paths if ready else (), ()))
    return events


def ended_by(session: Known, outages: list[Outage]) -> Outage | None:
    """Return the end of the chat backend that this session's end or telling was lost in.

    Either it was under way then, or it was over and the gateway had not come to hear of it.
    """
    chats = [each for each in outages if each.package == "chat_backend"]
    gateways = [each for each in outages if each.package == "event_gateway"]
    for chat in chats:
        if session.begun_at > chat.back_at:
            continue
        under_way = session.settled_at >= chat.at - CLOSE_S
        unheard = any(
            session.settled_at >= gateway.at - CLOSE_S and _meet(gateway, chat)
            for gateway in gateways
        )
        if under_way or unheard:
            return chat
    return None


def may_be_untold(session: Known, end: Outage, outages: list[Outage]) -> bool:
    """Return whether nobody who outlived that end knew the session: the gateway was away too."""
    too_young = session.begun_at >= end.at - CLOSE_S
    return too_young or any(
        each.package == "event_gateway" and _meet(each, end) for each in outages
    )


def lost_in(session: Known, losses: list[float]) -> bool:
    """Return whether the outbox was removed before the client surely had all of this session."""
    had_by = session.settled_at + LONGEST_ABSENCE_S + HEARD_S
    return any(session.begun_at - CLOSE_S <= at <= had_by for at in losses)


def _meet(gateway: Outage, chat: Outage) -> bool:
    """Return whether the gateway was away, or had not caught up, when the chat backend ended."""
    return gateway.at <= chat.back_at + HEARD_S and gateway.back_at + HEARD_S >= chat.at


def _told(key: str, entries: dict[int, Utterance | None], respondent: Utterance | None) -> Told:
    everyone = [*entries.values(), respondent]
    mixes = [each.mix_path for each in everyone if each and each.mix_path]
    missing = [slot for slot, each in entries.items() if each is None or not each.mix_path]
    return Told(key, tuple(mixes), tuple(missing))
