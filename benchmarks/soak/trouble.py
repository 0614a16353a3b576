"""What is done to the show: restarts, kills, lost connections and conditions, on record."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from typing import Final, Literal

import psutil
from msgspec import Struct

from benchmarks.soak.alarms import OUTBOX_LOST, TWO_BACKENDS, Alarms
from benchmarks.soak.client import TouchDesigner
from benchmarks.soak.conditions import Condition, Conditions
from benchmarks.soak.show import Package, Show

Blow = Literal[
    "gateway killed",
    "gateway restarted",
    "chat killed",
    "chat restarted",
    "wave worker killed",
    "client lost",
    "client crashed",
    "quiet for a while",
]

SERVER_BLOWS: Final[dict[Blow, int]] = {
    "gateway killed": 4,
    "gateway restarted": 3,
    "chat killed": 1,
    "chat restarted": 1,
    "wave worker killed": 3,
}
CLIENT_BLOWS: Final[dict[Blow, int]] = {
    "client lost": 3,
    "client crashed": 1,
    "quiet for a while": 1,
}
_ALARMS: Final[dict[Condition, str]] = {
    "outbox removed": OUTBOX_LOST,
    "second backend": TWO_BACKENDS,
}
# Long enough for a kill of the gateway, which must not end it.
_LONGEST_QUIET_S: Final = 20.0
LONGEST_ABSENCE_S: Final = 15.0


class Outage(Struct, kw_only=True):
    """A server was away: from the blow until it was ready again, in seconds since 1970."""

    package: Package
    at: float
    back_at: float = float("inf")


class Trouble:
    """Strikes at random; `outages` and `struck` are the record."""

    def __init__(
        self,
        show: Show,
        client: TouchDesigner,
        conditions: Conditions,
        alarms: Alarms,
        chance: random.Random,
    ) -> None:
        self._show = show
        self._conditions = conditions
        self._alarms = alarms
        # One thing at a time befalls the servers: on a full disk no restart can be asked for.
        self._servers = asyncio.Lock()
        self._client = client
        self._chance = chance
        self.struck: Counter[str] = Counter()
        self.outages: list[Outage] = []
        self.faults: list[str] = []

    async def strike(self, blows: dict[Blow, int], *, every_s: float, until: float) -> None:
        """Strike, so often on average, until this moment (monotonic)."""
        while (wait_s := self._chance.expovariate(1 / every_s)) + time.monotonic() < until:
            await asyncio.sleep(wait_s)
            blow = self._chance.choices(list(blows), weights=list(blows.values()))[0]
            if await self._strike(blow):
                self.struck[blow] += 1
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def trouble(self, *, every_s: float, until: float) -> None:
        """Let the conditions come and pass, each as often as the others, until this moment."""
        deck: list[Condition] = []
        while (wait_s := self._chance.expovariate(1 / every_s)) + time.monotonic() < until:
            await asyncio.sleep(wait_s)
            if not deck:
                deck = list(self._conditions.possible)
                self._chance.shuffle(deck)
            condition = deck.pop()
            async with self._servers:
                # The gateway then listens to another backend: for it, the first one is away.
                outage = self._begin("chat_backend") if condition == "second backend" else None
                begun = time.monotonic()
                await self._conditions.pass_over(condition)
                if condition in _ALARMS:
                    await self._alarms.demand(_ALARMS[condition], begun)
                if outage is not None:
                    outage.back_at = time.time()
            self.struck[condition] += 1
        await asyncio.sleep(max(0.0, until - time.monotonic()))

    async def _strike(self, blow: Blow) -> bool:
        """Do it; return whether there was something to strike."""
        if blow == "quiet for a while":
            return await self._quiet()
        if blow in CLIENT_BLOWS:
            away_s = self._chance.uniform(0.0, LONGEST_ABSENCE_S)
            await self._client.lose(away_s=away_s, crash=blow == "client crashed")
            return True
        async with self._servers:
            return await self._strike_server(blow)

    async def _strike_server(self, blow: Blow) -> bool:
        match blow:
            case "gateway killed":
                return await self._kill("event_gateway")
            case "gateway restarted":
                return await self._restart("event_gateway")
            case "chat killed":
                return await self._kill("chat_backend")
            case "chat restarted":
                return await self._restart("chat_backend")
            case _:
                return self._kill_worker()

    async def _quiet(self) -> bool:
        """Let the water rest; the client must know it, whatever is struck meanwhile."""
        async with self._servers:  # not on a full disk, where it would not outlast a kill
            await self._show.switch_quiet(on=True)
        told = await self._client.hears_quiet(True)
        await asyncio.sleep(self._chance.uniform(0.0, _LONGEST_QUIET_S))
        if not (told and await self._client.hears_quiet(True)):
            self.faults.append("the client was not told that it is quiet")
        await self._show.switch_quiet(on=False)
        if not await self._client.hears_quiet(False):
            self.faults.append("the client was not told that Quiet is over")
        return True

    async def _kill(self, package: Package) -> bool:
        server = self._show.server(package)
        if server is None:
            return False
        outage = self._begin(package)
        server.kill()
        await self._show.replaced(package, server.pid)
        outage.back_at = time.time()
        return True

    async def _restart(self, package: Package) -> bool:
        server = self._show.server(package)
        if server is None:
            return False
        outage = self._begin(package)
        await self._show.ask_restart(package)
        await self._show.replaced(package, server.pid)
        outage.back_at = time.time()
        return True

    def _begin(self, package: Package) -> Outage:
        outage = Outage(package=package, at=time.time())
        self.outages.append(outage)
        return outage

    def _kill_worker(self) -> bool:
        workers = self._show.workers()
        if not workers:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            self._chance.choice(workers).kill()
        return True
