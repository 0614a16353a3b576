"""How far two series of the same kind lie apart by chance."""

import random
from collections.abc import Callable, Sequence

from benchmarks.report import median, percentile

RESAMPLES = 4000
FALSE_ALARM = 0.05

Statistic = Callable[[Sequence[float]], float]


def p95(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return percentile(values, 0.95)


STATISTICS: dict[str, Statistic] = {"median": median, "p95": p95}


def band(values: Sequence[float], count: int, statistic: Statistic, *, comparisons: int) -> float:
    """Return how far a series of `count` may lie from `values` and still be of the same kind.

    Both are drawn anew from `values`, with replacement, and compared; all but a few of the
    differences lie within the band. How few: with so many comparisons, all at once come out within
    their bands 95 times of 100 if nothing differs (Bonferroni).
    """
    rng = random.Random(7)
    differences = sorted(
        abs(statistic(rng.choices(values, k=count)) - statistic(rng.choices(values, k=len(values))))
        for _ in range(RESAMPLES)
    )
    return percentile(differences, 1 - FALSE_ALARM / comparisons)
