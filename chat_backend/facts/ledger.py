"""Keeps what every session has done so far, as numbered facts that can be published again.

Rules
-----
1. Each fact with something new in it gets the next number `n`; a repetition gets none.
2. A snapshot is the state, not the facts: what the gateway needs to catch up from nothing.
3. A session stays until it is complete and none of its wave jobs is pending, and then as long as a
   gateway that was away may still request it (`keep_s`); of settled sessions at most `MAX_FINISHED`
   are kept, the newest.
4. The sentiment is a fact once, and only until Turn 1 is closed. The summary is a fact like an
   utterance, and part of the session's last fact; after that only its wave job can end.
5. Times are those of the caller's monotonic clock; what leaves are ages.
"""

from typing import Any, Final, TypeVar

from msgspec import Struct, structs

from shared_schema.bus import FactPublished, SnapshotSession
from shared_schema.facts import (
    Dialogue,
    Fact,
    Sentiment,
    SentimentReported,
    SessionBegun,
    SessionComplete,
    SlotAgent,
    Summary,
    SummaryReported,
    Turn1Complete,
    Turn3Complete,
    Utterance,
    UtteranceReported,
    WavePending,
    merged,
)
from shared_schema.ids import TurnIndex
from shared_schema.session_document import FORMAT_VERSION, SessionDocument, State

MAX_FINISHED: Final = 1000

Aging = TypeVar("Aging", SentimentReported, Turn1Complete, Turn3Complete, SessionComplete)


class Record(Struct, kw_only=True):
    """One session, with what closed it so far and when, but for what was said and the age.

    `settled_at` is when it was complete with no job pending (rule 3).
    """

    begun: SessionBegun
    utterances: dict[tuple[TurnIndex, int], Utterance]
    sentiment: SentimentReported | None = None
    sentiment_at: float = 0.0
    turn1: Turn1Complete | None = None
    turn1_at: float = 0.0
    turn3: Turn3Complete | None = None
    turn3_at: float = 0.0
    summary: Summary | None = None
    complete: SessionComplete | None = None
    complete_at: float = 0.0
    settled_at: float | None = None

    @property
    def pending(self) -> bool:
        """Return whether a wave job has not ended."""
        summary = () if self.summary is None else (self.summary,)
        spoken = (*self.utterances.values(), *summary)
        return any(isinstance(each.wave, WavePending) for each in spoken)

    def of_turns(self, *turns: TurnIndex) -> tuple[Utterance, ...]:
        """Return the utterances of these turns, in the order of turn and slot."""
        return tuple(self.utterances[key] for key in sorted(self.utterances) if key[0] in turns)

    def document(
        self,
        *,
        started_at: str,
        message: str,
        seed: int,
        usage: tuple[Any, ...] = (),
        recording_id: str | None = None,
    ) -> SessionDocument:
        """Return the session's ``session.json`` as it stands."""
        state: State = "running"
        if self.complete is not None:
            state = "stopped" if self.complete.stopped else "done"
        return SessionDocument(
            format=FORMAT_VERSION,
            session_id=self.begun.session_id,
            started_at=started_at,
            state=state,
            message=message,
            seed=seed,
            slots=self.begun.slots,
            utterances=self.of_turns(1, 2, 3),
            dialogues=self.turn3.dialogues if self.turn3 else (),
            sentiment=self.sentiment.sentiment if self.sentiment else None,
            summary=self.summary,
            usage=usage,
            recording_id=recording_id,
        )


class Ledger:
    """All sessions of one life (`epoch`) of the backend."""

    def __init__(self, *, epoch: str, keep_s: float) -> None:
        self.epoch = epoch
        self.n = 0
        self._keep_s = keep_s
        self._records: dict[str, Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def record(self, session_id: str) -> Record | None:
        """Return what is known of a session, if it is still kept."""
        return self._records.get(session_id)

    def begin(self, session_id: str, slots: tuple[SlotAgent, ...]) -> FactPublished:
        """Open a session."""
        begun = SessionBegun(session_id=session_id, slots=slots)
        self._records[session_id] = Record(begun=begun, utterances={})
        return self._numbered(begun)

    def utterance(self, session_id: str, utterance: Utterance, now: float) -> FactPublished | None:
        """Record an utterance, or how its wave job ended; None when that is nothing new."""
        record = self._records.get(session_id)
        if record is None:
            return None
        place = (utterance.turn_index, utterance.slot_id)
        known = record.utterances.get(place)
        record.utterances[place] = best = merged(known, utterance)
        if best is known:
            return None
        self._settle(record, now)
        return self._numbered(UtteranceReported(session_id=session_id, utterance=utterance))

    def sentiment(self, session_id: str, sentiment: Sentiment, now: float) -> FactPublished | None:
        """Record the sentiment; None when there is one, or it is too late for one."""
        record = self._records.get(session_id)
        if record is None or record.sentiment is not None or record.turn1 is not None:
            return None
        record.sentiment_at = now
        record.sentiment = SentimentReported(session_id=session_id, sentiment=sentiment, age_s=0.0)
        return self._numbered(record.sentiment)

    def summary(self, session_id: str, summary: Summary, now: float) -> FactPublished | None:
        """Record the summary, or how its wave job ended; None when that is nothing new."""
        record = self._records.get(session_id)
        if record is None or (record.summary is None and record.complete is not None):
            return None
        known = record.summary
        record.summary = best = merged(known, summary)
        if best is known:
            return None
        self._settle(record, now)
        return self._numbered(SummaryReported(session_id=session_id, summary=summary))

    def turn1_complete(self, session_id: str, now: float) -> FactPublished | None:
        """Close Turn 1; None when it was closed before."""
        record = self._records.get(session_id)
        if record is None or record.turn1 is not None:
            return None
        record.turn1_at = now
        record.turn1 = Turn1Complete(
            session_id=session_id, slots=record.begun.slots, utterances=(), age_s=0.0
        )
        return self._numbered(structs.replace(record.turn1, utterances=record.of_turns(1)))

    def turn3_complete(
        self, session_id: str, dialogues: tuple[Dialogue, ...], now: float
    ) -> FactPublished | None:
        """Close the turns; None when they were closed before."""
        record = self._records.get(session_id)
        if record is None or record.turn3 is not None:
            return None
        record.turn3_at = now
        record.turn3 = Turn3Complete(
            session_id=session_id,
            slots=record.begun.slots,
            utterances=(),
            dialogues=dialogues,
            age_s=0.0,
        )
        return self._numbered(structs.replace(record.turn3, utterances=record.of_turns(1, 2, 3)))

    def session_complete(
        self, session_id: str, now: float, *, stopped: bool
    ) -> FactPublished | None:
        """Close the session; None when it was closed before."""
        record = self._records.get(session_id)
        if record is None or record.complete is not None:
            return None
        record.complete_at = now
        record.complete = SessionComplete(session_id=session_id, stopped=stopped, age_s=0.0)
        self._settle(record, now)
        return self._numbered(structs.replace(record.complete, summary=record.summary))

    def session_ids(self) -> tuple[str, ...]:
        """Return the sessions of a snapshot taken now."""
        return tuple(self._records)

    def snapshot_of(self, session_id: str, now: float) -> SnapshotSession | None:
        """Return a session as a snapshot holds it; None when it is gone."""
        record = self._records.get(session_id)
        if record is None:
            return None
        return SnapshotSession(
            epoch=self.epoch,
            begun=record.begun,
            sentiment=_aged(record.sentiment, now - record.sentiment_at),
            utterances=record.of_turns(1, 2, 3),
            turn1=_aged(record.turn1, now - record.turn1_at),
            turn3=_aged(record.turn3, now - record.turn3_at),
            summary=record.summary,
            complete=_aged(record.complete, now - record.complete_at),
        )

    def forget(self, now: float) -> int:
        """Remove settled sessions that are past their time (rule 3); return how many."""
        settled = [
            (record.settled_at, session_id)
            for session_id, record in self._records.items()
            if record.settled_at is not None
        ]
        settled.sort(reverse=True)
        gone = [
            session_id
            for place, (settled_at, session_id) in enumerate(settled)
            if place >= MAX_FINISHED or now - settled_at > self._keep_s
        ]
        for session_id in gone:
            del self._records[session_id]
        return len(gone)

    def drop(self, session_id: str) -> None:
        """Forget a session at once; what is still to come of it is ignored."""
        self._records.pop(session_id, None)

    def _settle(self, record: Record, now: float) -> None:
        if record.complete and record.settled_at is None and not record.pending:
            record.settled_at = now

    def _numbered(self, fact: Fact) -> FactPublished:
        self.n += 1
        return FactPublished(epoch=self.epoch, n=self.n, fact=fact)


def _aged(fact: Aging | None, age_s: float) -> Aging | None:
    """Return a fact, if there is one, as it is now."""
    return None if fact is None else structs.replace(fact, age_s=max(0.0, age_s))
