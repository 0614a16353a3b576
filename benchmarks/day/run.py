"""Run the day, and print its account."""

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.day.account import day_text, heard, verdicts
from benchmarks.day.clock import DayClock
from benchmarks.day.guests import INTERVAL_S, Guests
from benchmarks.day.kiosk import Kiosk
from benchmarks.day.programme import Reports
from benchmarks.day.water import Water, water
from benchmarks.day.weight import disk_text, memory_text
from benchmarks.report import machine, table
from benchmarks.soak.account import balance, stream_faults, visit_faults
from benchmarks.soak.lives import Lives
from benchmarks.soak.remains import Remains, none
from benchmarks.soak.settling import settle
from benchmarks.soak.show import Show
from benchmarks.soak.truth import Known, known_sessions

_SHOWN: Final = 10


def run(*, hours: float, speed: float, seed: int) -> int:
    """Print the account; return 0 if everything adds up."""
    print(machine("uvicorn", "pyzmq", "websockets", "hibari-tts", "pebble"), flush=True)
    with tempfile.TemporaryDirectory(prefix="day-") as name:
        show = Show(Path(name), additions=True)
        return asyncio.run(_Day(show, hours=hours, speed=speed, seed=seed).run())


class _Day:
    """Owns everything of a run."""

    def __init__(self, show: Show, *, hours: float, speed: float, seed: int) -> None:
        self._show = show
        self._hours = hours
        self._speed = speed
        self._seed = seed
        self._lives = Lives(show)
        self._took_s = 0.0

    async def run(self) -> int:
        try:
            await self._show.open()
            temporary = set(self._show.temporary.rglob("*"))
            clock = DayClock(self._speed)
            opened = time.monotonic()
            async with water(clock, self._show.gateway_port) as it, asyncio.TaskGroup() as group:
                reports = Reports(self._show.gateway_url, clock)
                kiosk = Kiosk(self._show.chat_url, reports, clock, told=it.has_all)
                guests = Guests(kiosk, clock, random.Random(f"guests {self._seed}"))
                always = [
                    group.create_task(work)
                    for work in (it.play(), reports.listen(), self._lives.watch())
                ]
                await self._perform(guests, 3600 * self._hours)
                self._took_s = time.monotonic() - opened
                unsettled = await settle(self._show, lambda: self._sessions(kiosk), [])
                for task in always:
                    task.cancel()
            await kiosk.close()
            return await self._report(guests, kiosk, it, unsettled=unsettled, temporary=temporary)
        finally:
            self._show.close()

    async def _perform(self, guests: Guests, closing_s: float) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(guests.arrive(closing_s))
            group.create_task(guests.use(closing_s))
        guests.go_home()

    def _sessions(self, kiosk: Kiosk) -> list[Known]:
        return known_sessions(self._show.artifacts, kiosk.visits)

    async def _report(
        self,
        guests: Guests,
        kiosk: Kiosk,
        it: Water,
        *,
        unsettled: list[str],
        temporary: set[Path],
    ) -> int:
        sessions = self._sessions(kiosk)
        recorded = await self._show.recorded(each.session_id for each in sessions)
        played = heard(sessions, it)
        told = balance(sessions, [], it.received, recorded, [])
        faults = [*told.faults, *played.faults, *unsettled, *it.problems]
        for visit in kiosk.visits:
            faults += visit_faults(visit, [])
        for session in sessions:
            faults += stream_faults(session)
        remains = Remains(self._show, temporary)
        growth, judged = self._lives.report()
        rows = verdicts(played, told, it, it.received)
        print(
            f"\n{self._hours:g} hours in {self._took_s / 60:.0f} minutes, {self._speed:g} times as"
            f" fast while nothing is made, seed {self._seed}; a visitor every {INTERVAL_S:g} s on"
            " average.\n"
        )
        print(day_text(guests, kiosk, it), end="\n\n")
        print(table(("what must be 0", "must", "reached", "verdict"), rows), end="\n\n")
        print(
            f"This process let the water wait for {it.stalled_s:.2f} s of the day at most, by"
            " which a sound may have been late."
        )
        for silent_s, where in played.longest[:_SHOWN]:
            print(f"* {silent_s:.2f} s of silence: {where}")
        print("", told.text(it.received), "", sep="\n")
        print(disk_text(self._show.artifacts, len(sessions)), end="\n\n")
        print(memory_text(self._lives.all, self._took_s / self._hours), "", growth, "", sep="\n")
        print(remains.text, end="\n\n")
        print(f"What does not add up: {none(len(faults))}")
        for fault in faults:
            print(f"* {fault}")
        if not judged:
            print("No life was long enough for growth to be judged.")
        missed = any("MISSED" in row[3] for row in rows) or "MISSED" in growth
        wrong = missed or bool(faults) or remains.wrong
        if wrong:
            remains.keep_log(f"day-{self._seed}.log")
        return int(wrong)
