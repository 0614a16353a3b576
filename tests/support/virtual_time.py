"""An event loop whose time passes at once: where another waits for its next timer, it is there."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Hurried(selectors.SelectSelector):
    """A selector that skips what it should wait."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "every task waits for another, and no timer is set"
        self.skipped_s += max(0.0, timeout)
        return super().select(0)


class VirtualTime(asyncio.SelectorEventLoop):
    """For tasks that wait for each other and for timers, and for nothing outside the loop."""

    def __init__(self) -> None:
        self._hurried = _Hurried()
        super().__init__(self._hurried)

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self._hurried.skipped_s


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a virtual time of its own."""
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        return runner.run(main)
