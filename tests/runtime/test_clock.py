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
KEPT_S = 30 * SECONDS_A_DAY
ROUNDING_S = 1e-3
jumps = st.floats(AHEAD_MAX_S + 1, 1e9) | st.floats(-1e9, -BEHIND_MAX_S - 1)
steps = st.floats(-BEHIND_MAX_S + 1, AHEAD_MAX_S - 1)
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
def test_a_jump_makes_nothing_old_before_a_plausible_day(jump: float, elapsed_s: float) -> None:
    """Ahead or back, during a life or between two, also if another one follows."""
    record = judge(ClockRecord(seen_at=NOW), NOW + elapsed_s + jump, elapsed_s=elapsed_s)
    for hour in range(23):
        assert record.surely_at <= NOW + elapsed_s + hour * HOUR_S + ROUNDING_S
        record = judge(record, record.seen_at + HOUR_S, elapsed_s=HOUR_S)
    again = judge(record, record.seen_at + jump, elapsed_s=0.0)
    assert again.surely_at <= record.surely_at + ROUNDING_S
    record = judge(record, record.seen_at + HOUR_S, elapsed_s=HOUR_S)
    assert record == ClockRecord(seen_at=record.seen_at)
    assert record.surely_at == record.seen_at


@given(st.lists(st.tuples(st.floats(-1e8, 1e8), elapsed), min_size=1, max_size=40), jumps)
def test_what_was_written_before_a_jump_is_new_after_it(
    course: list[tuple[float, float]], jump: float
) -> None:
    """Whatever the clock did before, and however plausible it had become."""
    record = ClockRecord(seen_at=NOW)
    for step, elapsed_s in course:
        record = judge(record, record.seen_at + elapsed_s + step, elapsed_s=elapsed_s)
    after = judge(record, record.seen_at + jump)
    assert after.surely_at <= record.seen_at + ROUNDING_S


@given(st.lists(st.tuples(steps, elapsed), min_size=1))
def test_corrections_and_absences_of_a_day_are_no_jump(course: list[tuple[float, float]]) -> None:
    """A computer that slept, a day without a show, a clock that was set right by some seconds."""
    record = ClockRecord(seen_at=NOW)
    for step, elapsed_s in course:
        record = judge(record, record.seen_at + elapsed_s + step, elapsed_s=elapsed_s)
        assert record == ClockRecord(seen_at=record.seen_at)


@pytest.mark.parametrize(("hours", "age_days"), [(10, 49), (1, 196)])
def test_a_show_once_a_week_removes_as_well(machine: Machine, hours: int, age_days: int) -> None:
    """Every start is a jump; each is believed after a day of shows, so old words go in the end."""
    removed_at = None
    for week in range(30):
        machine.wall = NOW + week * 7 * SECONDS_A_DAY
        machine.monotonic = 1.0
        machine.started()
        sure = [machine.clock.now()]
        for _ in range(hours):
            machine.pass_(HOUR_S)
            sure.append(machine.clock.now())
        if removed_at is None and any(at - NOW > KEPT_S for at in sure):
            removed_at = week * 7
    assert removed_at == age_days


@pytest.mark.parametrize(("away_s", "sure"), [(0, True), (HOUR_S, True), (-61, False)])
def test_the_first_look_compares_with_the_newest_trace(
    machine: Machine, away_s: float, sure: bool
) -> None:
    """An installation that was updated has files and no record yet."""
    machine.newest_trace = NOW - away_s
    assert (machine.clock.now() == NOW) == sure


def test_the_first_look_after_a_long_absence_is_a_jump(machine: Machine) -> None:
    """The files are as new as they were when they were written."""
    machine.newest_trace = NOW - 40 * SECONDS_A_DAY
    assert machine.clock.now() == machine.newest_trace


def test_lives_of_some_hours_add_up_to_a_plausible_day(machine: Machine) -> None:
    """An installation that is switched off every night removes again on the second day."""
    assert machine.clock.now() == NOW
    machine.wall += 40 * SECONDS_A_DAY
    assert machine.started().now() == NOW
    doubts = []
    for _ in range(2):
        machine.pass_(10 * HOUR_S)
        doubts.append(machine.wall - machine.clock.now())
        machine.wall += 14 * HOUR_S
        machine.monotonic = 1.0
        doubts.append(machine.wall - machine.started().now())
    assert doubts == [40 * SECONDS_A_DAY, 0, 0, 0]


def test_an_older_version_waits_and_its_jump_is_not_forgotten(machine: Machine) -> None:
    """An update in the middle of a doubt, and one that is taken back."""
    path = machine.artifacts.root / "run" / "clock-chat.json"
    path.parent.mkdir()
    path.write_text(f'{{"seen_at": {NOW}, "jumped_at": {NOW - HOUR_S}}}', "ascii")
    assert machine.started().now() == 0.0
    # What that version reads: it removes nothing for a day after `jumped_at`.
    assert f'"jumped_at":{NOW}' in path.read_text("ascii")
    machine.pass_(PLAUSIBLE_FOR_S)
    assert machine.clock.now() == machine.wall
    assert "jumped_at" not in path.read_text("ascii")


def test_a_jump_between_two_looks_of_a_life_is_seen(machine: Machine) -> None:
    """Whatever was written down at the wrong time meanwhile."""
    assert machine.clock.now() == NOW
    machine.pass_(HOUR_S)
    machine.wall += 3 * SECONDS_A_DAY
    machine.newest_trace = machine.wall
    assert machine.clock.now() == NOW + HOUR_S
    machine.pass_(PLAUSIBLE_FOR_S)
    assert machine.clock.now() == machine.wall


def test_a_record_that_cannot_be_read_or_written_is_no_obstacle(machine: Machine) -> None:
    """Then the newest trace decides, and what the process remembers."""
    (machine.artifacts.root / "run").write_text("no folder", "utf-8")
    machine.newest_trace = NOW - 40 * SECONDS_A_DAY
    assert machine.clock.now() == machine.newest_trace
    assert machine.started().now() == machine.newest_trace


@PIPES
@pytest.mark.timeout(30)
def test_a_pipe_in_the_place_of_the_record_is_replaced(machine: Machine) -> None:
    """It is not waited for: no server would start."""
    path = machine.artifacts.root / "run" / "clock-chat.json"
    path.parent.mkdir()
    os.mkfifo(path)
    assert machine.started().now() == NOW
    assert path.is_file()
