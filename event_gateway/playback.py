"""Mirrors what the client says that it plays, for pages and metrics.

Nothing that decides or sends may read it: a client that reports nothing, lies or floods changes no
event. It is in memory only, and bounded.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from event_gateway.metrics import Metrics
from event_gateway.outbox import Row
from shared_schema.decoding import CamelStruct, InvalidMessage
from shared_schema.events import PlaybackReport, decode_session_event, files_of, played_s
from shared_schema.ids import timestamp

# Reports of one connection; more are dropped.
REPORTS_PER_S: Final = 50.0
REPORTS_BURST: Final = 200.0
# Answers to malformed reports of one connection.
ERROR_INTERVAL_S: Final = 1.0
# An utterance whose end was never reported; the longest is RR_WAVES_MAX_DURATION_S.
PLAYING_MAX_S: Final = 300.0
PLAYING_MAX: Final = 64
FAILED_MAX: Final = 20
UNPLAYED_MAX: Final = 200
STOPPED_MAX: Final = 100
# How long after its expected end the water may be still, although not all was played.
OVERDUE_S: Final = 30.0

Clock = Callable[[], float]


class ReportLimit:
    """How many reports of one connection are used, and how many errors answer them."""

    def __init__(self) -> None:
        self._left = REPORTS_BURST
        self._at = 0.0
        self._error_at = -ERROR_INTERVAL_S

    def allows(self, now: float) -> bool:
        """Return whether a report that arrives now is used."""
        self._left = min(REPORTS_BURST, self._left + (now - self._at) * REPORTS_PER_S)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def allows_error(self, now: float) -> bool:
        """Return whether a malformed report that arrives now is answered."""
        if now - self._error_at < ERROR_INTERVAL_S:
            return False
        self._error_at = now
        return True


class Reported(CamelStruct, frozen=True, kw_only=True, omit_defaults=True):
    """The utterance that a report is about; `place` is the loudspeaker, if it was named."""

    session_id: str
    part: str
    slot_id: int
    turn_index: int
    place: int | None = None


class Playing(Reported, frozen=True, kw_only=True, omit_defaults=True):
    """An utterance that the client plays."""

    since: str


class PlaybackFailure(Reported, frozen=True, kw_only=True, omit_defaults=True):
    """An utterance that the client could not play."""

    error: str = ""
    at: str


class PlaybackState(CamelStruct, frozen=True, kw_only=True):
    """What plays now, by the client's reports.

    `unplayed` counts the sent events of which nothing was reported; `expected_end` is when all that
    was sent should have been played; `overdue` is true if that was 30 s ago, not all was played,
    and nothing plays. `last_played_at` is the time of the last start or end.
    """

    client_connected: bool
    quiet: bool
    reporting: bool
    playing: tuple[Playing, ...]
    failed: tuple[PlaybackFailure, ...]
    unplayed: int
    last_played_at: str | None
    expected_end: str | None
    overdue: bool


_Key = tuple[str, int, int, int | None]


class _Started(Struct, frozen=True):
    """An utterance that plays, and when it began by our clock (seconds)."""

    playing: Playing
    at: float


class Playback:
    """What the client plays, what it could not play, and what it should have played."""

    def __init__(self, metrics: Metrics, clock: Clock = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._playing: dict[_Key, _Started] = {}
        self._failed: deque[PlaybackFailure] = deque(maxlen=FAILED_MAX)
        # Sent events of which no utterance has started, in the order of sending.
        self._unplayed: dict[tuple[str, str], None] = {}
        self._expected_end = 0.0
        self._expected_end_ts: str | None = None
        self._last_played_at: str | None = None
        self._client_connected = False
        self._reporting = False
        self._quiet = False
        # Sessions that were stopped: what is sent of them later need not be played.
        self._stopped: deque[str] = deque(maxlen=STOPPED_MAX)
        metrics.playing.set_function(lambda: len(self._now_playing()))
        metrics.playback_overdue.set_function(self._overdue)

    def receive(self, report: PlaybackReport) -> None:
        """Note a report."""
        self._metrics.playback_reports.labels(report.state).inc()
        self._reporting = True
        key = (report.session_id, report.turn_index, report.slot_id, report.place)
        now, ts = self._clock(), timestamp(time.time())
        self._playing.pop(key, None)
        named = {name: getattr(report, name) for name in Reported.__struct_fields__}
        if report.state == "failed":
            self._failed.append(PlaybackFailure(**named, error=report.error, at=ts))
            return
        self._last_played_at = ts
        if report.state == "ended":
            return
        self._playing[key] = _Started(Playing(**named, since=ts), now)
        if len(self._playing) > PLAYING_MAX:
            del self._playing[next(iter(self._playing))]
        self._played((report.session_id, report.part))

    def sent(self, row: Row) -> None:
        """Note an event that was sent."""
        try:
            event = decode_session_event(row.event)
        except InvalidMessage:
            return  # recorded by a version with other events
        if not files_of(event) or self._quiet or row.session_id in self._stopped:
            return
        now = self._clock()
        begins_at = max(self._expected_end, now) if self._unplayed else now
        self._unplayed[row.session_id, row.key] = None
        if len(self._unplayed) > UNPLAYED_MAX:
            del self._unplayed[next(iter(self._unplayed))]
        self._expected_end = begins_at + played_s(event)
        self._expected_end_ts = timestamp(time.time() + self._expected_end - now)

    def session_stopped(self, session_id: str) -> None:
        """Expect no more of a session."""
        self._stopped.append(session_id)
        for key in [key for key in self._unplayed if key[0] == session_id]:
            del self._unplayed[key]

    def hush(self, *, on: bool) -> None:
        """Expect nothing while it is quiet."""
        self._quiet = on
        self._unplayed.clear()

    def client_connected(self, *, connected: bool) -> None:
        """A client has come, or gone: of another one's sounds nothing is known."""
        self._client_connected = connected
        self._playing.clear()
        self._reporting = False

    def state(self) -> PlaybackState:
        """Return what plays now."""
        return PlaybackState(
            client_connected=self._client_connected,
            quiet=self._quiet,
            reporting=self._reporting,
            playing=self._now_playing(),
            failed=tuple(self._failed),
            unplayed=len(self._unplayed),
            last_played_at=self._last_played_at,
            expected_end=self._expected_end_ts,
            overdue=self._overdue(),
        )

    def _played(self, started: tuple[str, str]) -> None:
        """Remove what has started, and what was sent before it and skipped, from the unplayed."""
        if started not in self._unplayed:
            return
        for key in list(self._unplayed):
            del self._unplayed[key]
            if key == started:
                return

    def _now_playing(self) -> tuple[Playing, ...]:
        now = self._clock()
        return tuple(
            each.playing for each in self._playing.values() if now - each.at < PLAYING_MAX_S
        )

    def _overdue(self) -> bool:
        return (
            bool(self._unplayed)
            and self._clock() - self._expected_end >= OVERDUE_S
            and not self._now_playing()
        )
