"""What every process of the show weighs, from the beginning of its life to its end."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Final

import psutil
from msgspec import Struct

from benchmarks.report import median, table, verdict
from benchmarks.soak.show import KEPT_S, PACKAGES, Show

SAMPLE_EVERY_S: Final = 2.0
# Before that a process has to grow: caches, threads made when first needed, and the sessions that
# the chat backend remembers for KEPT_S.
WARM_UP_S: Final = KEPT_S + 30.0
# A life that lasts so much longer than its warm-up is judged; of both ends this share is compared.
JUDGED_S: Final = 180.0
_END_SHARE: Final = 0.25
MEMORY_LIMIT: Final = 1.05
COUNT_LIMIT: Final = 2


class Sample(Struct, frozen=True):
    """A process at a moment: age in seconds, memory in bytes, descriptors, threads."""

    age_s: float
    memory: int
    descriptors: int
    threads: int


class Life(Struct, kw_only=True):
    """One process from its start to its end."""

    role: str
    pid: int
    samples: list[Sample]

    @property
    def age_s(self) -> float:
        """How old it was when it was last seen."""
        return self.samples[-1].age_s

    @property
    def judged(self) -> bool:
        """Whether it lived long enough to tell growth from warming up."""
        return self.age_s >= WARM_UP_S + JUDGED_S

    def ends(self) -> tuple[list[Sample], list[Sample]]:
        """Return the samples after the warm-up and those of the end."""
        share_s = _END_SHARE * (self.age_s - WARM_UP_S)
        warm = [s for s in self.samples if WARM_UP_S <= s.age_s <= WARM_UP_S + share_s]
        return warm, [s for s in self.samples if s.age_s >= self.age_s - share_s]


class Lives:
    """All processes that were seen."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._lives: dict[tuple[int, float], Life] = {}

    @property
    def all(self) -> list[Life]:
        """Every life, by role, the longest first."""
        return sorted(self._lives.values(), key=lambda life: (life.role, -life.age_s))

    async def watch(self) -> None:
        """Sample everything, for ever."""
        while True:
            for role, process in self._processes():
                with contextlib.suppress(psutil.Error):
                    self._sample(role, process)
            await asyncio.sleep(SAMPLE_EVERY_S)

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        for package in PACKAGES:
            name = package.removesuffix("_backend").removeprefix("event_")
            for role, process in (
                (name, self._show.server(package)),
                (f"{name}'s supervisor", self._show.supervisor(package)),
            ):
                if process is not None:
                    yield role, process
        yield from self._show.children()

    def _sample(self, role: str, process: psutil.Process) -> None:
        with process.oneshot():
            born_at = process.create_time()
            sample = Sample(
                time.time() - born_at,
                process.memory_info().rss,
                process.num_fds(),
                process.num_threads(),
            )
        life = self._lives.setdefault(
            (process.pid, born_at), Life(role=role, pid=process.pid, samples=[])
        )
        life.samples.append(sample)

    def report(self) -> tuple[str, int]:
        """Return the table with the verdicts, and how many lives were judged."""
        lives = self.all
        counts = [
            (role, len(mine), sum(life.judged for life in mine), f"{mine[0].age_s:.0f}")
            for role in dict.fromkeys(life.role for life in lives)
            for mine in [[life for life in lives if life.role == role]]
        ]
        judged = [life for life in lives if life.judged]
        parts = [table(("process", "lives", "judged", "longest, s"), counts)]
        if judged:
            header = (
                "process",
                "pid",
                "lived, s",
                "memory, MB",
                "memory",
                "descriptors",
                "threads",
            )
            parts += ["", table(header, map(_row, judged))]
        parts += [
            "",
            f"Growth is judged in lives of at least {WARM_UP_S + JUDGED_S:.0f} s: after"
            f" {WARM_UP_S:.0f} s of warming up (the chat backend remembers a session for"
            f" {KEPT_S} s), the first quarter of what remains against its last. Memory: medians of"
            f" RSS, at most {MEMORY_LIMIT:g} times; descriptors and threads: the least that was"
            f" seen, since visitors come and go, at most {COUNT_LIMIT} more.",
        ]
        return "\n".join(parts), len(judged)


def _row(life: Life) -> tuple[object, ...]:
    warm, late = life.ends()
    before, after = (median([s.memory for s in part]) for part in (warm, late))
    descriptors = [min(s.descriptors for s in part) for part in (warm, late)]
    threads = [min(s.threads for s in part) for part in (warm, late)]
    return (
        life.role,
        life.pid,
        f"{life.age_s:.0f}",
        f"{before / 1e6:.1f} to {after / 1e6:.1f}",
        f"{after / before:.3f}, {verdict(after / before, MEMORY_LIMIT)}",
        _counted(*descriptors),
        _counted(*threads),
    )


def _counted(before: int, after: int) -> str:
    return f"{before} to {after}, {verdict(after - before, COUNT_LIMIT)}"
