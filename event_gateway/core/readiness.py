"""Decides which event of which session is due, and when: facts go in, decisions come out.

This module has no clock, socket or randomness.

Rules
-----
1. Facts only merge. Each slot of each turn has at most one utterance, whose wave is pending, failed
   or ready; ready beats failed beats pending, in any order, any number of times.
2. The Turn 1 event is due when every requested slot is *resolved* (ready or failed), or the Turn 1
   timeout after Turn 1 completed, or when the session is abandoned. It is produced once, and first.
3. Dialogues exist only once Turn 3 is complete, and are decided in their order. One is due when its
   commenters and its respondent are resolved, or the dialogue timeout after Turn 3 completed (one
   deadline for all, which also makes a missing Turn 1 event due). It is produced if its respondent
   is ready, with the commenters that are, and dropped if not.
4. A decision is final, whatever becomes ready later.
5. A session closes when it is complete (the backend will add nothing) and all its events are
   decided; then it is removed from memory. For a session that is not in memory, `recall` returns
   its earlier decisions, from the outbox.
6. Deadlines are computed from a turn's age and clamped to the timeout; the earliest one counts.
   They expire only in `advance`, which is called after the bus was drained.
7. The sentiment event is due as soon as the sentiment is known, and before the Turn 1 event or
   never. Nothing waits for it.
8. The summary event is due once, when a summary is known (which has a text), all dialogues are
   decided, and its waves are resolved; or the dialogue timeout after the session was complete,
   which also makes due what comes before it. A complete session without a summary has none.
9. While the backend is silent, unresolved waves count as failed, for now. A session is abandoned
   when its backend's epoch is over, when a complete snapshot lacks it, or when its time is up: then
   Turn 1 is produced once with what is ready, and dialogues and a known summary only if Turn 3 had
   completed. A session without any fact about Turn 1 closes without an event.
"""

import heapq
from collections.abc import Callable, Collection, Iterator
from typing import Final

from msgspec import Struct

from event_gateway.core.decisions import (
    CLOSED_KEY,
    SENTIMENT_KEY,
    SUMMARY_KEY,
    BackendBack,
    BackendSilent,
    Decision,
    DialogueDropped,
    DialogueDue,
    EpochRetired,
    Observation,
    Origin,
    SentimentDue,
    SessionClosed,
    SnapshotMerged,
    SummaryDue,
    Turn1Due,
)
from event_gateway.core.session import Session
from shared_schema.bus import SnapshotSession
from shared_schema.facts import (
    Dialogue,
    Fact,
    SentimentReported,
    SessionBegun,
    SessionComplete,
    Summary,
    SummaryReported,
    Turn1Complete,
    Turn3Complete,
    UtteranceReported,
    WavePending,
    merged,
)

# The heap is rebuilt when deadlines of closed sessions are this many times those of live ones.
_STALE_FACTOR: Final = 4


# Returns the keys of earlier decisions about the session of a fact.
Recall = Callable[[Fact | SnapshotSession], Collection[str]]


class Limits(Struct, frozen=True, kw_only=True):
    """Time limits, in seconds."""

    turn1_timeout_s: float
    dialogue_timeout_s: float
    session_limit_s: float
    replay_window_s: float


class Readiness:
    """All live sessions. Methods that may decide return their decisions, in order."""

    def __init__(self, limits: Limits, recall: Recall = lambda _: ()) -> None:
        self._limits = limits
        self._recall = recall
        self._sessions: dict[str, Session] = {}
        self._deadlines: list[tuple[float, str]] = []
        self._silent = False

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def apply(
        self, observation: Observation, now: float, origin: Origin | None = None
    ) -> list[Decision]:
        """Merge an observation, and return the decisions that it causes."""
        match observation:
            case SnapshotMerged():
                return self._abandon_absent(observation, now)
            case EpochRetired(epoch=epoch):
                gone = [s for s in self._sessions.values() if s.epoch == epoch]
                return self._abandon(gone, "its backend is gone", now)
            case BackendSilent():
                self._silent = True
                return self._decide_all(now)
            case BackendBack():
                self._silent = False
                return []
            case _:
                return self._apply_fact(observation, now, origin)

    def _apply_fact(
        self, fact: Fact | SnapshotSession, now: float, origin: Origin | None
    ) -> list[Decision]:
        session = self._sessions.get(fact.session_id) or self._take_up(fact, now)
        if session is None:
            return []
        if origin is not None:
            session.epoch = origin.epoch
            if origin.n is not None and origin.n < session.first_n:
                session.first_n = origin.n
        if isinstance(fact, UtteranceReported):
            utterance = fact.utterance
            session.merge(utterance)
            # Most make nothing due: the job has only begun, or the dialogues are not known yet.
            # This check avoids `_decide`, which is slower.
            if isinstance(utterance.wave, WavePending):
                return []
            if utterance.turn_index != 1 and session.dialogues is None:
                return []
        else:
            self._merge(session, fact, now)
        return self._decide(session, now)

    def advance(self, now: float) -> list[Decision]:
        """Return the decisions that the time makes due."""
        decisions: list[Decision] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, session_id = heapq.heappop(self._deadlines)
            session = self._sessions.get(session_id)
            if session is None:
                continue
            if now >= session.begun_at + self._limits.session_limit_s:
                decisions += self._abandon([session], "its time is up", now)
            else:
                decisions += self._decide(session, now, by_clock=True)
        return decisions

    def drop(self, session_id: str) -> bool:
        """Forget a session without any decision; return whether it was known."""
        return self._sessions.pop(session_id, None) is not None

    def next_deadline(self) -> float | None:
        """Return the next deadline, if there is one."""
        return self._deadlines[0][0] if self._deadlines else None

    def _take_up(self, fact: Fact | SnapshotSession, now: float) -> Session | None:
        """Return a new session for this fact, or None if its session was closed before (rule 5)."""
        decided = self._recall(fact)
        if CLOSED_KEY in decided:
            return None
        session = self._sessions[fact.session_id] = Session(
            session_id=fact.session_id, begun_at=now, decided=set(decided)
        )
        self._set_deadline(session, now + self._limits.session_limit_s)
        return session

    def _merge(
        self,
        session: Session,
        fact: SessionBegun
        | Turn1Complete
        | Turn3Complete
        | SentimentReported
        | SummaryReported
        | SessionComplete
        | SnapshotSession,
        now: float,
    ) -> None:
        match fact:
            case SessionBegun(slots=slots):
                session.slots = slots
            case Turn1Complete():
                session.merge_turn(fact)
                self._turn1_ended(session, now - fact.age_s, now)
            case Turn3Complete():
                session.merge_turn(fact)
                self._turn3_ended(session, fact, now)
            case SentimentReported():
                session.sentiment = fact
                session.sentiment_at = now - fact.age_s
            case SummaryReported(summary=summary):
                session.summary = merged(session.summary, summary)
            case SessionComplete():
                self._completed(session, fact, now)
            case _:
                session.slots = fact.begun.slots
                for utterance in fact.utterances:
                    session.merge(utterance)
                if fact.summary is not None:
                    session.summary = merged(session.summary, fact.summary)
                for part in (fact.sentiment, fact.turn1, fact.turn3, fact.complete):
                    if part is not None:
                        self._merge(session, part, now)

    def _turn1_ended(self, session: Session, ended_at: float, now: float) -> None:
        if session.turn1_at is None or ended_at < session.turn1_at:
            session.turn1_at = ended_at
        deadline = max(now, ended_at + self._limits.turn1_timeout_s)
        if deadline < session.turn1_deadline:
            session.turn1_deadline = deadline
            self._set_deadline(session, deadline)

    def _turn3_ended(self, session: Session, turn: Turn3Complete, now: float) -> None:
        ended_at = now - turn.age_s
        if session.turn3_at is None or ended_at < session.turn3_at:
            session.turn3_at = ended_at
        # Turn 1 cannot have ended after Turn 3; its own message may have been lost.
        self._turn1_ended(session, ended_at, now)
        session.dialogues = turn.dialogues
        deadline = max(now, ended_at + self._limits.dialogue_timeout_s)
        if deadline < session.turn3_deadline:
            session.turn3_deadline = deadline
            self._set_deadline(session, deadline)

    def _completed(self, session: Session, fact: SessionComplete, now: float) -> None:
        session.complete = True
        if fact.summary is not None:
            session.summary = merged(session.summary, fact.summary)
        if session.summary is None:
            return
        ended_at = now - fact.age_s
        if session.complete_at is None or ended_at < session.complete_at:
            session.complete_at = ended_at
        deadline = max(now, ended_at + self._limits.dialogue_timeout_s)
        if deadline < session.summary_deadline:
            session.summary_deadline = deadline
            self._set_deadline(session, deadline)

    def _abandon_absent(self, snapshot: SnapshotMerged, now: float) -> list[Decision]:
        absent = [
            session
            for session in self._sessions.values()
            if session.epoch == snapshot.epoch
            and session.first_n <= snapshot.n
            and session.session_id not in snapshot.session_ids
        ]
        return self._abandon(absent, "its backend no longer has it", now)

    def _abandon(self, sessions: list[Session], reason: str, now: float) -> list[Decision]:
        decisions: list[Decision] = []
        for session in sessions:
            session.abandoned = reason
            decisions += self._decide(session, now)
        return decisions

    def _decide_all(self, now: float) -> list[Decision]:
        return [
            decision
            for session in list(self._sessions.values())
            for decision in self._decide(session, now)
        ]

    def _decide(self, session: Session, now: float, *, by_clock: bool = False) -> list[Decision]:
        """Return the due decisions of one session, and close it when none is left.

        The sentiment and Turn 1 come first (rules 7 and 2), then the dialogues in their order
        (rule 3) and the summary (rule 8), then the end (rule 5). While the backend is silent or if
        the session is abandoned, there is no waiting (rule 9). Deadlines count only if the call is
        due to the clock (rule 6): `by_clock`.
        """
        decisions: list[Decision] = []
        if session.sentiment is not None:
            self._decide_sentiment(session, session.sentiment, now, decisions)
        hopeless = self._silent or session.abandoned is not None
        summary_is_over = hopeless or (by_clock and now >= session.summary_deadline)
        turn3_is_over = summary_is_over or (by_clock and now >= session.turn3_deadline)
        if not session.turn1_decided:
            turn1_is_over = turn3_is_over or (by_clock and now >= session.turn1_deadline)
            if session.can_decide_turn1 and (turn1_is_over or session.turn1_resolved):
                decisions.append(self._turn1(session, now))
            elif session.abandoned is None:
                return decisions
        elif session.dialogues is None and session.abandoned is None:
            return decisions
        pending = self._decide_dialogues(session, now, turn3_is_over, decisions)
        if session.summary is not None and session.dialogues is not None and not pending:
            pending = self._decide_summary(
                session, session.summary, now, summary_is_over, decisions
            )
        session.decided.update(decision.key for decision in decisions)
        reason = session.abandoned
        if reason is None and session.complete and session.dialogues is not None and not pending:
            reason = "all decided"
        if reason is not None:
            del self._sessions[session.session_id]
            decisions.append(SessionClosed(session_id=session.session_id, reason=reason))
        return decisions

    def _decide_sentiment(
        self, session: Session, reported: SentimentReported, now: float, decisions: list[Decision]
    ) -> None:
        """Decide the sentiment, unless it was decided, or is too late."""
        if session.turn1_decided or SENTIMENT_KEY in session.decided:
            return
        session.decided.add(SENTIMENT_KEY)
        live = now - session.sentiment_at <= self._limits.replay_window_s
        decisions.append(
            SentimentDue(session_id=session.session_id, sentiment=reported.sentiment, live=live)
        )

    def _turn1(self, session: Session, now: float) -> Turn1Due:
        slot_ids = session.slot_ids
        ready = {slot: session.ready(1, slot) for slot in slot_ids}
        return Turn1Due(
            session_id=session.session_id,
            slots_expected=len(slot_ids),
            ready=tuple(utterance for utterance in ready.values() if utterance is not None),
            missing_slot_ids=tuple(slot for slot in slot_ids if ready[slot] is None),
            live=self._is_live(session, session.turn1_at, self._limits.turn1_timeout_s, now),
        )

    def _decide_dialogues(
        self, session: Session, now: float, turn3_is_over: bool, decisions: list[Decision]
    ) -> bool:
        """Decide dialogues in their order; return whether one is still undecided."""
        for dialogue in session.dialogues or ():
            if dialogue.dialogue_id in session.decided:
                continue
            if not (turn3_is_over or session.dialogue_resolved(dialogue)):
                return True
            decisions.append(self._dialogue(session, dialogue, now))
        return False

    def _dialogue(
        self, session: Session, dialogue: Dialogue, now: float
    ) -> DialogueDue | DialogueDropped:
        respondent = session.ready(3, dialogue.target_slot_id)
        if respondent is None:
            failed = session.resolved(3, dialogue.target_slot_id)
            return DialogueDropped(
                session_id=session.session_id,
                dialogue=dialogue,
                reason="the respondent failed" if failed else "the respondent was too late",
            )
        ready = {slot: session.ready(2, slot) for slot in sorted(dialogue.commenter_slot_ids)}
        return DialogueDue(
            session_id=session.session_id,
            dialogue=dialogue,
            commenters=tuple(utterance for utterance in ready.values() if utterance is not None),
            respondent=respondent,
            missing_commenter_slot_ids=tuple(slot for slot in ready if ready[slot] is None),
            dialogue_count=len(session.dialogues or ()),
            live=self._is_live(session, session.turn3_at, self._limits.dialogue_timeout_s, now),
        )

    def _decide_summary(
        self,
        session: Session,
        summary: Summary,
        now: float,
        summary_is_over: bool,
        decisions: list[Decision],
    ) -> bool:
        """Decide the summary; return whether it is still undecided."""
        if SUMMARY_KEY in session.decided:
            return False
        if isinstance(summary.wave, WavePending) and not summary_is_over:
            return True
        ended_at, timeout_s = session.complete_at, self._limits.dialogue_timeout_s
        live = self._is_live(session, ended_at, timeout_s, now)
        decisions.append(SummaryDue(session_id=session.session_id, summary=summary, live=live))
        return False

    def _is_live(
        self, session: Session, ended_at: float | None, timeout_s: float, now: float
    ) -> bool:
        """Return whether it was due, at the latest, within the replay window."""
        due_at = session.begun_at if ended_at is None else ended_at + timeout_s
        return now - due_at <= self._limits.replay_window_s

    def _set_deadline(self, session: Session, deadline: float) -> None:
        heapq.heappush(self._deadlines, (deadline, session.session_id))
        if len(self._deadlines) > 64 + _STALE_FACTOR * len(self._sessions):
            self._deadlines = [
                (deadline, session_id)
                for deadline, session_id in self._deadlines
                if session_id in self._sessions
            ]
            heapq.heapify(self._deadlines)
