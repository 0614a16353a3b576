"""Two backends on one bus, as the continuity machine sees them."""

from event_gateway.core.continuity import (
    SNAPSHOT_STALLED_S,
    Ignored,
    Observe,
)
from event_gateway.core.decisions import (
    BackendBack,
    EpochRetired,
    Origin,
    SnapshotMerged,
)
from tests.support.continuity import Rig, asked, observed
from tests.support.sessions import whole


def two_backends() -> Rig:
    """Return a rig whose backend `a` was joined by a second one, `b`, which is current now."""
    rig = Rig().joined()
    (nonce,) = asked(rig.beat(1, "b"))
    rig.answer(nonce, 1, "b")
    assert rig.it.epoch == "b"
    assert Ignored("second_backend") in rig.begin(rig_request(rig), 3, "a")
    return rig


def rig_request(rig: Rig) -> str:
    """Have a snapshot requested, by a gap of the current backend; return its nonce."""
    (nonce,) = asked(rig.fact(rig.it.seen + 2, rig.it.epoch or ""))
    return nonce


def test_a_second_living_backend_is_an_alarm_while_it_publishes() -> None:
    """It answers a fresh nonce, so it lives; the alarm ends some seconds after its last message."""
    rig = two_backends()
    assert rig.it.has_rival(rig.now)
    rig.now += 4.0
    rig.beat(9, "a")
    rig.now += 4.0
    assert rig.it.has_rival(rig.now)
    rig.now += 2.0
    assert not rig.it.has_rival(rig.now)


def test_two_answers_to_one_request_are_an_alarm_and_the_newer_is_asked_alone() -> None:
    """Whichever answers first; the sessions of both never mix."""
    rig = Rig()
    rig.begin("q1", 3, "a")
    assert rig.session("q1", "a") == [Observe(whole().snapshot(epoch="a"), Origin("a", 3))]
    actions = rig.begin("q1", 5, "b")
    assert observed(actions) == [EpochRetired("a")]
    assert Ignored("second_backend") in actions
    (nonce,) = asked(actions)
    rig.now += SNAPSHOT_STALLED_S
    assert asked(rig.beat(5, "b")) == []  # it has its time to answer
    assert rig.it.has_rival(rig.now)
    assert rig.session(nonce, "a") == [Ignored("retired_epoch")]
    assert SnapshotMerged("b", 5, frozenset({whole().session_id})) in observed(
        rig.answer(nonce, 5, "b")
    )


def test_what_is_asked_of_the_newer_one_is_asked_again_if_it_stalls() -> None:
    """It has its own time to answer."""
    rig = Rig()
    rig.begin("q1", 3, "a")
    rig.now = 5.0
    assert asked(rig.begin("q1", 5, "b")) == ["q2"]
    rig.now += SNAPSHOT_STALLED_S
    assert asked(rig.beat(6, "b")) == []
    rig.now += 0.1
    assert asked(rig.beat(7, "b")) == ["q3"]


def test_a_session_of_a_second_backend_whose_beginning_was_lost_is_ignored() -> None:
    """As the first one's it would be abandoned, because the first one does not have it."""
    rig = Rig()
    rig.begin("q1", 3, "a")
    assert rig.session("q1", "b") == [Ignored("mixed_snapshot")]
    assert observed(rig.end("q1", 0, "a")) == [SnapshotMerged("a", 3, frozenset())]


def test_the_first_backend_is_current_again_when_the_second_is_silent() -> None:
    """Its messages lead to a request, which it answers; it is no rival any more."""
    rig = two_backends()
    for _ in range(130):
        rig.now += 0.1
        rig.it.tick(rig.now)
    assert rig.it.silent
    actions = rig.beat(9, "a")
    (nonce,) = asked(actions)
    actions = rig.answer(nonce, 9, "a")
    assert EpochRetired("b") in observed(actions)
    assert BackendBack() in observed(actions)
    assert (rig.it.epoch, rig.it.silent, rig.it.has_rival(rig.now)) == ("a", False, False)
    assert observed(rig.fact(10, "a")) == [whole().begun()]


def test_old_messages_of_a_dead_backend_are_no_alarm() -> None:
    """Read late, in any number: only an answer to a fresh nonce shows that it lives."""
    rig = Rig().joined()
    (nonce,) = asked(rig.beat(1, "b"))
    rig.answer(nonce, 1, "b")
    for n in range(4, 40):
        assert rig.fact(n, "a") == [Ignored("retired_epoch")]
    assert not rig.it.has_rival(rig.now)
    assert rig.it.epoch == "b"


def test_a_second_beginning_of_the_same_backend_is_ignored() -> None:
    """It is no rival of itself."""
    rig = Rig()
    rig.begin("q1", 3)
    assert rig.begin("q1", 4) == [Ignored("mixed_snapshot")]
    assert not rig.it.has_rival(rig.now)


def test_a_backend_that_is_current_again_has_its_time_to_answer() -> None:
    """Its snapshot is requested again only when it makes no progress."""
    rig = two_backends()
    for _ in range(130):
        rig.now += 0.1
        rig.it.tick(rig.now)
    (nonce,) = asked(rig.beat(9, "a"))
    rig.begin(nonce, 9, "a")
    rig.now += SNAPSHOT_STALLED_S
    assert asked(rig.fact(11, "a")) == []
    rig.now += 0.1
    assert len(asked(rig.fact(13, "a"))) == 1
