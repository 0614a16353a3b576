"""How fast something grows: the exponent of a power law, fitted in log-log."""

from typing import Final, Literal

import numpy as np
from msgspec import Struct

from benchmarks.report import verdict

# Flat is 0, linear is 1; a logarithm over three decades stays below 0.15 once it has any constant.
EXPONENT_LIMIT = 0.15
# Of what has to be read whole, with as much tolerance for a logarithm.
LINEAR_LIMIT = 1.1
_SHOWN: Final = {"ms": 1e3, "MB": 1e-6}


class Curve(Struct, frozen=True, kw_only=True):
    """Costs in seconds, or bytes, each with the size it was measured at; printed in `unit`."""

    name: str
    sizes: tuple[int, ...]
    costs: tuple[float, ...]
    unit: Literal["ms", "MB"] = "ms"
    limit: float = EXPONENT_LIMIT

    @property
    def shown(self) -> tuple[float, ...]:
        """The costs in `unit`."""
        return tuple(_SHOWN[self.unit] * cost for cost in self.costs)

    @property
    def exponent(self) -> float:
        """The power of the size that the cost grows with."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.costs), 1)[0])

    @property
    def told(self) -> str:
        """Whether it is flat enough, in words."""
        return verdict(self.exponent, self.limit)

    def row(self) -> list[str]:
        """Return it as a row of a table; a cost that is no time has its unit in the name."""
        costs = [f"{cost:.3g}" for cost in self.shown]
        name = self.name if self.unit == "ms" else f"{self.name}, {self.unit}"
        return [name, *costs, f"{self.exponent:+.3f}", self.told]
