"""When it is due: deadlines, what comes late, and the replay window."""

from event_gateway.core.decisions import (
    DialogueDropped,
    DialogueDue,
    SessionClosed,
    Turn1Due,
)
from event_gateway.core.readiness import Limits, Readiness
from shared_schema.facts import UtteranceReported
from tests.support.readiness import ALL_DECIDED, machine, names, publish
from tests.support.sessions import whole


def test_turn1_deadline_tells_what_is_ready() -> None:
    """15 s after Turn 1 completed the event goes out without the slots that are late."""
    truth = whole()
    readiness = machine()
    publish(readiness, truth.begun(), truth.turn1(ended=False), now=100.0)
    ready = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 2))
    assert publish(readiness, ready, now=101.0) == []
    assert readiness.advance(114.9) == []
    (turn1,) = readiness.advance(115.0)
    assert isinstance(turn1, Turn1Due)
    assert [each.slot_id for each in turn1.ready] == [2]
    assert turn1.missing_slot_ids == (1, 3, 4, 5, 6)


def test_a_late_slot_changes_nothing_that_was_decided() -> None:
    """What becomes ready after the event does not lead to another."""
    truth = whole()
    readiness = machine()
    publish(readiness, truth.begun(), truth.turn1(ended=False))
    readiness.advance(15.0)
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 2))
    assert publish(readiness, late, now=16.0) == []


def test_one_deadline_for_all_dialogues() -> None:
    """30 s after Turn 3: with a respondent partial, without one dropped, and then closed."""
    truth = whole()
    readiness = machine()
    ended = (truth.turn3(ended=False), truth.complete())
    publish(readiness, truth.begun(), truth.turn1(), *ended, now=0.0)
    publish(
        readiness,
        UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(3, 2)),
        now=1.0,
    )
    assert readiness.advance(29.9) == []
    first, second, closed = readiness.advance(30.0)
    assert isinstance(first, DialogueDropped)
    assert first.reason == "the respondent was too late"
    assert isinstance(second, DialogueDue)
    assert second.commenters == ()
    assert second.missing_commenter_slot_ids == (1, 3)
    assert isinstance(closed, SessionClosed)


def test_turn1_comes_first_even_when_dialogues_are_ready() -> None:
    """With one slot of Turn 1 late, dialogues that are ready wait behind the Turn 1 event."""
    truth = whole()
    readiness = machine()
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 6))
    assert publish(readiness, *[fact for fact in truth.facts() if fact != late]) == []
    assert names(readiness.advance(15.0)) == ALL_DECIDED


def test_the_dialogue_deadline_also_ends_the_waiting_for_turn1() -> None:
    """A Turn 1 timeout that is longer than the dialogues' does not hold them back."""
    readiness = Readiness(
        Limits(turn1_timeout_s=1000, dialogue_timeout_s=5, session_limit_s=9000, replay_window_s=9)
    )
    truth = whole()
    late = UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, 6))
    assert publish(readiness, *[fact for fact in truth.facts() if fact != late]) == []
    assert names(readiness.advance(5.0)) == ALL_DECIDED


def test_deadlines_do_not_fire_while_facts_are_applied() -> None:
    """A fact that is read late is joined before anybody is judged late."""
    truth = whole()
    readiness = machine()
    publish(readiness, truth.begun(), truth.turn1(ended=False), now=0.0)
    reports = [
        UtteranceReported(session_id=truth.session_id, utterance=truth.utterance(1, slot))
        for slot in truth.slots
    ]
    (turn1,) = publish(readiness, *reports, now=60.0)
    assert isinstance(turn1, Turn1Due)
    assert turn1.missing_slot_ids == ()


def test_a_turn_tells_its_age_and_the_earliest_deadline_counts() -> None:
    """A snapshot's Turn 1, 10 s old, is due 5 s later; a younger repetition moves nothing."""
    truth = whole()
    readiness = machine()
    publish(readiness, truth.turn1(ended=False, age_s=10.0), now=100.0)
    assert readiness.next_deadline() == 105.0
    publish(readiness, truth.turn1(ended=False, age_s=0.0), now=101.0)
    assert readiness.next_deadline() == 105.0


def test_an_age_beyond_the_timeout_is_due_now() -> None:
    """Deadlines lie between now and now plus the timeout, however old the turn is."""
    readiness = machine()
    publish(readiness, whole().turn1(ended=False, age_s=1e6), now=7.0)
    assert readiness.next_deadline() == 7.0


def test_what_is_older_than_the_replay_window_is_not_live() -> None:
    """A session that a snapshot tells long after its end is recorded and not sent."""
    for age_s, live in ((299.0, True), (400.0, False)):
        decisions = publish(machine(), whole().snapshot(age_s=age_s))
        assert names(decisions) == ALL_DECIDED
        assert [each.live for each in decisions if hasattr(each, "live")] == [live] * 3


def test_deadlines_of_closed_sessions_do_not_pile_up() -> None:
    """After many sessions, what is kept for deadlines is bounded by the live ones."""
    readiness = machine()
    for number in range(2000):
        publish(readiness, *whole(number).facts())
    assert len(readiness) == 0
    assert len(readiness._deadlines) < 200


def test_the_last_moment_of_the_replay_window_is_live() -> None:
    """Turn 1 was due 15 s after its end and dialogues 30 s after theirs: 300 s later they count."""
    for age_s, live in ((315.0, [True] * 3), (316.0, [False, True, True]), (331.0, [False] * 3)):
        decisions = publish(machine(), whole().snapshot(age_s=age_s))
        assert [each.live for each in decisions if hasattr(each, "live")] == live
    dialogue = publish(machine(), whole().snapshot(age_s=330.0))[1]
    assert isinstance(dialogue, DialogueDue)
    assert dialogue.live


def test_the_earliest_end_that_was_told_decides_what_is_live() -> None:
    """A turn first heard of as new, and then as old, is old."""
    truth = whole()
    readiness = machine()
    publish(readiness, truth.turn1(ended=False), now=0.0)
    publish(readiness, truth.turn1(ended=False, age_s=400.0), now=1.0)
    (turn1,) = readiness.advance(1.0)
    assert isinstance(turn1, Turn1Due)
    assert not turn1.live
    readiness = machine()
    publish(readiness, truth.turn3(ended=False), now=0.0)
    decisions = publish(readiness, truth.turn3(age_s=400.0), now=1.0)
    assert [each.live for each in decisions if hasattr(each, "live")] == [False] * 3
