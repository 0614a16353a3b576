"""Judges whether the wall clock can be trusted with what is old enough to be removed.

A clock that was set 40 days ahead makes everything look old. So whoever removes by age looks here
first. `judge` is pure; `PruneClock` remembers its judgement in ``artifacts/run``, since a jump may
happen while nothing of ours runs.

Rules
-----
1. A look expects the time of the last look plus the monotonic time since then; after a start, when
   that is unknown, the time of the last look. The first look ever expects the newest trace: the
   time of the newest record or file.
2. The clock may be ahead of that by a day (a computer that slept, a day without a show) and behind
   by a minute (a correction). Anything else is a jump.
3. After a jump nothing is removed until a day has passed without another.
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
_MAX_BYTES: Final = 4096


class ClockRecord(Struct, frozen=True, kw_only=True):
    """What is remembered, in seconds since 1970. `jumped_at` is the time after the last jump."""

    seen_at: float
    jumped_at: float | None = None

    @property
    def plausible(self) -> bool:
        """Return whether the clock may decide what is old (rule 3)."""
        return self.jumped_at is None or self.seen_at - self.jumped_at >= PLAUSIBLE_FOR_S


def judge(
    before: ClockRecord | None, now: float, *, newest_trace: float = 0.0, elapsed_s: float = 0.0
) -> ClockRecord:
    """Return the record after a look at the clock.

    Parameters
    ----------
    before : ClockRecord or None
        The record of the last look, if there was one.
    now : float
        The wall clock, in seconds since 1970.
    newest_trace : float
        The newest time that was written down before the first look ever; 0 if there is none.
    elapsed_s : float
        The monotonic time since the last look; 0 if that was before a start.
    """
    expected = before.seen_at + elapsed_s if before else newest_trace or now
    if not -BEHIND_MAX_S <= now - expected <= AHEAD_MAX_S:
        return ClockRecord(seen_at=now, jumped_at=now)
    record = ClockRecord(seen_at=now, jumped_at=before.jumped_at if before else None)
    return ClockRecord(seen_at=now) if record.plausible else record


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

    def now(self) -> float | None:
        """Return the wall clock, in seconds since 1970, or None while nothing may be removed."""
        now, moment = self._wall(), self._monotonic()
        elapsed_s = 0.0 if self._looked_at is None else moment - self._looked_at
        trace = self._newest_trace() if self._record is None else 0.0
        before, self._record = (
            self._record,
            judge(self._record, now, newest_trace=trace, elapsed_s=elapsed_s),
        )
        self._looked_at = moment
        if self._record.jumped_at == now:
            log.warning(
                "the clock jumped: nothing is removed by age until it has been plausible for a day",
                now=timestamp(now),
                before=timestamp(before.seen_at + elapsed_s if before else trace),
            )
        self._write(self._record)
        return now if self._record.plausible else None

    def _write(self, record: ClockRecord) -> None:
        try:
            with moved_into_place(self._path, sync=False) as partial:
                partial.write_bytes(msgspec.json.encode(record))
        except OSError as error:
            log.warning("the time was not written down", reason=str(error))


def _read(path: Path) -> ClockRecord | None:
    try:
        return msgspec.json.decode(content_of(path, max_bytes=_MAX_BYTES), type=ClockRecord)
    except (OSError, msgspec.MsgspecError):
        return None
