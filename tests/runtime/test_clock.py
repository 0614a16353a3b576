"""When the wall clock may say what is old enough to be removed, and when it may not."""

import os
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared_schema.layout import Artifacts
from shared_schema.runtime.clock import (
    AHEAD_MAX_S,
    BEHIND_MAX_S,
    PLAUSIBLE_FOR_S,
    ClockRecord,
    PruneClock,
    judge,
)
from shared_schema.settings import SECONDS_A_DAY
from tests.support.platforms import PIPES

NOW = 1_800_000_000.0
HOUR_S = 3600.0
jumps = st.floats(AHEAD_MAX_S + 1, 1e9) | st.floats(-1e9, -BEHIND_MAX_S - 1)
steps = st.floats(-BEHIND_MAX_S, AHEAD_MAX_S)
elapsed = st.floats(0, 1e7)


class Machine:
    """A wall clock that a test sets, and a monotonic one that only goes on."""

    def __init__(self, folder: Path) -> None:
        self.artifacts = Artifacts(folder)
        self.wall = NOW
        self.monotonic = 5.0
        self.newest_trace = 0.0
        self.clock = self.started()

    def started(self) -> PruneClock:
        """Return the clock of a process that has just started."""
        self.clock = PruneClock(
            self.artifacts,
            "chat",
            lambda: self.newest_trace,
            wall=lambda: self.wall,
            monotonic=lambda: self.monotonic,
        )
        return self.clock

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@given(jump=jumps, elapsed_s=elapsed)
def test_a_jump_forbids_and_a_plausible_day_allows(jump: float, elapsed_s: float) -> None:
    """Ahead or back, during a life or between two; only a whole day without another one helps."""
    record = judge(ClockRecord(seen_at=NOW), NOW + elapsed_s + jump, elapsed_s=elapsed_s)
    assert not record.plausible
    for _ in range(23):
        record = judge(record, record.seen_at + HOUR_S, elapsed_s=HOUR_S)
        assert not record.plausible
    again = judge(record, record.seen_at + jump, elapsed_s=0.0)
    assert again.jumped_at == again.seen_at
    record = judge(record, record.seen_at + HOUR_S, elapsed_s=HOUR_S)
    assert record == ClockRecord(seen_at=record.seen_at)
    assert record.plausible


@given(st.lists(st.tuples(steps, elapsed), min_size=1))
def test_corrections_and_absences_of_a_day_are_no_jump(course: list[tuple[float, float]]) -> None:
    """A computer that slept, a day without a show, a clock that was set right by some seconds."""
    record = ClockRecord(seen_at=NOW)
    for step, elapsed_s in course:
        record = judge(record, record.seen_at + elapsed_s + step, elapsed_s=elapsed_s)
        assert record.plausible


@pytest.mark.parametrize(("away_s", "allowed"), [(0, True), (HOUR_S, True), (-61, False)])
def test_the_first_look_compares_with_the_newest_trace(away_s: float, allowed: bool) -> None:
    """An installation that was updated has files and no record yet."""
    assert judge(None, NOW, newest_trace=NOW - away_s).plausible == allowed
    assert not judge(None, NOW, newest_trace=NOW - 40 * SECONDS_A_DAY).plausible
    assert judge(None, NOW).plausible


def test_lives_of_some_hours_add_up_to_a_plausible_day(machine: Machine) -> None:
    """An installation that is switched off every night removes again on the second day."""
    assert machine.clock.now() == NOW
    machine.wall += 40 * SECONDS_A_DAY
    assert machine.started().now() is None
    answers = []
    for _ in range(2):
        machine.pass_(10 * HOUR_S)
        answers.append(machine.clock.now())
        machine.wall += 14 * HOUR_S
        machine.monotonic = 1.0
        answers.append(machine.started().now())
    assert answers == [None, machine.wall - SECONDS_A_DAY, machine.wall - 14 * HOUR_S, machine.wall]


def test_a_jump_between_two_looks_of_a_life_is_seen(machine: Machine) -> None:
    """Whatever was written down at the wrong time meanwhile."""
    assert machine.clock.now() == NOW
    machine.pass_(HOUR_S)
    machine.wall += 3 * SECONDS_A_DAY
    machine.newest_trace = machine.wall
    assert machine.clock.now() is None
    machine.pass_(PLAUSIBLE_FOR_S)
    assert machine.clock.now() == machine.wall


def test_a_record_that_cannot_be_read_or_written_is_no_obstacle(machine: Machine) -> None:
    """Then the newest trace decides, and what the process remembers."""
    (machine.artifacts.root / "run").write_text("no folder", "utf-8")
    machine.newest_trace = NOW - 40 * SECONDS_A_DAY
    assert machine.clock.now() is None
    assert machine.started().now() is None


@PIPES
@pytest.mark.timeout(30)
def test_a_pipe_in_the_place_of_the_record_is_replaced(machine: Machine) -> None:
    """It is not waited for: no server would start."""
    path = machine.artifacts.root / "run" / "clock-chat.json"
    path.parent.mkdir()
    os.mkfifo(path)
    assert machine.started().now() == NOW
    assert path.is_file()
