"""The command `listen`: stands in for TouchDesigner, prints each event and reads every file."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import soundfile
from msgspec import UNSET, Struct
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect

from shared_schema import VERSION
from shared_schema.decoding import InvalidMessage
from shared_schema.events import (
    DialogueWavesReady,
    ErrorEvent,
    Hello,
    HelloAck,
    ServerEvent,
    SessionEvent,
    SessionReplaced,
    Turn1WavesReady,
    WaveReference,
    decode_server_event,
    encode_event,
)
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.runtime.web.client import bearer

RECONNECT_INTERVAL_S: Final = 0.25
QUOTE_CHARS: Final = 60
# Close codes after which a client stays away.
DO_NOT_RECONNECT: Final = range(4000, 4100)
# Answers that stay the same, however often the same is asked for.
REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


class Expectation(Struct, frozen=True, kw_only=True):
    """When to end: after `sessions` whole ones (0: never), or `timeout_s` without any event."""

    sessions: int
    timeout_s: float
    token: str = ""


class ExpectationFailed(Exception):
    """An event did not come, or a file is not sound."""


class Progress:
    """Which events of each session came, and which are still to come."""

    def __init__(self) -> None:
        self._left: dict[str, int | None] = {}
        self.complete = 0

    def turn1(self, event: Turn1WavesReady) -> None:
        """Count a Turn 1 event."""
        if event.seq != 1 or event.session_id in self._left:
            raise ExpectationFailed(f"turn1.waves.ready came twice or late (seq {event.seq})")
        if event.payload.missing_slot_ids:
            raise ExpectationFailed(f"turn 1 lacks slots {list(event.payload.missing_slot_ids)}")
        self._left[event.session_id] = None

    def dialogue(self, event: DialogueWavesReady) -> None:
        """Count a dialogue event."""
        payload = event.payload
        if event.session_id not in self._left:
            raise ExpectationFailed("a dialogue came before its session's turn 1")
        if payload.missing_commenter_slot_ids:
            missing = list(payload.missing_commenter_slot_ids)
            raise ExpectationFailed(f"{payload.dialogue_id} lacks commenters {missing}")
        left = self._left[event.session_id]
        left = (payload.dialogue_count if left is None else left) - 1
        self._left[event.session_id] = left
        if left == 0:
            self.complete += 1

    def waiting_for(self) -> str:
        """Return in words what has not come yet."""
        open_sessions = {s: left for s, left in self._left.items() if left != 0}
        if not open_sessions:
            return "a session's first event"
        return ", ".join(
            f"{session[:8]}: {'the dialogues' if left is None else f'{left} dialogue(s)'}"
            for session, left in open_sessions.items()
        )


def listen(url: str, expect: Expectation, show: Callable[[str], None] = print) -> int:
    """Listen at `url` until the expectation is met (0) or fails (1)."""
    progress = Progress()
    try:
        _receive_events(url, expect, progress, show)
    except ExpectationFailed as error:
        show(f"NOT as expected: {error}")
        return FAILED
    except TimeoutError:
        show(
            f"NOT as expected: nothing for {expect.timeout_s:g} s; waited for "
            f"{progress.waiting_for()}"
        )
        return FAILED
    except KeyboardInterrupt:
        return OK
    show(f"all received: {progress.complete} session(s), every file there and sound")
    return OK


def _receive_events(
    url: str, expect: Expectation, progress: Progress, show: Callable[[str], None]
) -> None:
    has: dict[str, int] = {}
    while not _is_over(expect, progress):
        with _connected(url, expect, show) as socket:
            # After a reconnect the gateway sends what is not in `has`.
            socket.send(encode_event(Hello(client="listen", version=VERSION, resume=has or UNSET)))
            try:
                while not _is_over(expect, progress):
                    event = _receive(socket, expect.timeout_s)
                    _take(event, progress, show)
                    if isinstance(event, SessionEvent):
                        has[event.session_id] = event.seq
            except ConnectionClosed as closed:
                code = closed.rcvd.code if closed.rcvd else 1006
                show(f"connection closed ({code})")
                if code in DO_NOT_RECONNECT:
                    raise ExpectationFailed(
                        f"the gateway closed with {code}: do not reconnect"
                    ) from None


def _is_over(expect: Expectation, progress: Progress) -> bool:
    return 0 < expect.sessions <= progress.complete


def _connected(url: str, expect: Expectation, show: Callable[[str], None]) -> ClientConnection:
    """Return a connection, however long the gateway takes to be there (up to the time limit)."""
    give_up_at = time.monotonic() + expect.timeout_s
    shown = False
    while True:
        try:
            socket = connect(
                url, additional_headers=bearer(expect.token), compression=None, max_size=None
            )
        except (InvalidURI, ValueError, OverflowError) as error:
            raise ExpectationFailed(
                f"{url} is no address of a socket, e.g. ws://localhost:8000/v1/events: {error}"
            ) from None
        except (OSError, InvalidHandshake) as error:
            if isinstance(error, InvalidStatus) and error.response.status_code in REFUSED:
                reason = (error.response.body or b"").decode("utf-8", "replace")
                raise ExpectationFailed(f"the gateway refused {url}: {error} {reason}") from None
            if not shown:
                show(f"waiting for the gateway at {url} ({error})")
                shown = True
            if time.monotonic() >= give_up_at:
                raise ExpectationFailed(f"no gateway at {url}: {error}") from None
            time.sleep(RECONNECT_INTERVAL_S)
        else:
            show(f"connected to {url}")
            return socket


def _receive(socket: ClientConnection, timeout_s: float) -> ServerEvent:
    try:
        return decode_server_event(socket.recv(timeout=timeout_s))
    except InvalidMessage as error:
        raise ExpectationFailed(f"not a valid event: {error} ({error.field})") from None


def _take(event: ServerEvent, progress: Progress, show: Callable[[str], None]) -> None:
    match event:
        case HelloAck(replay_count=replay):
            if replay is not UNSET:
                show(f"resumed: {replay} event(s) to catch up")
        case SessionReplaced():
            show(f"replaced: {event.message}")
        case ErrorEvent():
            show(f"error {event.code}: {event.message}")
        case Turn1WavesReady(payload=payload):
            show(
                f"{_head(event)} turn 1 {payload.status}: {payload.slots_ready} of "
                f"{payload.slots_expected} slots"
            )
            for wave in payload.slots:
                _check(wave, show)
            progress.turn1(event)
        case DialogueWavesReady(payload=payload):
            order = " > ".join(f"{step.role} {step.slot_id}" for step in payload.play_order)
            show(f"{_head(event)} {payload.dialogue_id} {payload.status}: {order}")
            for wave in (*payload.commenters, payload.respondent):
                _check(wave, show)
            progress.dialogue(event)


def _head(event: SessionEvent) -> str:
    return f"[{event.session_id[:8]} #{event.seq}]"


def _check(wave: WaveReference, show: Callable[[str], None]) -> None:
    """Read a wave-mix to its end, as a player would."""
    try:
        samples, rate = soundfile.read(wave.wave_mix_path_abs, dtype="float32")
    except (OSError, RuntimeError) as error:
        raise ExpectationFailed(f"{wave.wave_mix_path_abs} is not sound: {error}") from None
    duration_ms = len(samples) * 1000 / rate
    if rate != wave.sample_rate_hz or abs(duration_ms - wave.duration_ms) > 1:
        raise ExpectationFailed(
            f"{wave.wave_mix_path_abs} has another length or rate than its event"
        )
    if not samples.size or not abs(samples).max() > 0:
        raise ExpectationFailed(f"{wave.wave_mix_path_abs} is silent")
    quote = wave.text if len(wave.text) <= QUOTE_CHARS else wave.text[:QUOTE_CHARS] + "..."
    show(f"    slot {wave.slot_id} {wave.voice_profile} {duration_ms / 1000:.1f} s  {quote}")
