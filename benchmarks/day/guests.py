"""Who comes on a day: a queue at one kiosk, and people who do not wait for ever."""

import random
from collections import Counter, deque
from typing import Final, Literal

from msgspec import Struct

from benchmarks.day.clock import DayClock
from benchmarks.day.kiosk import LOOK_S, Kiosk
from benchmarks.soak.visitors import QUESTIONS

# All in seconds of the day. They come independently of each other, one after so long on average.
INTERVAL_S: Final = 90.0
WRITES_S: Final = (8.0, 20.0)
PATIENCE_S: Final = (60.0, 300.0)

End = Literal["asked", "turned away", "left: waited too long", "left: closing time"]


class Guest(Struct, kw_only=True):
    """Somebody who waits for the kiosk."""

    came_at: float
    patience_s: float
    writes_s: float
    question: str


class Guests:
    """All who come; `ends` says what became of them, `waited` how long those who asked waited."""

    def __init__(self, kiosk: Kiosk, clock: DayClock, chance: random.Random) -> None:
        self._kiosk = kiosk
        self._clock = clock
        self._chance = chance
        self._queue: deque[Guest] = deque()
        self.ends: Counter[End] = Counter()
        self.waited: list[float] = []
        self.longest_queue = 0

    @property
    def came(self) -> int:
        """How many have come."""
        return self.ends.total() + len(self._queue)

    async def arrive(self, closing_s: float) -> None:
        """Let people come until the day closes."""
        at = self._chance.expovariate(1 / INTERVAL_S)
        while at < closing_s:
            await self._clock.sleep(max(0.0, at - self._clock.now_s))
            self._queue.append(
                Guest(
                    came_at=at,
                    patience_s=self._chance.uniform(*PATIENCE_S),
                    writes_s=self._chance.uniform(*WRITES_S),
                    question=self._chance.choice(QUESTIONS),
                )
            )
            self.longest_queue = max(self.longest_queue, len(self._queue))
            at += self._chance.expovariate(1 / INTERVAL_S)

    async def use(self, closing_s: float) -> None:
        """Let one after another ask, each when the kiosk is free, until the day closes.

        Return when the kiosk is free of the last.
        """
        while self._clock.now_s < closing_s:
            await self._clock.sleep(LOOK_S)
            self._let_go()
            if self._queue and self._kiosk.state == "free":
                await self._ask(self._queue.popleft())
        while self._kiosk.state != "free":
            await self._clock.sleep(LOOK_S)

    def go_home(self) -> None:
        """Let all go who still wait; call it when nobody comes any more."""
        self.ends["left: closing time"] += len(self._queue)
        self._queue.clear()

    async def _ask(self, guest: Guest) -> None:
        self.waited.append(self._clock.now_s - guest.came_at)
        await self._clock.sleep(guest.writes_s)
        visit = await self._kiosk.ask(guest.question)
        self.ends["turned away" if visit.ending == "turned away" else "asked"] += 1

    def _let_go(self) -> None:
        """Let go who has waited too long; who stands in front of the page goes on."""
        now = self._clock.now_s
        for guest in [each for each in self._queue if now - each.came_at > each.patience_s]:
            self._queue.remove(guest)
            self.ends["left: waited too long"] += 1
