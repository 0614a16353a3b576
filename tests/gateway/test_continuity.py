"""Whether all was heard, and what is asked when not."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from event_gateway.core.continuity import (
    MAX_RETIRED,
    SNAPSHOT_STALLED_S,
    CancelSnapshot,
    Ignored,
    Observe,
    RequestSnapshot,
)
from event_gateway.core.decisions import (
    BackendBack,
    BackendSilent,
    EpochRetired,
    Origin,
    SnapshotMerged,
)
from shared_schema.bus import SummaryFinished, WavesFinished
from shared_schema.facts import (
    Summary,
    SummaryJobResult,
    SummaryReported,
    UtteranceReported,
    WavePending,
)
from tests.support.continuity import SILENCE_S, Rig, asked, observed
from tests.support.sessions import whole


def test_it_asks_at_the_start_and_holds_deadlines_until_the_answer() -> None:
    """Nothing is judged late before it is known what happened meanwhile."""
    rig = Rig()
    assert rig.it.requesting
    assert rig.it.held
    actions = rig.answer("q1", 7)
    assert rig.it.tick(0.9) == []
    assert rig.it.tick(1.1) == [CancelSnapshot("q1")]
    assert observed(actions)[-1] == SnapshotMerged("a", 7, frozenset({whole().session_id}))
    assert not rig.it.requesting
    assert not rig.it.held


def test_without_a_backend_the_hold_ends_with_the_silence_limit() -> None:
    """A gateway alone goes on; what it may know of is then decided by silence."""
    rig = Rig()
    silent: list[object] = []
    for tenth in range(1, 130):
        silent += observed(rig.it.tick(tenth / 10))
    assert silent == [BackendSilent()]
    assert not rig.it.held


def test_facts_in_sequence_lead_to_no_question() -> None:
    """The usual case: one number after the other."""
    rig = Rig().joined()
    assert asked(rig.fact(4) + rig.fact(5) + rig.beat(5)) == []


def test_a_hole_leads_to_a_question_and_the_fact_is_used_all_the_same() -> None:
    """Number 5 is lost: 6 is joined, and everything is asked again."""
    rig = Rig().joined()
    rig.fact(4)
    actions = rig.fact(6)
    assert asked(actions) == ["q2"]
    assert observed(actions) == [whole().begun()]
    assert rig.it.gaps == 1


def test_a_heartbeat_ahead_shows_that_the_last_fact_was_lost() -> None:
    """No later fact needs to come for the loss to be noticed."""
    assert asked(Rig().joined().beat(4)) == ["q2"]


def test_a_number_going_backwards_is_no_hole() -> None:
    """After a stop, old messages are read after new ones."""
    rig = Rig().joined()
    rig.fact(4)
    assert asked(rig.fact(2) + rig.beat(3)) == []
    assert rig.it.seen == 4


def test_a_hole_beyond_an_answer_leads_to_the_next_question() -> None:
    """A fact lost while the snapshot is told is not in it."""
    rig = Rig()
    rig.begin("q1", 3)
    assert asked(rig.fact(5)) == []
    rig.session("q1")
    assert asked(rig.end("q1", 1)) == ["q2"]


def test_an_incomplete_answer_is_asked_again() -> None:
    """A session lost on its way shows in the count, and nobody is missed by it."""
    rig = Rig()
    rig.begin("q1", 3)
    actions = rig.end("q1", 1)
    assert asked(actions) == ["q2"]
    assert observed(actions) == []
    assert rig.it.held


def test_a_new_life_is_asked_and_only_its_answer_retires_the_old_one() -> None:
    """Being heard is not enough: the message may be a dead process's."""
    rig = Rig().joined()
    assert asked(rig.fact(1, "b")) == ["q2"]
    assert rig.it.epoch == "a"
    assert observed(rig.begin("q2", 1, "b")) == [EpochRetired("a")]
    assert rig.it.epoch == "b"


def test_a_retired_life_never_comes_back() -> None:
    """Whatever it still says, also in answer to the question that is open, is ignored."""
    rig = Rig().joined()
    rig.fact(1, "b")
    rig.answer("q2", 1, "b")
    for actions in (rig.fact(9, "a"), rig.beat(9, "a"), rig.begin("q3", 9, "a")):
        assert actions == [Ignored("retired_epoch")]
    assert rig.it.epoch == "b"


def test_an_answer_to_an_older_question_is_ignored() -> None:
    """Only the nonce that is open counts."""
    rig = Rig().joined()
    assert rig.begin("q1", 9) == [Ignored("old_snapshot")]


def test_an_answer_without_its_beginning_is_ignored() -> None:
    """A session or an end that came without a begin belongs to nothing."""
    rig = Rig()
    assert rig.session("q1") == [Ignored("mixed_snapshot")]
    assert rig.end("q1", 1) == [Ignored("mixed_snapshot")]


def test_an_incomplete_answer_is_asked_again_at_once_and_then_with_pauses() -> None:
    """A session that never arrives, e.g. of a newer version, keeps nobody busy."""
    rig = Rig()
    rig.begin("q1", 3)
    assert asked(rig.end("q1", 1)) == ["q2"]
    rig.begin("q2", 3)
    assert asked(rig.end("q2", 1)) == []
    assert asked(rig.beat(3)) == []
    rig.now += SNAPSHOT_STALLED_S + 0.1
    assert [each for each in rig.beat(3) if not isinstance(each, Observe)] == [
        CancelSnapshot("q2"),
        RequestSnapshot("q3"),
    ]
    rig.answer("q3", 3)
    assert not rig.it.requesting


@pytest.mark.parametrize("lost", ["all of it", "all but its beginning", "its end", "a gap's"])
def test_an_answer_that_stalls_is_asked_for_again(lost: str) -> None:
    """The backend lives, but its answer was lost, in whole or from some message on."""
    rig, nonce = Rig(), "q1"
    if lost == "a gap's":
        rig.joined()
        (nonce,) = asked(rig.fact(6))
    elif lost != "all of it":
        rig.begin(nonce, 3)
        if lost == "its end":
            rig.session(nonce)
    assert asked(rig.beat(rig.it.seen)) == []
    rig.now = SNAPSHOT_STALLED_S + 0.1
    (again,) = asked(rig.beat(rig.it.seen))
    assert asked(rig.beat(rig.it.seen)) == []
    rig.answer(again, rig.it.seen)
    rig.now *= 2
    assert asked(rig.beat(rig.it.seen)) == []


def test_silence_and_the_return() -> None:
    """Ten seconds without the backend, and then it is heard again."""
    rig = Rig().joined()
    told: list[object] = []
    for tenth in range(1, 110):
        told += observed(rig.it.tick(tenth / 10))
    assert told == [BackendSilent()]
    rig.now = 11.0
    assert observed(rig.beat(3)) == [BackendBack()]
    assert not rig.it.silent


def test_a_pause_of_our_own_is_not_the_backends_silence() -> None:
    """After a stop of 30 s deadlines are held and all is asked again; nobody is called silent."""
    rig = Rig().joined()
    rig.it.tick(0.5)
    actions = rig.it.tick(30.0)
    assert asked(actions) == ["q2"]
    assert observed(actions) == []
    assert rig.it.held
    rig.now = 30.1
    rig.answer("q2", 3)
    assert not rig.it.held


def test_a_workers_word_is_used_without_a_number_and_ends_no_silence() -> None:
    """The fast path is a fact like any other, but does not show that the backend lives."""
    rig = Rig().joined()
    for tenth in range(1, 110):
        rig.it.tick(tenth / 10)
    word = WavesFinished(epoch="a", result=whole().finished(1, 1))
    (action,) = rig.it.receive(word, 11.0)
    assert isinstance(action, Observe)
    assert action.origin is not None
    assert action.origin.n is None
    assert rig.it.silent


def test_a_life_that_is_not_known_yet_ends_the_silence() -> None:
    """What it begins before it has answered is not taken for abandoned; it is asked."""
    rig = Rig().joined()
    for tenth in range(1, 110):
        rig.it.tick(tenth / 10)
    rig.now = 11.0
    actions = rig.fact(1, epoch="b")
    assert observed(actions) == [BackendBack(), whole().begun()]
    assert asked(actions) == ["q2"]
    assert rig.it.epoch == "a"
    assert observed(rig.it.tick(11.1)) == []


def test_a_life_that_is_not_known_yet_puts_no_silence_off() -> None:
    """The sessions of the one before are told in their time, should it never answer."""
    rig = Rig().joined()
    silent: list[object] = []
    for tenth in range(1, 110):
        rig.now = tenth / 10
        if tenth == 90:
            rig.beat(1, epoch="b")
        silent += observed(rig.it.tick(rig.now))
    assert silent == [BackendSilent()]


@given(
    lost=st.sets(st.integers(1, 30)),
    reads=st.lists(st.integers(1, 30), max_size=20),
)
@settings(max_examples=200)
def test_whatever_is_lost_is_asked_for(lost: set[int], reads: list[int]) -> None:
    """After holes, repeats and a heartbeat, either all was seen or a question is open."""
    rig = Rig()
    rig.answer("q1", 0)
    heard: set[int] = set()
    for n in [*[n for n in range(1, 31) if n not in lost], *[n for n in reads if n not in lost]]:
        heard.add(n)
        rig.fact(n)
    rig.beat(30)
    assert rig.it.requesting == (heard != set(range(1, 31)))


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9)), max_size=40))
def test_interleaved_lives_settle_on_the_one_that_answers(reads: list[tuple[str, int]]) -> None:
    """Old and new life arrive mixed; the one that answers last is current and stays it."""
    rig = Rig().joined()
    for epoch, n in reads:
        for nonce in asked(rig.fact(n, epoch)):
            rig.answer(nonce, 9, "b")
    if any(epoch == "b" for epoch, _ in reads):
        assert rig.it.epoch == "b"
        assert rig.fact(50, "a") == [Ignored("retired_epoch")]
    assert rig.it.epoch in ("a", "b")


def test_a_snapshot_message_on_another_topic_is_ignored() -> None:
    """What answers no question is not joined as if it did."""
    rig = Rig()
    assert rig.it.receive(whole().snapshot(), 0.0) == [Ignored("unexpected_topic")]


def test_before_the_first_answer_nothing_is_known() -> None:
    """No life, no number, and nothing to complain of."""
    it = Rig().it
    assert (it.epoch, it.seen, it.silent, it.gaps, it.snapshots) == (None, 0, False, 0, 0)


def test_what_is_passed_on_says_whose_it_is() -> None:
    """A fact has its number, a snapshot's session that of the snapshot, a worker's word none."""
    rig = Rig()
    rig.begin("q1", 3)
    assert rig.session("q1") == [Observe(whole().snapshot(epoch="a"), Origin("a", 3))]
    rig.end("q1", 1)
    assert rig.fact(4) == [Observe(whole().begun(), Origin("a", 4))]
    result = whole().finished(1, 1)
    told = UtteranceReported(session_id=whole().session_id, utterance=result.result.utterance)
    word = WavesFinished(epoch="a", result=result)
    assert rig.it.receive(word, 0.0) == [Observe(told, Origin("a"))]
    summary = Summary(text="It stays.", voice_profile="calm_soothing", wave=WavePending())
    made = SummaryJobResult(session_id=whole().session_id, summary=summary)
    reported = SummaryReported(session_id=whole().session_id, summary=summary)
    last = SummaryFinished(epoch="a", result=made)
    assert rig.it.receive(last, 0.0) == [Observe(reported, Origin("a"))]


def test_an_answer_by_two_lives_is_none() -> None:
    """It began in one and ended in another: nobody is missed by it, and it is asked again."""
    rig = Rig()
    rig.begin("q1", 3)
    rig.session("q1")
    actions = rig.end("q1", 1, epoch="b")
    assert actions == [CancelSnapshot("q1"), RequestSnapshot("q2")]
    assert rig.it.snapshots == 0


def test_holes_and_answers_are_counted() -> None:
    """Each hole leads to an answer, which is counted as well."""
    rig = Rig().joined()
    for gaps, n in ((1, 6), (2, 9)):
        (nonce,) = asked(rig.fact(n))
        rig.answer(nonce, n)
        assert (rig.it.gaps, rig.it.snapshots) == (gaps, 1 + gaps)


def test_an_answer_covers_what_came_before_it() -> None:
    """The same life answers again: its number is what was seen, and the next fact no hole."""
    rig = Rig().joined()
    rig.fact(6)
    rig.begin("q2", 8)
    assert rig.it.seen == 8
    rig.session("q2")
    assert asked(rig.end("q2", 1) + rig.fact(9)) == []


def test_a_backend_that_answers_is_not_silent() -> None:
    """Its facts, and the beginning, the sessions and the end of an answer are heard as well."""
    rig = Rig()
    said: list[object] = []
    parts = {
        8: lambda: rig.begin("q1", 3),
        16: lambda: rig.session("q1"),
        24: lambda: rig.end("q1", 1),
        32: lambda: rig.fact(4),
        40: lambda: rig.beat(4),
    }
    for half in range(1, 98):
        rig.now = half / 2
        if rig.now in parts:
            said += observed(parts[int(rig.now)]())
        said += observed(rig.it.tick(rig.now))
    assert BackendSilent() not in said
    assert rig.it.silent is False


def test_the_return_with_a_hole_is_a_return_and_a_question() -> None:
    """Whoever comes back after a loss is asked what was lost."""
    rig = Rig().joined()
    for tenth in range(1, 110):
        rig.it.tick(tenth / 10)
    actions = rig.fact(9)
    assert observed(actions) == [BackendBack(), whole().begun()]
    assert asked(actions) == ["q2"]
    assert rig.it.silent is False


def test_limits_are_exceeded_and_not_reached() -> None:
    """A pause, a silence, a hold and a stalled answer each last longer than their limit."""
    rig = Rig()
    for second in range(1, int(SILENCE_S) + 1):
        assert rig.it.tick(float(second)) == []
    assert rig.it.held
    assert observed(rig.it.tick(SILENCE_S + 0.5)) == [BackendSilent()]
    assert not rig.it.held
    rig = Rig()
    rig.now = SNAPSHOT_STALLED_S
    assert asked(rig.beat(0)) == []


@pytest.mark.parametrize("why", ["a pause", "an answer that was incomplete", "a hole beyond it"])
def test_the_next_question_has_its_own_time_to_be_answered(why: str) -> None:
    """It is put again when it stalls, and not before; the stalled one is taken back."""
    rig = Rig()
    rig.now = 5.0
    if why == "a pause":
        rig.joined()
        actions = rig.it.tick(rig.now)
    else:
        rig.begin("q1", 3)
        if why == "a hole beyond it":
            rig.session("q1")
            rig.fact(7)
        actions = rig.end("q1", 1)
    assert asked(actions) == ["q2"]
    rig.now += SNAPSHOT_STALLED_S
    assert asked(rig.fact(20)) == []
    rig.now += 0.1
    assert [each for each in rig.fact(30) if not isinstance(each, Observe)] == [
        CancelSnapshot("q2"),
        RequestSnapshot("q3"),
    ]


def test_what_is_remembered_of_retired_lives_is_bounded() -> None:
    """A backend that is started again for months fills no memory."""
    rig = Rig().joined()
    for number in range(MAX_RETIRED + 5):
        epoch = f"life {number}"
        (nonce,) = asked(rig.fact(1, epoch))
        rig.answer(nonce, 1, epoch)
    assert rig.it.snapshots == MAX_RETIRED + 6
    assert len(rig.it._retired) == MAX_RETIRED


def test_a_complete_snapshot_stays_subscribed_for_a_second() -> None:
    """Whenever it was; then it is cancelled once, also when the next is requested meanwhile."""
    rig = Rig()
    rig.now = 0.5
    rig.it.tick(rig.now)
    rig.answer("q1", 3)
    for tenths in range(1, 10):
        assert rig.it.tick(rig.now + tenths / 10) == []
    rig.now += 5.0  # a pause of our own, too
    assert rig.it.tick(rig.now) == [CancelSnapshot("q1"), RequestSnapshot("q2")]
    assert rig.it.tick(rig.now + 0.5) == []
