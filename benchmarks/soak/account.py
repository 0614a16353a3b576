"""The account: what was due, what came, and everything that does not add up."""

from collections import Counter
from typing import Final, Literal

import msgspec
from msgspec import Struct

from benchmarks.report import table
from benchmarks.soak.received import Received
from benchmarks.soak.trouble import Outage
from benchmarks.soak.truth import (
    CLOSE_S,
    SENTIMENT,
    SUMMARY,
    TURN1,
    Known,
    Told,
    due,
    ended_by,
    lost_in,
    may_be_untold,
    told,
)
from benchmarks.soak.visitors import Visit
from shared_schema.chat import SlotAudio, SlotDone, TurnDone
from shared_schema.events import UserSentiment, decode_server_event
from shared_schema.ids import SUMMARY_SLOT, SUMMARY_TURN

Fate = Literal[
    "told to the end",
    "stopped by its visitor",
    "told as far as the outbox was kept",
    "ended with the chat, told as far as it came",
    "ended with the chat before the gateway heard of it",
]
FATES: Final[tuple[Fate, ...]] = (
    "told to the end",
    "stopped by its visitor",
    "told as far as the outbox was kept",
    "ended with the chat, told as far as it came",
    "ended with the chat before the gateway heard of it",
)


class Balance(Struct, kw_only=True):
    """Sessions by fate, events due and seen, and what is wrong, each with its session."""

    sessions: Counter[Fate]
    due: Counter[Fate]
    seen: Counter[Fate]
    missing: int = 0
    beyond: int = 0
    faults: list[str]

    def text(self, client: Received) -> str:
        """Return the tables."""
        rows = [(fate, self.sessions[fate], self.due[fate], self.seen[fate]) for fate in FATES]
        total = ("all", self.sessions.total(), self.due.total(), self.seen.total())
        counts = [
            ("missing", self.missing),
            ("twice", client.counted["twice"]),
            ("not due", self.beyond),
            ("naming a file that was not there and whole", client.counted["paths not sound"]),
        ]
        return "\n".join(
            [
                table(("session's fate", "sessions", "events due", "events seen"), [*rows, total]),
                "",
                table(("events", "count"), counts),
            ]
        )


def balance(
    sessions: list[Known],
    outages: list[Outage],
    client: Received,
    recorded: dict[str, list[str]],
    losses: list[float],
) -> Balance:
    """Compare the truth with what came; `recorded` are the frames on the gateway's record.

    `losses` is when the outbox was removed, in seconds since 1970.
    """
    it = Balance(sessions=Counter(), due=Counter(), seen=Counter(), faults=list(client.faults))
    for session in sessions:
        came = list(client.frames.get(session.session_id, {}).values())
        seen = [told(frame.event) for frame in came]
        if seen and seen[0].key == SENTIMENT:
            seen.pop(0)  # it comes first or not at all
        frames = [frame.text for frame in came]
        record = recorded.get(session.session_id, [])
        kept = not any(at >= session.begun_at - CLOSE_S for at in losses)
        if kept and list(map(_decoded, frames)) != list(map(_decoded, record)):
            it.faults.append(
                f"{session.session_id}: {len(record)} events are on the gateway's record, and"
                f" {len(frames)} came, or others"
            )
        if session.session_id in client.gaps and not lost_in(session, losses):
            it.faults.append(f"{session.session_id}: a seq was left out")
        end = ended_by(session, outages)
        if end is None:
            _settle_exactly(it, session, seen, lost=lost_in(session, losses))
        else:
            _settle_by_the_rules(
                it,
                session,
                seen,
                # As in `seen`: without the mood.
                recorded=sum(not isinstance(decode_server_event(e), UserSentiment) for e in record),
                untold_is_right=may_be_untold(session, end, outages) or lost_in(session, losses),
            )
    strangers = client.frames.keys() - {session.session_id for session in sessions}
    it.faults += [f"{each}: events came, and there is no such session" for each in strangers]
    return it


def _settle_exactly(it: Balance, session: Known, seen: list[Told], *, lost: bool) -> None:
    """See that a session whose backend lived on was told as its session.json says.

    If the outbox was removed before the client had everything, some of it may be missing.
    """
    name, document = session.session_id, session.document
    if document is None or not document.settled:
        state = "no session.json" if document is None else f"state {document.state}, not settled"
        it.faults.append(f"{name}: {state}, and its backend lived on")
        return
    visit = session.visit
    if document.state == "stopped" and visit and not visit.stopped_it:
        it.faults.append(f"{name}: stopped, and nobody had asked for it")
    fate: Fate = "stopped by its visitor" if document.state == "stopped" else "told to the end"
    expected = due(document)
    if lost and seen != expected and seen == [each for each in expected if each in seen]:
        _count(it, "told as far as the outbox was kept", len(expected), len(seen))
        return
    _count(it, fate, len(expected), len(seen))
    it.missing += len([each for each in expected if each not in seen])
    it.beyond += len([each for each in seen if each not in expected])
    if seen != expected:
        it.faults.append(f"{name}: due {_list(expected)}; seen {_list(seen)}")


def _settle_by_the_rules(
    it: Balance, session: Known, seen: list[Told], *, recorded: int, untold_is_right: bool
) -> None:
    """See that a session whose backend ended was told once, in order, as far as it came."""
    name = session.session_id
    if not seen:
        _count(it, "ended with the chat before the gateway heard of it", recorded, 0)
        if not untold_is_right:
            it.missing += 1
            it.faults.append(f"{name}: due turn1, since the gateway was there; seen nothing")
        return
    _count(it, "ended with the chat, told as far as it came", recorded, len(seen))
    it.missing += max(0, recorded - len(seen))
    keys = [each.key for each in seen]
    dialogues = keys[1:-1] if keys[-1] == SUMMARY else keys[1:]
    if keys[0] != TURN1 or dialogues != sorted(set(dialogues) - {TURN1, SUMMARY}):
        it.faults.append(
            f"{name}: seen {_list(seen)}, which is not turn 1, dialogues and then the summary"
        )
    if keys[1:] and not _turn3_may_be_over(session):
        it.beyond += len(keys) - 1
        it.faults.append(f"{name}: due turn1, since turn 3 was not over; seen {_list(seen)}")


def _turn3_may_be_over(session: Known) -> bool:
    document, visit = session.document, session.visit
    if document is not None and document.state != "running":
        return True  # a stopped session ends its Turn 3 as well
    # The backend ended between the turn and the file: the stream may tell, if it was listened to.
    return visit is None or visit.ending == "left" or bool(visit.stream.of(TurnDone, 3))


def _count(it: Balance, fate: Fate, due_events: int, seen_events: int) -> None:
    it.sessions[fate] += 1
    it.due[fate] += due_events
    it.seen[fate] += seen_events


def stream_faults(session: Known) -> list[str]:
    """Return what a visitor's stream told that session.json does not say, or not in order."""
    visit, document = session.visit, session.document
    if visit is None or visit.ending != "heard the end" or document is None:
        return []
    try:
        visit.stream.assert_in_order()
    except AssertionError as error:
        return [f"{session.session_id}: the stream is out of order: {error}"]
    if not document.settled:
        return []
    heard = {(e.turn_index, e.slot_id): e.text for e in visit.stream.of(SlotDone)}
    sounds = {(e.turn_index, e.slot_id): e.audio_path for e in visit.stream.of(SlotAudio)}
    written = {(int(e.turn_index), e.slot_id): e.text for e in document.utterances if e.text}
    spoken = {(int(e.turn_index), e.slot_id): e.speech_path for e in document.utterances}
    summary = document.summary
    if summary is not None:
        written[SUMMARY_TURN, SUMMARY_SLOT] = summary.text
        spoken[SUMMARY_TURN, SUMMARY_SLOT] = summary.speech_path
    faults = []
    # Of a stopped session the stream leaves out a turn that had not begun on it.
    if heard != written and not (document.state == "stopped" and heard.items() <= written.items()):
        faults.append(f"{session.session_id}: the stream's texts are not those of session.json")
    if any(spoken.get(place) != path for place, path in sounds.items()):
        faults.append(f"{session.session_id}: the stream's sounds are not those of session.json")
    return faults


def visit_faults(visit: Visit, outages: list[Outage]) -> list[str]:
    """Return what became of a visitor though the chat backend was there."""
    if visit.ending not in ("lost the stream", "lost patience", "found it closed"):
        return []
    if any(
        each.package == "chat_backend"
        and each.at <= visit.ended_at
        and visit.begun_at <= each.back_at
        for each in outages
    ):
        return []
    return [f"{visit.session_id}: the visitor {visit.ending}, and the chat backend was there"]


def _decoded(frame: str) -> object:
    return msgspec.json.decode(frame)


def _list(events: list[Told]) -> str:
    return "[" + "; ".join(map(str, events)) + "]"
