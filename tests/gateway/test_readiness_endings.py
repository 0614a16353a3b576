"""How a session ends: closed, given up, or judged in the backend's silence."""

from event_gateway.core.decisions import (
    BackendBack,
    BackendSilent,
    EpochRetired,
    Origin,
    SessionClosed,
    SnapshotMerged,
    Turn1Due,
)
from shared_schema.facts import UtteranceReported
from tests.support.readiness import ALL_DECIDED, machine, names, publish
from tests.support.sessions import whole


def test_silence_decides_what_is_due_and_the_backend_may_come_back() -> None:
    """While silent, unresolved counts as failed; back, the session's dialogues come as usual."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    publish(readiness, truth.begun(), one)
    (turn1,) = readiness.apply(BackendSilent(), 20.0)
    assert isinstance(turn1, Turn1Due)
    assert turn1.missing_slot_ids == (2, 3, 4, 5, 6)
    assert readiness.apply(BackendBack(), 25.0) == []
    assert names(publish(readiness, *truth.facts(), now=26.0)) == ALL_DECIDED[1:]


def test_silence_does_not_judge_a_session_whose_slots_are_unknown() -> None:
    """A worker's word alone does not say how many slots were asked for."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    publish(readiness, one)
    assert readiness.apply(BackendSilent(), 20.0) == []


def test_a_retired_epoch_gives_its_sessions_up() -> None:
    """Turn 1 is told once with what is ready; no dialogues, since Turn 3 had not completed."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    publish(readiness, truth.begun(), one)
    assert readiness.apply(EpochRetired("another"), 1.0) == []
    assert names(readiness.apply(EpochRetired("life"), 1.0)) == [ALL_DECIDED[0], ALL_DECIDED[3]]


def test_a_session_given_up_after_turn3_still_tells_its_dialogues() -> None:
    """What Turn 3 completed can be played with what is ready."""
    truth = whole()
    readiness = machine()
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(2, 2))
    told = publish(readiness, *[fact for fact in truth.facts() if fact != late])
    assert names(told) == ["Turn1Due turn1"]
    assert names(readiness.apply(EpochRetired("life"), 1.0)) == ALL_DECIDED[1:]


def test_a_session_of_which_only_a_worker_spoke_is_told_as_far_as_it_is_known() -> None:
    """Given up without its beginning, Turn 1 holds the slots that were heard of."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 5))
    publish(readiness, one)
    turn1, closed = readiness.apply(EpochRetired("life"), 1.0)
    assert isinstance(turn1, Turn1Due)
    assert turn1.slots_expected == 1
    assert isinstance(closed, SessionClosed)


def test_a_session_of_whose_turn1_nothing_is_known_closes_without_a_word() -> None:
    """A late comment of a session that nobody knows any more is no reason for an event."""
    truth = whole()
    readiness = machine()
    comment = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(2, 1))
    publish(readiness, comment)
    assert names(readiness.apply(EpochRetired("life"), 1.0)) == ["SessionClosed closed"]


def test_absence_from_a_snapshot_counts_only_if_it_is_recent_enough() -> None:
    """A snapshot taken before the session's first fact, or of another life, says nothing."""
    readiness = machine()
    readiness.apply(whole().begun(), 0.0, origin=Origin("life", 5))
    nobody = frozenset[str]()
    assert readiness.apply(SnapshotMerged("life", 4, nobody), 1.0) == []
    assert readiness.apply(SnapshotMerged("other", 9, nobody), 1.0) == []
    assert readiness.apply(SnapshotMerged("life", 9, frozenset({whole().session_id})), 1.0) == []
    assert names(readiness.apply(SnapshotMerged("life", 5, nobody), 1.0)) == [
        ALL_DECIDED[0],
        ALL_DECIDED[3],
    ]


def test_a_workers_word_alone_is_not_missed_in_a_snapshot() -> None:
    """A session known by its fast path only has no number, so no snapshot can lack it."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    readiness.apply(one, 0.0, origin=Origin("life"))
    assert readiness.apply(SnapshotMerged("life", 99, frozenset()), 1.0) == []
    assert len(readiness) == 1


def test_every_session_has_a_time_limit() -> None:
    """A session that never ends is told as far as it came, and let go; too old to send."""
    readiness = machine()
    publish(readiness, whole().begun())
    assert readiness.advance(899.0) == []
    turn1, closed = readiness.advance(900.0)
    assert isinstance(turn1, Turn1Due)
    assert not turn1.live
    assert isinstance(closed, SessionClosed)
    assert closed.reason == "its time is up"


def test_a_session_taken_up_again_repeats_nothing() -> None:
    """What the outbox says was decided is not decided again."""
    assert names(publish(machine("turn1", "turn23-slot1"), whole().snapshot())) == ALL_DECIDED[2:]


def test_a_closed_session_is_not_taken_up_again() -> None:
    """Whatever is still said of it; it has no deadline either."""
    readiness = machine("turn1", "closed")
    assert publish(readiness, *whole().facts(), whole().snapshot()) == []
    assert len(readiness) == 0
    assert readiness.next_deadline() is None


def test_a_closed_session_says_why() -> None:
    """All was decided, or it was abandoned: its backend is gone or no longer has it."""
    comment = UtteranceReported(session_id=whole().session_id, utterance=whole().utterance(2, 1))
    nobody = SnapshotMerged("life", 1, frozenset())
    for fact, end, reason in (
        (whole().begun(), EpochRetired("life"), "its backend is gone"),
        (comment, EpochRetired("life"), "its backend is gone"),
        (whole().begun(), nobody, "its backend no longer has it"),
    ):
        readiness = machine()
        publish(readiness, fact)
        closed = readiness.apply(end, 1.0)[-1]
        assert isinstance(closed, SessionClosed)
        assert closed.reason == reason
    closed = publish(machine(), whole().snapshot())[-1]
    assert isinstance(closed, SessionClosed)
    assert closed.reason == "all decided"


def test_a_session_closes_only_when_it_is_complete() -> None:
    """Everything is decided, but the backend may add something; its last word closes it."""
    truth = whole()
    readiness = machine()
    facts = [fact for fact in truth.facts() if fact != truth.complete()]
    assert names(publish(readiness, *facts)) == ALL_DECIDED[:-1]
    assert len(readiness) == 1
    assert names(publish(readiness, truth.complete())) == ["SessionClosed closed"]
    assert len(readiness) == 0


def test_completion_may_come_first_and_twice() -> None:
    """A session that is complete still waits for its events."""
    truth = whole()
    readiness = machine()
    facts = [fact for fact in truth.facts() if fact != truth.complete()]
    assert publish(readiness, truth.complete(), truth.complete()) == []
    assert names(publish(readiness, *facts)) == ALL_DECIDED


def test_a_session_that_is_never_complete_ends_with_its_backend() -> None:
    """Its events were decided; nothing more can come."""
    truth = whole()
    readiness = machine()
    publish(readiness, *[fact for fact in truth.facts() if fact != truth.complete()])
    assert names(readiness.apply(EpochRetired("life"), 1.0)) == ["SessionClosed closed"]
