"""What is due, when: several sessions at a time."""

from event_gateway.core.decisions import EpochRetired, Origin, SnapshotMerged
from event_gateway.core.readiness import Readiness
from tests.support.readiness import machine
from tests.support.sessions import Truth, whole

ONE, OTHER = whole(1), whole(2)


def begun(*truths: Truth) -> Readiness:
    """Return a machine that knows of these sessions that they began."""
    readiness = machine()
    for truth in truths:
        readiness.apply(truth.begun(), 0.0, origin=Origin("life", 1))
    return readiness


def test_a_deadline_that_two_sessions_share_tells_both() -> None:
    """None is forgotten over the other."""
    readiness = begun(ONE, OTHER)
    for truth in (ONE, OTHER):
        readiness.apply(truth.turn1(ended=False), 0.0)
    decisions = readiness.advance(15.0)
    assert [each.session_id for each in decisions] == [ONE.session_id, OTHER.session_id]


def test_the_time_limit_that_two_sessions_share_closes_both() -> None:
    """Each has its Turn 1 event and its end."""
    decisions = begun(ONE, OTHER).advance(900.0)
    assert [(each.session_id, each.key) for each in decisions] == [
        (truth.session_id, key) for truth in (ONE, OTHER) for key in ("turn1", "closed")
    ]


def test_all_sessions_of_a_life_are_given_up() -> None:
    """Whether its successor answered, or a snapshot lacks them."""
    for end in (EpochRetired("life"), SnapshotMerged("life", 1, frozenset())):
        decisions = begun(ONE, OTHER).apply(end, 1.0)
        assert [(each.session_id, each.key) for each in decisions] == [
            (truth.session_id, key) for truth in (ONE, OTHER) for key in ("turn1", "closed")
        ]


def test_the_deadline_of_a_closed_session_holds_up_no_other() -> None:
    """What is over is passed by, and the next one is judged."""
    readiness = begun(ONE, OTHER)
    readiness.apply(ONE.snapshot(age_s=5.0), 0.0)
    assert [session.session_id for session in readiness] == [OTHER.session_id]
    readiness.apply(OTHER.turn1(ended=False), 0.0)
    assert readiness.next_deadline() == 10.0
    (turn1,) = readiness.advance(15.0)
    assert turn1.session_id == OTHER.session_id


def test_the_deadlines_of_many_closed_sessions_take_no_other_with_them() -> None:
    """While what is over is cleared away, who waits keeps its deadlines."""
    readiness = begun(ONE)
    readiness.apply(ONE.turn1(ended=False), 0.0)
    for number in range(2, 200):
        readiness.apply(whole(number).snapshot(), 0.0)
    assert len(readiness) == 1
    assert readiness.next_deadline() is not None
    assert [each.key for each in readiness.advance(15.0)] == ["turn1"]
    assert [each.key for each in readiness.advance(900.0)] == ["closed"]


def test_a_dropped_session_decides_nothing() -> None:
    """The others do, and it can be dropped again."""
    readiness = begun(ONE, OTHER)
    assert readiness.drop(ONE.session_id)
    assert not readiness.drop(ONE.session_id)
    decisions = readiness.advance(900.0)
    assert {each.session_id for each in decisions} == {OTHER.session_id}
