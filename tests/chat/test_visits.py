"""What is remembered of a visit, by whom, and until when."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from chat_backend.agents.base import Exchange
from chat_backend.session.visits import MAX_VISITS, Visits

IDLE_S = 180.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visits(clock: Clock) -> Visits:
    return Visits(exchanges=2, idle_s=IDLE_S, clock=clock)


def exchange(word: str) -> Exchange:
    return Exchange(message=word, answer=f"{word}!")


def happen(visits: Visits, visit_id: str | None, word: str, slot: int = 1) -> None:
    """Let a session begin, be answered and end."""
    visit = visits.begin_session(visit_id)
    visit.remember(slot, exchange(word))
    visits.end_session(visit)


def words(visits: Visits, visit_id: str | None, slot: int = 1) -> list[str]:
    """Return what a new session of the visit would remember."""
    visit = visits.begin_session(visit_id)
    visits.end_session(visit)
    return [each.message for each in visit.of(slot)]


def test_a_slot_remembers_the_newest_exchanges_of_its_visit(visits: Visits) -> None:
    """As many as the setting says, oldest first, each slot its own."""
    for word in ("one", "two", "three"):
        happen(visits, "a", word)
    assert words(visits, "a") == ["two", "three"]
    assert words(visits, "a", slot=2) == []


def test_nothing_reaches_another_visit_or_a_request_without_one(visits: Visits) -> None:
    """Whether they come during the visit or after it."""
    happen(visits, "a", "secret")
    happen(visits, None, "nobody's")
    assert words(visits, "b") == words(visits, None) == []
    assert words(visits, "a") == ["secret"]


def test_a_visit_is_gone_when_it_was_idle_for_its_time(visits: Visits, clock: Clock) -> None:
    """Counted from the end of its last session; a running one keeps it."""
    running = visits.begin_session("a")
    running.remember(1, exchange("secret"))
    clock.now += 10 * IDLE_S
    visits.expire()
    visits.end_session(running)
    clock.now += IDLE_S - 1
    assert words(visits, "a") == ["secret"]
    clock.now += IDLE_S
    visits.expire()
    assert len(visits) == 0
    assert running.of(1) == ()


@pytest.mark.parametrize("visit_id", ["a", None])
def test_an_answer_that_comes_after_a_reset_is_not_remembered(
    visits: Visits, visit_id: str | None
) -> None:
    """A reset during Turn 1 forgets also what its session says afterwards."""
    running = visits.begin_session("a")
    running.remember(1, exchange("before"))
    assert visits.reset(visit_id) == 1
    running.remember(1, exchange("after"))
    visits.end_session(running)
    assert running.of(1) == ()
    assert words(visits, "a") == []


def test_a_reset_of_one_visit_leaves_the_others(visits: Visits) -> None:
    """And one that is not known resets nothing."""
    happen(visits, "a", "one")
    happen(visits, "b", "two")
    assert visits.reset("a") == 1
    assert visits.reset("a") == 0
    assert words(visits, "b") == ["two"]


@given(st.lists(st.integers(0, 2 * MAX_VISITS), min_size=1, max_size=300))
def test_only_the_newest_visits_are_remembered(numbers: list[int]) -> None:
    """However many come, in whatever order."""
    visits = Visits(exchanges=1, idle_s=IDLE_S, clock=lambda: 0.0)
    for number in numbers:
        happen(visits, f"v{number}", "word")
    newest = list(dict.fromkeys(reversed(numbers)))[:MAX_VISITS]
    assert len(visits) == len(newest)
    assert all(words(visits, f"v{number}") == ["word"] for number in newest)


def test_no_history_can_be_asked_for() -> None:
    """RR_CHAT_HISTORY_TURNS=0."""
    visits = Visits(exchanges=0, idle_s=IDLE_S)
    happen(visits, "a", "one")
    assert words(visits, "a") == []
