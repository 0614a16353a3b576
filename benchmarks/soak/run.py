"""Run the show, strike it, and print the account."""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

import structlog

from benchmarks.report import machine, table
from benchmarks.soak.account import Balance, balance, stream_faults, visit_faults
from benchmarks.soak.alarms import Alarms
from benchmarks.soak.client import TouchDesigner
from benchmarks.soak.conditions import Conditions
from benchmarks.soak.kiosk import Kiosk
from benchmarks.soak.lives import Lives
from benchmarks.soak.privacy import leaks, names
from benchmarks.soak.remains import Remains, none
from benchmarks.soak.settling import settle
from benchmarks.soak.show import PACKAGES, Show
from benchmarks.soak.trouble import CLIENT_BLOWS, SERVER_BLOWS, Outage, Trouble
from benchmarks.soak.truth import Known, known_sessions
from benchmarks.soak.visitors import Visit, Visitors
from benchmarks.soak.water import Water
from tests.support.recordings import SENTENCES, recorded, spoken

# Servers are struck in the first part; then they live on, so that growth can be seen.
FIRE_SHARE: Final = 1 / 3
SERVER_BLOW_EVERY_S: Final = 8.0
CLIENT_BLOW_EVERY_S: Final = 20.0
CONDITION_EVERY_S: Final = 12.0


def run(*, minutes: float, seed: int, everything: bool) -> int:
    """Print the account; return 0 if everything adds up."""
    print(machine("uvicorn", "pyzmq", "websockets", "hibari-tts", "pebble"), flush=True)
    # The second backend logs in this process; the account alone is kept.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        soak = _Soak(Path(name), minutes=minutes, seed=seed, everything=everything)
        return asyncio.run(soak.run())


class _Soak:
    """Owns everything of a run."""

    def __init__(self, folder: Path, *, minutes: float, seed: int, everything: bool) -> None:
        self._minutes = minutes
        self._seed = seed
        # Every second seed: sessions with a sentiment and a summary.
        additions = everything or seed % 2 == 0
        self._show = Show(folder, additions=additions, everything=everything)
        self._water = Water(self._show.gateway_port) if everything else None
        self._client = TouchDesigner(self._show.events_url, self._water)
        self._conditions = Conditions(self._show, random.Random(f"conditions {seed}"))
        self._alarms = Alarms(self._show.gateway_url)
        # One stream of chance each: what one of them does leaves the others as they are.
        self._visitors = Visitors(
            self._show.chat_url,
            random.Random(f"visitors {seed}"),
            [recorded(spoken(each), "webm") for each in SENTENCES[:6]] if everything else [],
            names("Ar"),
        )
        urls = (self._show.chat_url, self._show.gateway_url)
        # Its names are its own: it asks in another thread.
        self._kiosk = Kiosk(*urls, names("Un")) if everything else None
        self._trouble = Trouble(
            self._show,
            self._client,
            self._conditions,
            self._alarms,
            random.Random(f"trouble {seed}"),
        )
        self._lives = Lives(self._show)
        self._temporary: set[Path] = set()
        # Of what goes on all the time: only a fault ends it.
        self._ended_early: list[str] = []

    async def run(self) -> int:
        try:
            await self._show.open()
            self._temporary = set(self._show.temporary.rglob("*"))
            always = [self._lives.watch(), self._alarms.watch(), self._client.run()]
            if self._water is not None:
                always += [self._water.run(), self._client.report()]
            if self._kiosk is not None:
                self._kiosk.open()
            tasks = [asyncio.create_task(each) for each in always]
            try:
                await self._perform()
                if self._kiosk is not None:
                    await asyncio.to_thread(self._kiosk.close)
                unsettled = await self._settle()
                recorded = await self._show.recorded(each.session_id for each in self._sessions())
                self._ended_early = [repr(task.exception()) for task in tasks if task.done()]
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            return self._report(recorded, unsettled)
        finally:
            if self._kiosk is not None:
                self._kiosk.close()
            if self._water is not None:
                self._water.close()
            self._show.close()
            self._conditions.close()

    async def _perform(self) -> None:
        begun = time.monotonic()
        end, fire_end = begun + 60 * self._minutes, begun + 60 * FIRE_SHARE * self._minutes
        async with asyncio.TaskGroup() as group:
            group.create_task(self._visitors.arrive(end))
            group.create_task(
                self._trouble.strike(SERVER_BLOWS, every_s=SERVER_BLOW_EVERY_S, until=fire_end)
            )
            group.create_task(self._trouble.trouble(every_s=CONDITION_EVERY_S, until=fire_end))
            group.create_task(
                self._trouble.strike(CLIENT_BLOWS, every_s=CLIENT_BLOW_EVERY_S, until=end)
            )

    # Afterwards

    def _sessions(self) -> list[Known]:
        return known_sessions(self._show.artifacts, self._visitors.visits)

    async def _settle(self) -> list[str]:
        await self._client.connected()
        return await settle(self._show, self._sessions, self._trouble.outages)

    # The report

    def _report(self, recorded: dict[str, list[str]], unsettled: list[str]) -> int:
        sessions, outages = self._sessions(), self._trouble.outages
        it = balance(sessions, outages, self._client, recorded, self._conditions.losses)
        it.faults += unsettled + self._ended_early + self._trouble.faults + self._alarms.faults
        for visit in self._visitors.visits:
            it.faults += visit_faults(visit, outages)
        for session in sessions:
            it.faults += stream_faults(session)
        remains = Remains(self._show, self._temporary)
        it.faults += leaks(self._said(), self._show.artifacts, recorded, remains.log)
        for part in (self._water, self._kiosk):
            it.faults += part.faults if part is not None else []
        growth, judged = self._lives.report()
        print(f"\n{self._minutes:g} minutes, seed {self._seed}. {_weather(self._minutes)}\n")
        print(_struck(self._trouble, self._client, outages), end="\n\n")
        print(_visits(self._visitors.visits), end="\n\n")
        print(it.text(self._client), end="\n\n")
        if self._water is not None and self._kiosk is not None:
            print(table(("kit and kiosk", "count"), self._water.counts() + self._kiosk.counts()))
            print()
        print(table(("alarms of the gateway", "count"), self._alarms.seen.most_common()))
        print(f"\nNames of visitors looked for elsewhere: {len(self._said())}\n")
        print(growth, end="\n\n")
        print(remains.text, end="\n\n")
        print(f"What does not add up: {none(len(it.faults))}")
        for fault in it.faults:
            print(f"* {fault}")
        if not judged:
            print("No life was long enough for growth to be judged.")
        wrong = bool(it.faults) or remains.wrong or "MISSED" in growth
        if wrong:
            remains.keep_log(f"soak-{self._seed}.log")
        return int(wrong or _unbalanced(it, self._client))

    def _said(self) -> list[str]:
        return self._visitors.said + (self._kiosk.said if self._kiosk is not None else [])


def _unbalanced(it: Balance, client: TouchDesigner) -> bool:
    return bool(it.missing or it.beyond or client.counted["twice"])


def _weather(minutes: float) -> str:
    fire = FIRE_SHARE * minutes
    return (
        f"In the first {fire:.1f} minutes a server or a wave worker is struck every"
        f" {SERVER_BLOW_EVERY_S:g} s on average, and a condition comes and passes every"
        f" {CONDITION_EVERY_S:g} s; the client is struck all the time, every"
        f" {CLIENT_BLOW_EVERY_S:g} s."
    )


def _struck(trouble: Trouble, client: TouchDesigner, outages: list[Outage]) -> str:
    counts = {**trouble.struck, **{name: client.counted[name] for name in sorted(client.counted)}}
    rows = [(name, counts[name]) for name in counts if name not in ("twice", "paths not sound")]
    for package in PACKAGES:
        away = [each.back_at - each.at for each in outages if each.package == package]
        if away:
            rows.append((f"longest absence of {package}, s", round(max(away))))
    return table(("what was done", "count"), rows)


def _visits(visits: list[Visit]) -> str:
    endings = Counter(
        (f"{'speaks, ' if visit.speaks else ''}{visit.manner}", visit.ending) for visit in visits
    )
    rows = [(manner, ending, count) for (manner, ending), count in sorted(endings.items())]
    overlapped = sum(visit.overlapped for visit in visits)
    rows_and_total = [*rows, ("all", f"{overlapped} while another was there", len(visits))]
    return table(("visitor", "how it ended", "count"), rows_and_total)
