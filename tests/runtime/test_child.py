"""How long a failing server waits for its next chance."""

from shared_schema.runtime.process.child import BackOff


def test_waits_double_up_to_a_limit() -> None:
    back_off = BackOff()
    assert [back_off.after(0.1) for _ in range(7)] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_long_life_needs_no_wait_and_forgives_the_past() -> None:
    back_off = BackOff()
    for _ in range(5):
        back_off.after(0.1)
    assert [back_off.after(1.0), back_off.after(0.1)] == [0.0, 0.25]


def test_being_killed_never_grows_the_wait() -> None:
    back_off = BackOff()
    assert {back_off.after(0.4, killed=True) for _ in range(10)} == {0.25}
    assert back_off.after(0.4) == 0.25
