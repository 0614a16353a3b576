"""The time of the day: it hurries, except while something is made that cannot."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

# While it is slept, the speed may change.
_LOOK_S: Final = 0.05


class DayClock:
    """Runs `speed` times as fast as our own clock, from 0 at opening."""

    def __init__(self, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._speed = speed
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._now_s = 0.0
        self._unhurried = 0

    @property
    def now_s(self) -> float:
        """Seconds of the day since opening."""
        now = self._monotonic()
        self._now_s += (now - self._looked_at) * self._rate
        self._looked_at = now
        return self._now_s

    @contextmanager
    def unhurried(self) -> Iterator[None]:
        """Let it run as fast as our own meanwhile."""
        _ = self.now_s  # until now it hurried
        self._unhurried += 1
        try:
            yield
        finally:
            _ = self.now_s
            self._unhurried -= 1

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of the day."""
        until_s = self.now_s + seconds
        while (left_s := until_s - self.now_s) > 0:
            await asyncio.sleep(min(left_s / self._rate, _LOOK_S))

    @property
    def _rate(self) -> float:
        return 1.0 if self._unhurried else self._speed
