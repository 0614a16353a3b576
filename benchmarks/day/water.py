"""The kit in its stand-in for TouchDesigner, with the time of the day, and what it plays."""

import asyncio
import contextlib
import re
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Final

from msgspec import Struct, field

from benchmarks.day.clock import DayClock
from benchmarks.soak.received import Received
from shared_schema.events import FinalSummaryReady, SessionEvent, decode_server_event, files_of
from tests.touchdesigner.connected import ConnectedDat, connected
from tests.touchdesigner.stage import Stage, touchdesigner

STEP_S: Final = 0.01
_WATCHDOG_MS: Final = 1000.0
_TOLD: Final = re.compile(r"(\w+)\.(file|play) = (.*)")
_SESSION: Final = re.compile(r"/sessions/([0-9a-f-]{36})/")


class InWater(Struct, kw_only=True):
    """What the water made of a session. Times are in seconds of the day; `files` are absolute."""

    files: list[str] = field(default_factory=list)
    # When all that had come was played, and when the next part came after all.
    silences: list[tuple[float, float]] = field(default_factory=list)
    silent_since: float | None = None
    told_at: float | None = None  # its last part, so far
    began_at: float | None = None
    ended_at: float | None = None

    @property
    def unplanned_s(self) -> float:
        """For how long it was silent although more was to come."""
        return sum(until - since for since, until in self.silences)


class Score:
    """Notes what the players are told, by session; `mixed` names sessions that met."""

    def __init__(self) -> None:
        self.sessions: defaultdict[str, InWater] = defaultdict(InWater)
        self.mixed: list[str] = []
        self._files: dict[str, str] = {}
        self._playing: dict[str, str] = {}
        self._last = ""

    def told(self, at_s: float, call: str) -> None:
        """Take a call, such as ``voice1.play = 1``, at a time of the day."""
        match = _TOLD.fullmatch(call)
        if match is None:
            return
        player, parameter, value = match.groups()
        if parameter == "file":
            self._files[player] = value
        elif value == "1":
            self._begins(at_s, player)
        elif (session := self._playing.pop(player, None)) is not None:
            self.sessions[session].ended_at = at_s

    def comes(self, at_s: float, session_id: str) -> None:
        """Note that a part of a session can be played from now on."""
        session = self.sessions[session_id]
        session.told_at = at_s
        if session.silent_since is not None:
            session.silences.append((session.silent_since, at_s))
            session.silent_since = None

    def silent(self, at_s: float, session_id: str) -> None:
        """Note that everything that has come of a session is played."""
        self.sessions[session_id].silent_since = at_s

    def _begins(self, at_s: float, player: str) -> None:
        file = self._files[player]
        found = _SESSION.search(file)
        assert found is not None, f"{file} belongs to no session"
        name = found[1]
        session = self.sessions[name]
        others = set(self._playing.values()) - {name}
        if others or (name != self._last and session.files):
            self.mixed.append(f"{name} at {at_s:.1f} s, with {others or self._last}")
        self._playing[player] = self._last = name
        session.files.append(file)
        if session.began_at is None:
            session.began_at = at_s


class Water:
    """Plays what the gateway sends. `problems` are the kit's, such as files that are not opened."""

    def __init__(self, stage: Stage, clock: DayClock) -> None:
        self._stage = stage
        self._clock = clock
        self._cycled_ms = 0.0
        self.dat: ConnectedDat
        self.received = Received()
        self.score = Score()
        self.problems: list[str] = []
        # For how long at most this process did not come to let it play, in seconds of the day.
        self.stalled_s = 0.0
        player, show = (stage.home.the(name).module for name in ("player", "show"))
        # Its patience with a session; that with the connection stays that of our own clock.
        player.__dict__["time"] = SimpleNamespace(monotonic=lambda: stage.seconds)
        show.__dict__.update(onProblem=self.problems.append, onSilence=self._silent)
        stage.now_ms = 1000 * clock.now_s

    def hear(self, text: str) -> None:
        """Take a message before the kit does."""
        self.catch_up()
        event = decode_server_event(text)
        if isinstance(event, SessionEvent):
            self.received.note(event, text)
            if files_of(event):
                self.score.comes(self._stage.seconds, event.session_id)

    def has_all(self, session_id: str) -> bool:
        """Return whether the summary has come, after which nothing does."""
        frames = self.received.frames.get(session_id, {}).values()
        return any(isinstance(frame.event, FinalSummaryReady) for frame in frames)

    async def play(self) -> None:
        """Let the time of the day pass, for ever."""
        while True:
            self.stalled_s = max(self.stalled_s, self._clock.now_s - self._stage.seconds)
            self.catch_up()
            await self.dat.send_what_was_said()
            await asyncio.sleep(STEP_S)

    def catch_up(self) -> None:
        """Do everything that is due by now, each at its own time."""
        now_ms = 1000 * self._clock.now_s
        while self._cycled_ms + _WATCHDOG_MS <= now_ms:
            self._cycled_ms = max(self._cycled_ms + _WATCHDOG_MS, self._stage.now_ms)
            self._stage.advance(self._cycled_ms - self._stage.now_ms)
            self._stage.callbacks.onCycle(self._stage.home.the("watchdog"), 0, 0)
        self._stage.advance(max(0.0, now_ms - self._stage.now_ms))
        for at_ms, call in self._stage.calls:
            self.score.told(at_ms / 1000, call)
        self._stage.calls.clear()
        self._stage.volumes.clear()

    def _silent(self) -> None:
        current = self._stage.callbacks.KIT.player.current
        if current is not None:
            self.score.silent(self._stage.seconds, current.id)

    @property
    def left_out(self) -> str:
        """What the kit says of sessions that it did not play."""
        return str(self._stage.status("left_out") or "")


@asynccontextmanager
async def water(clock: DayClock, port: int) -> AsyncIterator[Water]:
    """Yield the kit, connected to the gateway at this port; somebody must let it `play`."""
    with touchdesigner() as stage:
        # What it says is for whoever waits, and no part of the account.
        with contextlib.redirect_stdout(sys.stderr):
            stage.build()
        it = Water(stage, clock)
        async with connected(stage, port, heard=it.hear) as it.dat:
            yield it
