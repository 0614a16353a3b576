"""What the water still has to play, by `chat_backend/pages/playback.js`, in seconds of the day."""

import asyncio
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from benchmarks.day.clock import DayClock
from shared_schema.chat import ChatEvent, Done, SlotAudio, TurnDone
from tests.support.local_http import LOCAL

# The page's own numbers, in seconds; it says there why.
RETRY_S: Final = 5.0
PAUSE_S: Final = 4.0
GAP_S: Final = 0.5
GRACE_S: Final = 30.0
_BYTES_A_SECOND: Final = 48_000
_WAV_HEADER: Final = 44
_COMMENT: Final = "comment_to_slot-"

# What `GET /v1/playback` says, as JSON.
State = dict[str, Any]


class Reports:
    """The stream of the client's reports; it connects again for ever."""

    def __init__(self, gateway_url: str, clock: DayClock) -> None:
        self._url = f"{gateway_url}/v1/playback"
        self._clock = clock
        self._lost_at: float | None = None
        self.state: State | None = None

    @property
    def gone_s(self) -> float:
        """For how long nobody has been there who plays what is sent."""
        return 0.0 if self._lost_at is None else self._clock.now_s - self._lost_at

    async def listen(self) -> None:
        """Keep `state` the newest, for ever."""
        async with httpx.AsyncClient(**LOCAL, timeout=None) as http:  # noqa: S113  # says nothing for minutes
            while True:
                try:
                    async with http.stream("GET", self._url) as response:
                        async for line in response.aiter_lines():
                            if line.startswith("data: "):
                                self.take(msgspec.json.decode(line.removeprefix("data: ")))
                except httpx.HTTPError:
                    pass
                self._lost(gone=self.state is not None or self._lost_at is not None)
                self.state = None
                await self._clock.sleep(RETRY_S)

    def take(self, state: State) -> None:
        """Take a state."""
        self.state = state
        self._lost(gone=not state["clientConnected"])

    def _lost(self, *, gone: bool) -> None:
        if not gone:
            self._lost_at = None
        elif self._lost_at is None:
            self._lost_at = self._clock.now_s


class Spoken(Struct, frozen=True):
    """A voice: its turn and slot, the slot it speaks to (0: none), and its length in seconds."""

    turn: int
    slot: int
    target: int
    lasts_s: float


class Programme:
    """What a session's voices take in the water, by its stream and the lengths of its files."""

    def __init__(self, clock: DayClock, http: httpx.AsyncClient) -> None:
        self._clock = clock
        self._http = http
        self._parts: list[Spoken] = []
        self._reading: list[asyncio.Task[None]] = []
        self._begun_at = clock.now_s
        self._done_at = 0.0
        self._quiet_since: float | None = None
        self._begun = False
        self.session_id = ""

    def take(self, event: ChatEvent) -> None:
        """Take one event of the session's stream."""
        self.session_id = event.session_id
        if isinstance(event, TurnDone) and event.turn_index == 1:
            self._begun_at = self._clock.now_s
        elif isinstance(event, Done):
            self._done_at = self._clock.now_s
        elif isinstance(event, SlotAudio):
            self._reading.append(asyncio.create_task(self._read(event)))

    async def known(self) -> None:
        """Return once all lengths are known."""
        await asyncio.gather(*self._reading)

    def left_s(self, state: State | None) -> float:
        """Return for how long the water still speaks; 0 when it has ended."""
        now, end = self._clock.now_s, self._begun_at + self._ends_after_s()
        if state is None or not state["reporting"] or now > end + GRACE_S:
            return max(0.0, end - now)
        playing = any(each["sessionId"] == self.session_id for each in state["playing"])
        self._begun |= playing
        if playing or state["unplayed"]:
            self._quiet_since = None
            return max(0.001, end - now)
        # What has not begun yet, or is skipped by the client, is not over.
        if not self._begun:
            return max(0.0, end - now)
        if self._quiet_since is None:
            self._quiet_since = now
        return max(0.001, end - now) if now - self._quiet_since < PAUSE_S else 0.0

    def _ends_after_s(self) -> float:
        """Turn 1 at once, then what follows, one after another; dialogues come when all is said."""
        begun = [each.lasts_s for each in self._parts if each.turn == 1]
        replied = {each.slot for each in self._parts if each.turn == 3}
        later = [
            GAP_S + each.lasts_s
            for each in self._parts
            if each.turn > 2 or (each.turn == 2 and each.target in replied)
        ]
        if not later:
            return max(begun, default=0.0)
        return max(0.0, self._done_at - self._begun_at, *begun) + sum(later)

    async def _read(self, audio: SlotAudio) -> None:
        try:
            answer = await self._http.head(f"/v1/audio/{audio.audio_path}")
            length = int(answer.headers["Content-Length"]) - _WAV_HEADER
        except (httpx.HTTPError, KeyError):
            return  # without it the wait is shorter, no more
        _, _, to = audio.audio_path.partition(_COMMENT)
        target = int(to[0]) if to else 0
        lasts_s = length / _BYTES_A_SECOND
        self._parts.append(Spoken(audio.turn_index, audio.slot_id, target, lasts_s))
