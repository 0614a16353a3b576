"""How fast something grows: the exponent of a power law, fitted in log-log."""

import numpy as np
from msgspec import Struct

from benchmarks.report import verdict

# Flat is 0, linear is 1; a logarithm over three decades stays below 0.15 once it has any constant.
EXPONENT_LIMIT = 0.15


class Curve(Struct, frozen=True, kw_only=True):
    """Costs in seconds, each with the size it was measured at."""

    name: str
    sizes: tuple[int, ...]
    costs_s: tuple[float, ...]

    @property
    def exponent(self) -> float:
        """The power of the size that the cost grows with."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.costs_s), 1)[0])

    @property
    def told(self) -> str:
        """Whether it is flat enough, in words."""
        return verdict(self.exponent, EXPONENT_LIMIT)

    def row(self) -> list[str]:
        """Return it as a row of a table, costs in ms."""
        costs = [f"{1e3 * cost:.3g}" for cost in self.costs_s]
        return [self.name, *costs, f"{self.exponent:+.3f}", self.told]
