"""Tells what time it surely is, for whatever is removed when it is old enough.

A clock that was set 40 days ahead makes everything look old. So whoever removes by age asks here
first. `judge` is pure; `PruneClock` remembers its judgement in ``artifacts/run``, since a jump may
happen while nothing of ours runs.

Rules
-----
1. A look expects the time of the last look plus the monotonic time since then; after a start, when
   that is unknown, the time of the last look. The first look ever expects the newest trace: the
   time of the newest record or file.
2. The clock may be ahead of that by a day (a computer that slept, a day without a show) and behind
   by a minute (a correction). Anything else is a jump: either the clock is wrong, or the computer
   was off for days; nobody can tell which.
3. What a jump was ahead is in doubt, and does not make anything old: it is subtracted from the
   clock. After a jump back, all time is in doubt.
4. Each doubt ends for itself, after a day of plausible time: the time between two looks without a
   jump, added up over all lives. So it also ends on a computer that is on for some hours a week,
   where every start is a jump.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from shared_schema.ids import timestamp
from shared_schema.layout import RUN_DIR, Artifacts, moved_into_place
from shared_schema.settings import SECONDS_A_DAY
from shared_schema.small_files import content_of

log = structlog.get_logger("clock")

AHEAD_MAX_S: Final = SECONDS_A_DAY
BEHIND_MAX_S: Final = 60.0
PLAUSIBLE_FOR_S: Final = SECONDS_A_DAY
# An hour: what is removed a little late does no harm.
LOOK_INTERVAL_S: Final = 3600.0
_MAX_BYTES: Final = 65_536


class Doubt(Struct, frozen=True):
    """How far a jump was ahead, and for how long the clock has been plausible since; in seconds."""

    ahead_s: float
    plausible_s: float = 0.0


class ClockRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is remembered, in seconds since 1970.

    `jumped_at` is for older versions only: they remove nothing for a day after it.
    """

    seen_at: float
    doubts: tuple[Doubt, ...] = ()
    jumped_at: float | None = None

    @property
    def surely_at(self) -> float:
        """Return the time without what is in doubt (rule 3)."""
        return self.seen_at - sum(doubt.ahead_s for doubt in self.doubts)


def is_jump(ahead_s: float) -> bool:
    """Return whether a clock that is so far ahead of the expected time has jumped (rule 2)."""
    return not -BEHIND_MAX_S <= ahead_s <= AHEAD_MAX_S


def judge(before: ClockRecord, now: float, *, elapsed_s: float = 0.0) -> ClockRecord:
    """Return the record after a look at the clock.

    Parameters
    ----------
    before : ClockRecord
        The record of the last look; before the first look ever, one of the newest trace.
    now : float
        The wall clock, in seconds since 1970.
    elapsed_s : float
        The monotonic time since the last look; 0 if that was before a start.
    """
    ahead_s = now - before.seen_at - elapsed_s
    if is_jump(ahead_s):
        doubts = (*before.doubts, Doubt(ahead_s if ahead_s > 0 else now))
    else:
        passed_s = now - before.seen_at
        grown = (Doubt(each.ahead_s, each.plausible_s + passed_s) for each in before.doubts)
        doubts = tuple(each for each in grown if each.plausible_s < PLAUSIBLE_FOR_S)
    return ClockRecord(seen_at=now, doubts=doubts, jumped_at=now if doubts else None)


class PruneClock:
    """Asks the clock for one process, and remembers the answers. Blocks for a small file.

    Parameters
    ----------
    artifacts : Artifacts
        Where the record is kept, as ``run/clock-<service>.json``.
    newest_trace : callable
        Returns the newest time that this process finds written down; 0 if there is none.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        service: str,
        newest_trace: Callable[[], float],
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = artifacts.root / RUN_DIR / f"clock-{service}.json"
        self._newest_trace = newest_trace
        self._wall = wall
        self._monotonic = monotonic
        self._looked_at: float | None = None
        self._record = _read(self._path)

    def now(self) -> float:
        """Return the time by which things are old enough to be removed, in seconds since 1970."""
        now, moment = self._wall(), self._monotonic()
        elapsed_s = 0.0 if self._looked_at is None else moment - self._looked_at
        before = self._before(now)
        self._record = judge(before, now, elapsed_s=elapsed_s)
        self._looked_at = moment
        expected = before.seen_at + elapsed_s
        if is_jump(now - expected):
            log.warning(
                "the clock jumped, or the computer was off for days: that time makes nothing old"
                " until the clock has been plausible for a day",
                now=timestamp(now),
                before=timestamp(expected),
            )
        self._write(self._record)
        return self._record.surely_at

    def peek(self) -> ClockRecord:
        """Return what a look at a start would find, and remember nothing: a server may run."""
        now = self._wall()
        return judge(self._before(now), now)

    def _before(self, now: float) -> ClockRecord:
        return self._record or ClockRecord(seen_at=self._newest_trace() or now)

    def _write(self, record: ClockRecord) -> None:
        try:
            with moved_into_place(self._path, sync=False) as partial:
                partial.write_bytes(msgspec.json.encode(record))
        except OSError as error:
            log.warning("the time was not written down", reason=str(error))


def _read(path: Path) -> ClockRecord | None:
    try:
        content = content_of(path, max_bytes=_MAX_BYTES)
        record = msgspec.json.decode(content, type=ClockRecord)
    except (OSError, msgspec.MsgspecError):
        return None
    if record.jumped_at is not None and not record.doubts:
        # An older version wrote it: by how much its clock jumped is unknown.
        return ClockRecord(seen_at=record.seen_at, doubts=(Doubt(record.seen_at),))
    return record
