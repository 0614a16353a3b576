"""What is due: one session at a time."""

from msgspec import structs

from event_gateway.core.decisions import (
    DialogueDropped,
    DialogueDue,
    EpochRetired,
    Turn1Due,
)
from shared_schema.bus import SnapshotSession
from shared_schema.facts import SessionBegun, UtteranceReported, WaveReady
from shared_schema.ids import TurnIndex
from tests.support.readiness import ALL_DECIDED, machine, names, publish
from tests.support.sessions import Truth, slot_agent, utterance, whole


def test_a_whole_session_is_told_in_order() -> None:
    """Turn 1, then each dialogue in increasing target slot, then the session is closed."""
    readiness = machine()
    decisions = publish(readiness, *whole().facts())
    assert names(decisions) == ALL_DECIDED
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
    assert names(publish(readiness, truth.begun(), *reports)) == ["Turn1Due turn1"]


def test_a_known_failure_is_not_waited_for() -> None:
    """One broken slot makes Turn 1 partial at once, without any deadline."""
    decisions = publish(machine(), *whole(lost=frozenset({(1, 4)})).facts())
    turn1 = decisions[0]
    assert isinstance(turn1, Turn1Due)
    assert turn1.missing_slot_ids == (4,)
    assert [each.slot_id for each in turn1.ready] == [1, 2, 3, 5, 6]


def test_all_slots_broken_is_one_empty_event() -> None:
    """With nothing ready the Turn 1 event still comes, with no slots."""
    lost = frozenset((1, slot) for slot in range(1, 7))
    turn1 = publish(machine(), *whole(lost=lost).facts())[0]
    assert isinstance(turn1, Turn1Due)
    assert turn1.ready == ()
    assert turn1.slots_expected == 6


def test_a_broken_respondent_drops_its_dialogue_only() -> None:
    """The dialogue that can't be played is dropped and the other one comes."""
    decisions = publish(machine(), *whole(lost=frozenset({(3, 1)})).facts())
    assert names(decisions)[1:3] == ["DialogueDropped turn23-slot1", "DialogueDue turn23-slot2"]


def test_a_broken_commenter_is_left_out() -> None:
    """The dialogue comes without the commenter and names it as missing."""
    due = publish(machine(), *whole(lost=frozenset({(2, 1)})).facts())[2]
    assert isinstance(due, DialogueDue)
    assert [each.slot_id for each in due.commenters] == [3]
    assert due.missing_commenter_slot_ids == (1,)


def test_an_earlier_dialogue_holds_back_a_later_one() -> None:
    """Dialogue 2 is ready first and yet comes second."""
    truth = whole()
    readiness = machine()
    facts = truth.facts()
    last = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(3, 1))
    before = publish(readiness, *[fact for fact in facts if fact != last])
    assert names(before) == ["Turn1Due turn1"]
    assert names(publish(readiness, last)) == ALL_DECIDED[1:]


def test_no_dialogues_no_dialogue_event() -> None:
    """A session with one slot has a Turn 1 event and is closed when it is over."""
    truth = Truth(
        session_id=whole().session_id, slots=(3,), targets={}, replied=(), ready=frozenset({(1, 3)})
    )
    assert names(publish(machine(), *truth.facts())) == ["Turn1Due turn1", "SessionClosed closed"]


def test_ready_beats_failed_beats_pending() -> None:
    """A worker's late success mends a failure that was assumed, and nothing undoes it."""
    truth = whole(lost=frozenset({(1, 1)}))
    readiness = machine()
    publish(readiness, truth.begun(), truth.turn1(ended=False))
    for ready in (False, True, None, False):
        told = utterance(truth.session_id, 1, 1, ready=ready)
        publish(readiness, UtteranceReported(session_id=truth.session_id, utterance=told))
    (session,) = readiness
    known = session.utterance(1, 1)
    assert known is not None
    assert isinstance(known.wave, WaveReady)


def test_a_session_begun_twice_with_the_same_slots_is_one() -> None:
    """A repeated beginning changes nothing."""
    truth = whole()
    readiness = machine()
    begun = SessionBegun(session_id=truth.session_id, slots=(slot_agent(1),))
    one = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 1))
    assert names(publish(readiness, begun, begun, one, begun, one)) == ["Turn1Due turn1"]


def test_a_snapshot_of_a_running_session_is_joined() -> None:
    """Turn 1 is over, Turn 3 is not: the event is told and the session stays open."""
    truth = whole()
    readiness = machine()
    running = SnapshotSession(
        epoch="life",
        begun=truth.begun(),
        utterances=tuple(truth.utterance(1, slot) for slot in truth.slots),
        turn1=truth.turn1(age_s=3.0),
    )
    assert names(publish(readiness, running)) == ["Turn1Due turn1"]
    begun = SnapshotSession(epoch="life", begun=whole(2).begun())
    assert publish(readiness, begun) == []
    assert len(readiness) == 2


def test_a_fact_of_unknown_origin_is_used() -> None:
    """Where it came from matters for giving up only."""
    readiness = machine()
    assert readiness.apply(whole().begun(), 0.0) == []
    assert [session.session_id for session in readiness] == [whole().session_id]
    assert readiness.apply(EpochRetired("life"), 1.0) == []


def test_dialogues_already_decided_hold_nothing_back() -> None:
    """A session taken up again goes on with the dialogue that is not decided yet."""
    truth = whole()
    readiness = machine("turn1", "turn23-slot1")
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(3, 2))
    assert publish(readiness, *[fact for fact in truth.facts() if fact != late]) == []
    assert names(publish(readiness, late)) == ALL_DECIDED[2:]


def test_a_session_shows_what_was_heard_turn_by_turn() -> None:
    """In increasing slot id, whatever came first; and nothing where nothing was heard of."""
    truth = whole()
    readiness = machine()
    order: list[tuple[TurnIndex, int]] = [(3, 1), (1, 2), (2, 3), (1, 1)]
    for turn, slot in order:
        publish(
            readiness,
            UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(turn, slot)),
        )
    (session,) = readiness
    heard = [(each.turn_index, each.slot_id) for each in session.utterances]
    assert heard == [(1, 1), (1, 2), (2, 3), (3, 1)]
    assert session.slot_ids == (1, 2)
    assert session.utterance(2, 1) is None


def test_a_dialogue_names_what_it_needs_in_play_order() -> None:
    """The commenters of Turn 2 in increasing slot id, then the respondent of Turn 3."""
    truth = whole()
    readiness = machine()
    publish(readiness, truth.begun())
    (session,) = readiness
    assert session.needs(truth.dialogues[1]) == [(2, 1), (2, 3), (3, 2)]


def test_a_completed_turn_answers_for_its_own_slots_only() -> None:
    """Who is not among Turn 1's utterances has none; of Turns 2 and 3 that says nothing."""
    truth = whole()
    readiness = machine()
    publish(readiness, truth.turn1(ended=False))
    (session,) = readiness
    assert session.resolved(1, 7)
    assert not session.resolved(2, 1)
    assert not session.resolved(3, 1)


def test_a_slot_without_an_utterance_is_not_waited_for() -> None:
    """Turn 1 is over and slot 6 was silent: the event comes at once, without it."""
    turn1 = whole().turn1()
    (due,) = publish(machine(), structs.replace(turn1, utterances=turn1.utterances[:5]))
    assert isinstance(due, Turn1Due)
    assert due.missing_slot_ids == (6,)


def test_a_snapshot_tells_which_slots_were_asked_for() -> None:
    """A session known by a snapshot of its beginning has its event when its slots are ready."""
    truth = whole()
    reports = [
        UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, slot))
        for slot in truth.slots
    ]
    told = publish(machine(), SnapshotSession(epoch="life", begun=truth.begun()), *reports)
    assert names(told) == ["Turn1Due turn1"]


def test_why_a_dialogue_was_dropped_is_told() -> None:
    """A respondent that failed is not called late."""
    dropped = publish(machine(), *whole(lost=frozenset({(3, 1)})).facts())[1]
    assert isinstance(dropped, DialogueDropped)
    assert dropped.reason == "the respondent failed"
