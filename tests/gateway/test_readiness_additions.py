"""The two additions to a session: the sentiment before Turn 1, the summary after the dialogues."""

from msgspec import structs

from event_gateway.core.decisions import (
    BackendSilent,
    Decision,
    EpochRetired,
    Origin,
    SentimentDue,
    SessionClosed,
    SummaryDue,
)
from event_gateway.core.readiness import Readiness
from shared_schema.facts import Fact, SentimentReported, SessionComplete, SummaryReported
from tests.support.readiness import ALL_DECIDED, LIMITS, machine, names, publish
from tests.support.sessions import BRIGHT, Truth, whole, with_additions

WITH_SUMMARY = [*ALL_DECIDED[:-1], "SummaryDue summary", ALL_DECIDED[-1]]


def facts(truth: Truth, *without: type[Fact]) -> list[Fact]:
    """Return a session's facts but for some kinds."""
    return [fact for fact in truth.facts() if not isinstance(fact, without)]


def the_summary(decisions: list[Decision]) -> SummaryDue:
    (due,) = [each for each in decisions if isinstance(each, SummaryDue)]
    return due


# Sentiment


def test_a_sentiment_is_due_at_once_and_first() -> None:
    """Before anything else is known of the session; Turn 1 follows when it is due."""
    truth = with_additions(whole())
    readiness = machine()
    assert publish(readiness, truth.begun(), truth.sentiment_fact()) == [
        SentimentDue(session_id=truth.session_id, sentiment=BRIGHT, live=True)
    ]
    assert names(publish(readiness, *truth.facts())) == WITH_SUMMARY


def test_a_sentiment_after_turn_1_is_never_due() -> None:
    """It was lost, or its time-out was shorter than its way: Turn 1 is the first event."""
    truth = with_additions(whole())
    readiness = machine()
    assert names(publish(readiness, truth.begun(), truth.turn1())) == ["Turn1Due turn1"]
    assert publish(readiness, truth.sentiment_fact()) == []


def test_a_sentiment_is_due_once() -> None:
    """Not again when it is repeated, nor after a restart, nor when its session is over."""
    truth = with_additions(whole())
    readiness = machine()
    assert len(publish(readiness, truth.sentiment_fact())) == 1
    assert publish(readiness, truth.sentiment_fact(), truth.begun()) == []
    again = machine("sentiment")
    assert names(publish(again, truth.snapshot())) == WITH_SUMMARY
    assert publish(machine("closed"), truth.sentiment_fact()) == []


def test_a_snapshot_has_the_sentiment_before_its_turn_1() -> None:
    """A gateway that was absent tells both, in their order; one from long ago is not sent live."""
    truth = with_additions(whole())
    told = machine().apply(truth.snapshot(age_s=20.0), 100.0, origin=Origin("life", 1))
    assert names(told) == ["SentimentDue sentiment", *WITH_SUMMARY]
    told = machine().apply(truth.snapshot(age_s=1000.0), 2000.0, origin=Origin("life", 1))
    assert [each.live for each in told if not isinstance(each, SessionClosed)] == [False] * 5  # type: ignore[union-attr]


def test_a_sentiment_is_sent_live_for_as_long_as_it_would_be_replayed() -> None:
    """By its age, whatever the clock says."""
    truth, now = with_additions(whole()), 5000.0
    window_s = LIMITS.replay_window_s
    for age_s, live in ((0.0, True), (window_s, True), (window_s + 1.0, False)):
        (due,) = publish(machine(), truth.sentiment_fact(age_s=age_s), now=now)
        assert isinstance(due, SentimentDue)
        assert due.live == live


def test_a_session_that_is_given_up_after_its_sentiment_closes() -> None:
    """Nothing of Turn 1 is known: the mood was all."""
    truth = with_additions(whole())
    readiness = machine()
    publish(readiness, truth.sentiment_fact())
    assert names(readiness.apply(EpochRetired("life"), 1.0)) == ["SessionClosed closed"]


# Summary


def test_a_summary_is_due_after_the_last_dialogue() -> None:
    """However early it is ready: a dialogue that waits holds it back."""
    truth = with_additions(whole())
    late = truth.finished(3, 2).result.utterance
    early = [fact for fact in truth.facts() if getattr(fact, "utterance", None) != late]
    readiness = machine()
    assert names(publish(readiness, *early))[1:] == ALL_DECIDED[:2]
    reply = [fact for fact in truth.facts() if getattr(fact, "utterance", None) == late]
    assert names(publish(readiness, *reply)) == WITH_SUMMARY[2:]


def test_a_summary_is_due_without_any_dialogue() -> None:
    """With a single slot nobody comments, and one voice still says what remained."""
    truth = structs.replace(
        whole(), slots=(4,), targets={}, replied=(), ready=frozenset({(1, 4)}), summary_ready=True
    )
    told = publish(machine(), *truth.facts())
    assert names(told) == ["Turn1Due turn1", "SummaryDue summary", "SessionClosed closed"]
    assert the_summary(told).summary.state == "ready"


def test_a_session_waits_for_its_summary_and_closes_without_one() -> None:
    """The backend's last word says whether there is one; until then the session stays open."""
    truth = with_additions(whole())
    readiness = machine()
    told = publish(readiness, *facts(truth, SummaryReported, SessionComplete, SentimentReported))
    assert names(told) == ALL_DECIDED[:-1]
    assert len(readiness) == 1
    none = SessionComplete(session_id=truth.session_id, stopped=False, age_s=0.0)
    assert names(publish(readiness, none)) == ["SessionClosed closed"]


def test_a_summary_that_failed_is_due_at_once() -> None:
    """Nobody waits for a known failure."""
    truth = with_additions(whole(), summary_ready=False)
    due = the_summary(publish(machine(), *truth.facts()))
    assert due.summary.state == "failed"
    assert due.summary.text


def test_a_summary_that_is_late_is_due_at_the_deadline() -> None:
    """Counted from the session's end, by its age; what becomes ready later changes nothing."""
    truth = with_additions(whole())
    readiness = machine()
    told = facts(truth, SummaryReported, SessionComplete)
    publish(readiness, *told, *truth.summary_fact(ended=False), now=100.0)
    complete = structs.replace(truth.complete(ended=False), age_s=10.0)
    assert publish(readiness, complete, now=110.0) == []
    assert readiness.advance(129.9) == []
    late = readiness.advance(130.0)
    assert names(late) == WITH_SUMMARY[3:]
    assert the_summary(late).summary.state == "pending"
    assert publish(machine(*["turn1", "closed"]), *truth.summary_fact()) == []


def test_the_earliest_end_counts() -> None:
    """A repetition that claims to be younger does not put the deadline off."""
    truth = with_additions(whole())
    readiness = machine()
    publish(readiness, *facts(truth, SummaryReported, SessionComplete), now=100.0)
    publish(readiness, truth.complete(ended=False), now=100.0)
    publish(readiness, truth.complete(ended=False), now=120.0)
    assert names(readiness.advance(130.0)) == WITH_SUMMARY[3:]


def test_a_snapshot_takes_nothing_from_a_summary_that_is_known() -> None:
    """Its waves were heard of while the snapshot, which was taken before them, was on its way."""
    truth = with_additions(whole())
    readiness = machine()
    publish(readiness, truth.begun(), *truth.summary_fact())
    earlier = structs.replace(truth.snapshot(), summary=truth.summary(ended=False))
    assert the_summary(publish(readiness, earlier)).summary == truth.summary()


def test_the_last_word_is_complete_in_itself() -> None:
    """It has the summary as it stands: the facts about it may be lost."""
    truth = with_additions(whole())
    told = publish(machine(), *facts(truth, SummaryReported, SessionComplete), truth.complete())
    assert the_summary(told).summary == truth.summary()


def test_a_missing_dialogue_does_not_hold_the_summary_for_ever() -> None:
    """Its deadline also makes due what comes before it."""
    truth = with_additions(whole())
    readiness = Readiness(structs.replace(LIMITS, turn1_timeout_s=500.0))
    pending = [truth.begun(), truth.turn3(ended=False), truth.complete(ended=False)]
    publish(readiness, *pending)
    readiness.advance(29.9)
    told = readiness.advance(30.0)
    assert [each.key for each in told] == [
        "turn1", "turn23-slot1", "turn23-slot2", "summary", "closed",
    ]  # fmt: skip


def test_silence_and_giving_up_tell_a_summary_whose_text_is_known() -> None:
    """As failed, if its waves are not there; not before Turn 3 is complete."""
    truth = with_additions(whole())
    begun = [*facts(truth, SummaryReported, SessionComplete), *truth.summary_fact(ended=False)]
    readiness = machine()
    publish(readiness, *begun)
    assert names(readiness.apply(BackendSilent(), 5.0)) == ["SummaryDue summary"]
    readiness = machine()
    publish(readiness, *begun)
    assert names(readiness.apply(EpochRetired("life"), 5.0)) == WITH_SUMMARY[3:]
    readiness = machine()
    publish(readiness, truth.begun(), truth.turn1(), *truth.summary_fact())
    assert names(readiness.apply(EpochRetired("life"), 5.0)) == ["SessionClosed closed"]
