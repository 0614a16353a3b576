"""What is due, when: one session at a time."""

from msgspec import structs

from event_gateway.decisions import (
    BackendBack,
    BackendSilent,
    Decision,
    DialogueDropped,
    DialogueDue,
    EpochRetired,
    Origin,
    SessionClosed,
    SnapshotJoined,
    Turn1Due,
)
from event_gateway.readiness import Limits, Readiness
from shared_schema.bus import SnapshotSession
from shared_schema.facts import SessionBegun, UtteranceReported, WaveReady
from tests.sessions import Truth, slot_agent, utterance, whole

LIMITS = Limits(turn1_timeout_s=15, dialogue_timeout_s=30, session_limit_s=900, replay_window_s=300)
HERE = Origin("life", 1)


def machine() -> Readiness:
    return Readiness(LIMITS)


def tell(readiness: Readiness, *facts: object, now: float = 0.0) -> list[Decision]:
    return [
        decision
        for fact in facts
        for decision in readiness.apply(fact, now, origin=HERE)  # type: ignore[arg-type]
    ]


def names(decisions: list[Decision]) -> list[str]:
    return [f"{type(decision).__name__} {decision.key}" for decision in decisions]


TOLD = [
    "Turn1Due turn1",
    "DialogueDue turn23-slot1",
    "DialogueDue turn23-slot2",
    "SessionClosed closed",
]


def test_a_whole_session_is_told_in_order() -> None:
    """Turn 1, then each dialogue in increasing target slot, then the session is closed."""
    readiness = machine()
    decisions = tell(readiness, *whole().facts())
    assert names(decisions) == TOLD
    turn1, first, second, _ = decisions
    assert isinstance(turn1, Turn1Due)
    assert isinstance(first, DialogueDue)
    assert isinstance(second, DialogueDue)
    assert [each.slot_id for each in turn1.ready] == [1, 2, 3, 4, 5, 6]
    assert turn1.missing_slot_ids == ()
    assert [each.slot_id for each in first.commenters] == [2, 4, 5, 6]
    assert first.respondent.slot_id == 1
    assert [each.slot_id for each in second.commenters] == [1, 3]
    assert first.dialogue_count == second.dialogue_count == 2
    assert len(readiness) == 0


def test_turn1_is_told_before_turn1_completed_when_all_slots_are_ready() -> None:
    """The event waits for nothing that it does not need."""
    truth = whole()
    readiness = machine()
    reports = [
        UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, slot))
        for slot in truth.slots
    ]
    assert names(tell(readiness, truth.begun(), *reports)) == ["Turn1Due turn1"]


def test_a_known_failure_is_not_waited_for() -> None:
    """One broken slot makes Turn 1 partial at once, without any deadline."""
    decisions = tell(machine(), *whole(lost=frozenset({(1, 4)})).facts())
    turn1 = decisions[0]
    assert isinstance(turn1, Turn1Due)
    assert turn1.missing_slot_ids == (4,)
    assert [each.slot_id for each in turn1.ready] == [1, 2, 3, 5, 6]


def test_all_slots_broken_is_one_empty_event() -> None:
    """With nothing ready the Turn 1 event still comes, with no slots."""
    lost = frozenset((1, slot) for slot in range(1, 7))
    turn1 = tell(machine(), *whole(lost=lost).facts())[0]
    assert isinstance(turn1, Turn1Due)
    assert turn1.ready == ()
    assert turn1.slots_expected == 6


def test_a_broken_respondent_drops_its_dialogue_only() -> None:
    """The dialogue that can't be played is dropped and the other one comes."""
    decisions = tell(machine(), *whole(lost=frozenset({(3, 1)})).facts())
    assert names(decisions)[1:3] == ["DialogueDropped turn23-slot1", "DialogueDue turn23-slot2"]


def test_a_broken_commenter_is_left_out() -> None:
    """The dialogue comes without the commenter and names it as missing."""
    due = tell(machine(), *whole(lost=frozenset({(2, 1)})).facts())[2]
    assert isinstance(due, DialogueDue)
    assert [each.slot_id for each in due.commenters] == [3]
    assert due.missing_commenter_slot_ids == (1,)


def test_turn1_deadline_tells_what_is_ready() -> None:
    """15 s after Turn 1 completed the event goes out without the slots that are late."""
    truth = whole()
    readiness = machine()
    tell(readiness, truth.begun(), truth.turn1(ended=False), now=100.0)
    ready = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 2))
    assert tell(readiness, ready, now=101.0) == []
    assert readiness.advance(114.9) == []
    (turn1,) = readiness.advance(115.0)
    assert isinstance(turn1, Turn1Due)
    assert [each.slot_id for each in turn1.ready] == [2]
    assert turn1.missing_slot_ids == (1, 3, 4, 5, 6)


def test_a_late_slot_changes_nothing_that_was_decided() -> None:
    """What becomes ready after the event does not lead to another."""
    truth = whole()
    readiness = machine()
    tell(readiness, truth.begun(), truth.turn1(ended=False))
    readiness.advance(15.0)
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 2))
    assert tell(readiness, late, now=16.0) == []


def test_an_earlier_dialogue_holds_back_a_later_one() -> None:
    """Dialogue 2 is ready first and yet comes second."""
    truth = whole()
    readiness = machine()
    facts = truth.facts()
    last = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(3, 1))
    before = tell(readiness, *[fact for fact in facts if fact != last])
    assert names(before) == ["Turn1Due turn1"]
    assert names(tell(readiness, last)) == TOLD[1:]


def test_one_deadline_for_all_dialogues() -> None:
    """30 s after Turn 3: with a respondent partial, without one dropped, and then closed."""
    truth = whole()
    readiness = machine()
    tell(readiness, truth.begun(), truth.turn1(), truth.turn3(ended=False), now=0.0)
    tell(
        readiness,
        UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(3, 2)),
        now=1.0,
    )
    assert readiness.advance(29.9) == []
    first, second, closed = readiness.advance(30.0)
    assert isinstance(first, DialogueDropped)
    assert first.reason == "the respondent came too late"
    assert isinstance(second, DialogueDue)
    assert second.commenters == ()
    assert second.missing_commenter_slot_ids == (1, 3)
    assert isinstance(closed, SessionClosed)


def test_turn1_comes_first_even_when_dialogues_are_ready() -> None:
    """With one slot of Turn 1 late, dialogues that are ready wait behind the Turn 1 event."""
    truth = whole()
    readiness = machine()
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 6))
    assert tell(readiness, *[fact for fact in truth.facts() if fact != late]) == []
    assert names(readiness.advance(15.0)) == TOLD


def test_the_dialogue_deadline_also_ends_the_waiting_for_turn1() -> None:
    """A Turn 1 timeout that is longer than the dialogues' does not hold them back."""
    readiness = Readiness(
        Limits(turn1_timeout_s=1000, dialogue_timeout_s=5, session_limit_s=9000, replay_window_s=9)
    )
    truth = whole()
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 6))
    assert tell(readiness, *[fact for fact in truth.facts() if fact != late]) == []
    assert names(readiness.advance(5.0)) == TOLD


def test_deadlines_do_not_fire_while_facts_are_applied() -> None:
    """A fact that is read late is joined before anybody is judged late."""
    truth = whole()
    readiness = machine()
    tell(readiness, truth.begun(), truth.turn1(ended=False), now=0.0)
    reports = [
        UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, slot))
        for slot in truth.slots
    ]
    (turn1,) = tell(readiness, *reports, now=60.0)
    assert isinstance(turn1, Turn1Due)
    assert turn1.missing_slot_ids == ()


def test_a_turn_tells_its_age_and_the_earliest_deadline_counts() -> None:
    """A snapshot's Turn 1, 10 s old, is due 5 s later; a younger repetition moves nothing."""
    truth = whole()
    readiness = machine()
    tell(readiness, truth.turn1(ended=False, age_s=10.0), now=100.0)
    assert readiness.next_deadline() == 105.0
    tell(readiness, truth.turn1(ended=False, age_s=0.0), now=101.0)
    assert readiness.next_deadline() == 105.0


def test_an_age_beyond_the_timeout_is_due_now() -> None:
    """Deadlines lie between now and now plus the timeout, however old the turn is."""
    readiness = machine()
    tell(readiness, whole().turn1(ended=False, age_s=1e6), now=7.0)
    assert readiness.next_deadline() == 7.0


def test_no_dialogues_no_dialogue_event() -> None:
    """A session with one slot has a Turn 1 event and is closed when it is over."""
    truth = Truth(
        session_id=whole().session_id, slots=(3,), targets={}, replied=(), ready=frozenset({(1, 3)})
    )
    assert names(tell(machine(), *truth.facts())) == ["Turn1Due turn1", "SessionClosed closed"]


def test_ready_beats_failed_beats_pending() -> None:
    """A worker's late success mends a failure that was assumed, and nothing undoes it."""
    truth = whole(lost=frozenset({(1, 1)}))
    readiness = machine()
    tell(readiness, truth.begun(), truth.turn1(ended=False))
    for ready in (False, True, None, False):
        told = utterance(truth.session_id, 1, 1, ready=ready)
        tell(readiness, UtteranceReported(session_id=truth.session_id, utterance=told))
    (session,) = readiness
    known = session.utterances[(1, 1)]
    assert isinstance(known.wave, WaveReady)


def test_silence_decides_what_is_due_and_the_backend_may_come_back() -> None:
    """While silent, unresolved counts as failed; back, the session's dialogues come as usual."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    tell(readiness, truth.begun(), one)
    (turn1,) = readiness.apply(BackendSilent(), 20.0)
    assert isinstance(turn1, Turn1Due)
    assert turn1.missing_slot_ids == (2, 3, 4, 5, 6)
    assert readiness.apply(BackendBack(), 25.0) == []
    assert names(tell(readiness, *truth.facts(), now=26.0)) == TOLD[1:]


def test_silence_does_not_judge_a_session_whose_slots_are_unknown() -> None:
    """A worker's word alone does not say how many slots were asked for."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    tell(readiness, one)
    assert readiness.apply(BackendSilent(), 20.0) == []


def test_a_retired_epoch_gives_its_sessions_up() -> None:
    """Turn 1 is told once with what is ready; no dialogues, since Turn 3 had not completed."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    tell(readiness, truth.begun(), one)
    assert readiness.apply(EpochRetired("another"), 1.0) == []
    assert names(readiness.apply(EpochRetired("life"), 1.0)) == [TOLD[0], TOLD[3]]


def test_a_session_given_up_after_turn3_still_tells_its_dialogues() -> None:
    """What Turn 3 completed can be played with what is ready."""
    truth = whole()
    readiness = machine()
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(2, 2))
    told = tell(readiness, *[fact for fact in truth.facts() if fact != late])
    assert names(told) == ["Turn1Due turn1"]
    assert names(readiness.apply(EpochRetired("life"), 1.0)) == TOLD[1:]


def test_a_session_of_which_only_a_worker_spoke_is_told_as_far_as_it_is_known() -> None:
    """Given up without its beginning, Turn 1 holds the slots that were heard of."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 5))
    tell(readiness, one)
    turn1, closed = readiness.apply(EpochRetired("life"), 1.0)
    assert isinstance(turn1, Turn1Due)
    assert turn1.slots_expected == 1
    assert isinstance(closed, SessionClosed)


def test_a_session_of_whose_turn1_nothing_is_known_closes_without_a_word() -> None:
    """A late comment of a session that nobody knows any more is no reason for an event."""
    truth = whole()
    readiness = machine()
    comment = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(2, 1))
    tell(readiness, comment)
    assert names(readiness.apply(EpochRetired("life"), 1.0)) == ["SessionClosed closed"]


def test_absence_from_a_snapshot_counts_only_if_it_is_recent_enough() -> None:
    """A snapshot taken before the session's first fact, or of another life, says nothing."""
    readiness = machine()
    readiness.apply(whole().begun(), 0.0, origin=Origin("life", 5))
    nobody = frozenset[str]()
    assert readiness.apply(SnapshotJoined("life", 4, nobody), 1.0) == []
    assert readiness.apply(SnapshotJoined("other", 9, nobody), 1.0) == []
    assert readiness.apply(SnapshotJoined("life", 9, frozenset({whole().session_id})), 1.0) == []
    assert names(readiness.apply(SnapshotJoined("life", 5, nobody), 1.0)) == [TOLD[0], TOLD[3]]


def test_a_workers_word_alone_is_not_missed_in_a_snapshot() -> None:
    """A session known by its fast path only has no number, so no snapshot can lack it."""
    truth = whole()
    readiness = machine()
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    readiness.apply(one, 0.0, origin=Origin("life"))
    assert readiness.apply(SnapshotJoined("life", 99, frozenset()), 1.0) == []
    assert len(readiness) == 1


def test_every_session_has_a_time_limit() -> None:
    """A session that never ends is told as far as it came, and let go; too old to send."""
    readiness = machine()
    tell(readiness, whole().begun())
    assert readiness.advance(899.0) == []
    turn1, closed = readiness.advance(900.0)
    assert isinstance(turn1, Turn1Due)
    assert not turn1.live
    assert isinstance(closed, SessionClosed)
    assert closed.reason == "its time is up"


def test_what_is_older_than_the_replay_window_is_not_live() -> None:
    """A session that a snapshot tells long after its end is recorded and not sent."""
    for age_s, live in ((299.0, True), (400.0, False)):
        decisions = tell(machine(), whole().snapshot(age_s=age_s))
        assert names(decisions) == TOLD
        assert [each.live for each in decisions if hasattr(each, "live")] == [live] * 3


def test_a_restored_session_repeats_nothing() -> None:
    """What the outbox says was decided is not decided again."""
    truth = whole()
    readiness = machine()
    readiness.restore(truth.session_id, {"turn1", "turn23-slot1"}, 0.0)
    assert names(tell(readiness, truth.snapshot())) == TOLD[2:]


def test_deadlines_of_closed_sessions_do_not_pile_up() -> None:
    """After many sessions, what is kept for deadlines is bounded by the live ones."""
    readiness = machine()
    for number in range(2000):
        tell(readiness, *whole(number).facts())
    assert len(readiness) == 0
    assert len(readiness._deadlines) < 200


def test_a_session_begun_twice_with_the_same_slots_is_one() -> None:
    """A repeated beginning changes nothing."""
    truth = whole()
    readiness = machine()
    begun = SessionBegun(session_id=truth.session_id, slots=(slot_agent(1),))
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    assert names(tell(readiness, begun, begun, one, begun, one)) == ["Turn1Due turn1"]


def test_a_snapshot_of_a_running_session_is_joined() -> None:
    """Turn 1 is over, Turn 3 is not: the event is told and the session stays open."""
    truth = whole()
    readiness = machine()
    running = SnapshotSession(
        begun=truth.begun(),
        utterances=tuple(truth.utterance(1, slot) for slot in truth.slots),
        turn1=truth.turn1(age_s=3.0),
    )
    assert names(tell(readiness, running)) == ["Turn1Due turn1"]
    begun = SnapshotSession(begun=whole(2).begun())
    assert tell(readiness, begun) == []
    assert len(readiness) == 2


def test_a_fact_of_unknown_origin_is_used() -> None:
    """Where it came from matters for giving up only."""
    readiness = machine()
    assert readiness.apply(whole().begun(), 0.0) == []
    assert whole().session_id in readiness
    assert readiness.apply(EpochRetired("life"), 1.0) == []


def test_dialogues_already_decided_hold_nothing_back() -> None:
    """A restored session goes on with the dialogue that is not decided yet."""
    truth = whole()
    readiness = machine()
    readiness.restore(truth.session_id, {"turn1", "turn23-slot1"}, 0.0)
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(3, 2))
    assert tell(readiness, *[fact for fact in truth.facts() if fact != late]) == []
    assert names(tell(readiness, late)) == TOLD[2:]


def test_a_dialogue_names_what_it_needs_in_play_order() -> None:
    """The commenters of Turn 2 in increasing slot id, then the respondent of Turn 3."""
    truth = whole()
    readiness = machine()
    tell(readiness, truth.begun())
    (session,) = readiness
    assert session.needs(truth.dialogues[1]) == [(2, 1), (2, 3), (3, 2)]


def test_a_completed_turn_answers_for_its_own_slots_only() -> None:
    """Who is not among Turn 1's utterances has none; of Turns 2 and 3 that says nothing."""
    truth = whole()
    readiness = machine()
    tell(readiness, truth.turn1(ended=False))
    (session,) = readiness
    assert session.resolved(1, 7)
    assert not session.resolved(2, 1)
    assert not session.resolved(3, 1)


def test_a_slot_without_an_utterance_is_not_waited_for() -> None:
    """Turn 1 is over and slot 6 was silent: the event comes at once, without it."""
    turn1 = whole().turn1()
    (due,) = tell(machine(), structs.replace(turn1, utterances=turn1.utterances[:5]))
    assert isinstance(due, Turn1Due)
    assert due.missing_slot_ids == (6,)


def test_a_snapshot_tells_which_slots_were_asked_for() -> None:
    """A session known by a snapshot of its beginning has its event when its slots are ready."""
    truth = whole()
    reports = [
        UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, slot))
        for slot in truth.slots
    ]
    told = tell(machine(), SnapshotSession(begun=truth.begun()), *reports)
    assert names(told) == ["Turn1Due turn1"]


def test_the_last_moment_of_the_replay_window_is_live() -> None:
    """Turn 1 was due 15 s after its end and dialogues 30 s after theirs: 300 s later they count."""
    for age_s, live in ((315.0, [True] * 3), (316.0, [False, True, True]), (331.0, [False] * 3)):
        decisions = tell(machine(), whole().snapshot(age_s=age_s))
        assert [each.live for each in decisions if hasattr(each, "live")] == live
    dialogue = tell(machine(), whole().snapshot(age_s=330.0))[1]
    assert isinstance(dialogue, DialogueDue)
    assert dialogue.live


def test_the_earliest_end_that_was_told_decides_what_is_live() -> None:
    """A turn first heard of as new, and then as old, is old."""
    truth = whole()
    readiness = machine()
    tell(readiness, truth.turn1(ended=False), now=0.0)
    tell(readiness, truth.turn1(ended=False, age_s=400.0), now=1.0)
    (turn1,) = readiness.advance(1.0)
    assert isinstance(turn1, Turn1Due)
    assert not turn1.live
    readiness = machine()
    tell(readiness, truth.turn3(ended=False), now=0.0)
    decisions = tell(readiness, truth.turn3(age_s=400.0), now=1.0)
    assert [each.live for each in decisions if hasattr(each, "live")] == [False] * 3


def test_why_a_dialogue_was_dropped_is_told() -> None:
    """A respondent that failed is not called late."""
    dropped = tell(machine(), *whole(lost=frozenset({(3, 1)})).facts())[1]
    assert isinstance(dropped, DialogueDropped)
    assert dropped.reason == "the respondent failed"


def test_why_a_session_was_closed_is_told() -> None:
    """Told to its end, or given up: its backend is gone or has forgotten it."""
    comment = UtteranceReported(session_id=whole().session_id, utterance=whole().utterance(2, 1))
    nobody = SnapshotJoined("life", 1, frozenset())
    for fact, end, reason in (
        (whole().begun(), EpochRetired("life"), "its backend is gone"),
        (comment, EpochRetired("life"), "its backend is gone"),
        (whole().begun(), nobody, "its backend knows it no more"),
    ):
        readiness = machine()
        tell(readiness, fact)
        closed = readiness.apply(end, 1.0)[-1]
        assert isinstance(closed, SessionClosed)
        assert closed.reason == reason
    closed = tell(machine(), whole().snapshot())[-1]
    assert isinstance(closed, SessionClosed)
    assert closed.reason == "told"
