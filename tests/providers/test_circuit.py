"""The circuit breaker: its states, and what can never happen in any order of events."""

from hypothesis import given
from hypothesis import strategies as st

from chat_backend.providers.circuit import Circuit


def test_it_opens_after_the_limit_and_only_in_a_row() -> None:
    """A success in between begins the count again."""
    circuit = Circuit(limit=3, rest_s=10.0)
    for _ in range(2):
        circuit.failed(0.0)
    circuit.succeeded()
    for _ in range(2):
        circuit.failed(1.0)
    assert circuit.admits(1.0)
    circuit.failed(1.0)
    assert circuit.state(1.0) == "open"
    assert not circuit.admits(10.9)
    assert circuit.rests_for(6.0) == 5.0


def test_half_open_lets_one_probe_through() -> None:
    """Its success closes the circuit, its failure opens it for another rest."""
    circuit = Circuit(limit=1, rest_s=10.0)
    circuit.failed(0.0)
    assert circuit.admits(10.0)
    assert not circuit.admits(10.0), "one probe at a time"
    circuit.failed(11.0)
    assert circuit.state(20.9) == "open"
    assert circuit.admits(21.0)
    circuit.succeeded()
    assert circuit.state(21.0) == "closed"
    assert circuit.rests_for(21.0) == 0.0


def test_a_probe_that_is_given_up_makes_room_for_another() -> None:
    """A visitor who stops a session must not leave the provider switched off."""
    circuit = Circuit(limit=1, rest_s=10.0)
    circuit.failed(0.0)
    assert circuit.admits(10.0)
    circuit.abandoned()
    assert circuit.admits(10.0)


def test_late_failures_do_not_make_the_rest_longer() -> None:
    """Calls that began before it opened still come back."""
    circuit = Circuit(limit=1, rest_s=10.0)
    circuit.failed(0.0)
    circuit.failed(5.0)
    assert circuit.state(10.0) == "half_open"


EVENTS = st.lists(
    st.tuples(st.sampled_from(["ask", "succeeded", "failed", "abandoned"]), st.integers(0, 20)),
    max_size=60,
)


@given(EVENTS, st.integers(1, 5))
def test_no_order_of_events_locks_it_for_ever(events: list[tuple[str, int]], limit: int) -> None:
    """Whatever happened, when all calls have ended and the rest is over, one may go."""
    circuit = Circuit(limit=limit, rest_s=10.0)
    now = 0.0
    for event, after in events:
        now += after
        match event:
            case "ask":
                admitted = circuit.admits(now)
                assert admitted or circuit.state(now) != "closed"
            case "succeeded":
                circuit.succeeded()
            case "failed":
                circuit.failed(now)
            case _:
                circuit.abandoned()
        assert 0.0 <= circuit.rests_for(now) <= 10.0
    circuit.abandoned()
    assert circuit.admits(now + 10.0)
