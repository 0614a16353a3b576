"""The best that any order of the same work could reach."""

import itertools
from collections.abc import Iterable, Sequence

from msgspec import Struct

Place = tuple[int, int]  # turn, slot
Job = tuple[float, float]  # when it can begin, how long it takes


class Work(Struct, frozen=True, kw_only=True):
    """What a session had to do, in seconds: each text, its speech, its wave."""

    texts: dict[Place, float]
    speech: dict[Place, float]
    waves: dict[Place, float]

    @property
    def jobs(self) -> dict[Place, Job]:
        """When each speech can begin, if a turn is asked with the last text of the one before."""
        asked, jobs = 0.0, {}
        for turn in sorted({turn for turn, _ in self.texts}):
            places = [place for place in self.texts if place[0] == turn]
            for place in places:
                jobs[place] = (asked + self.texts[place], self.speech[place])
            asked += max(self.texts[place] for place in places)
        return jobs

    def chain(self, turns: Iterable[int]) -> float:
        """Return when the last wave of these turns is there if nothing ever waits."""
        return max(
            begins + takes + self.waves[place]
            for place, (begins, takes) in self.jobs.items()
            if place[0] in turns
        )

    def least(self, turns: Iterable[int], lanes: int) -> float:
        """Return what the last wave of these turns cannot be earlier than, with so many lanes.

        For the six of one turn it is the best schedule itself, of all that there are; for more it
        is a lower bound, which no schedule may reach.
        """
        jobs = [job for place, job in self.jobs.items() if place[0] in turns]
        wave = min(took for place, took in self.waves.items() if place[0] in turns)
        bound = best(jobs, lanes) if len(jobs) <= 6 else lower_bound(jobs, lanes)
        return max(self.chain(turns), bound + wave)


def best(jobs: Sequence[Job], lanes: int) -> float:
    """Return when the last job ends in the best of all schedules."""
    ordered = sorted(jobs)  # on one lane, the first to come goes first: no order ends earlier
    return min(
        _last_end(zip(ordered, chosen, strict=True), lanes)
        for chosen in itertools.product(range(lanes), repeat=len(ordered))
    )


def _last_end(assigned: Iterable[tuple[Job, int]], lanes: int) -> float:
    free = [0.0] * lanes
    for (begins, takes), lane in assigned:
        free[lane] = max(free[lane], begins) + takes
    return max(free)


def lower_bound(jobs: Sequence[Job], lanes: int) -> float:
    """Return a time before which no schedule can end.

    The jobs that can begin at a moment or later keep all lanes busy at best, each from the first
    moment on at which there is a job for it.
    """
    bound = 0.0
    for moment, _ in jobs:
        later = sorted(job for job in jobs if job[0] >= moment)
        busy = sum(begins for begins, _ in later[:lanes]) + sum(takes for _, takes in later)
        bound = max(bound, busy / min(lanes, len(later)))
    return bound
