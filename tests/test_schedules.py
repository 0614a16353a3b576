"""The schedules that the benchmark of providers compares with."""

import hypothesis.strategies as st
from hypothesis import given

from benchmarks.providers.schedule import Job, Work, best, lower_bound

jobs = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=5)


@given(jobs, st.integers(1, 3))
def test_no_schedule_is_below_the_bound(work: list[Job], lanes: int) -> None:
    """Nor is the best one above what taking the jobs as they come reaches."""
    free = [0.0] * lanes
    for begins, takes in sorted(work):
        lane = free.index(min(free))
        free[lane] = max(free[lane], begins) + takes
    assert lower_bound(work, lanes) <= best(work, lanes) + 1e-9
    assert best(work, lanes) <= max(free)


def test_a_chain_goes_through_the_slowest_text_of_each_turn() -> None:
    """And then through a speech and its wave; with one lane, speech adds up."""
    work = Work(
        texts={(1, 1): 1.0, (1, 2): 2.0, (2, 1): 3.0, (2, 2): 1.0},
        speech={(1, 1): 9.0, (1, 2): 1.0, (2, 1): 1.0, (2, 2): 1.0},
        waves={(1, 1): 0.5, (1, 2): 0.5, (2, 1): 0.5, (2, 2): 0.5},
    )
    assert work.jobs[2, 1] == (5.0, 1.0)
    assert work.chain([1]) == work.chain([1, 2]) == 10.5
    assert work.chain([2]) == 6.5
    assert work.least([1], lanes=1) == 11.5
    assert work.least([1, 2], lanes=1) == 13.5
