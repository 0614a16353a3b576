"""The command `listen`: stands in for TouchDesigner, prints each event and reads every file.

It reports what it would play, by the lengths of the files.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

import soundfile
from msgspec import UNSET
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection

from event_gateway.commands.reporting import Reports
from shared_schema import VERSION
from shared_schema.decoding import InvalidMessage
from shared_schema.events import (
    DialogueWavesReady,
    ErrorEvent,
    FinalSummaryReady,
    Hello,
    HelloAck,
    Hush,
    ServerEvent,
    SessionEvent,
    SessionReplaced,
    SessionStopped,
    Turn1WavesReady,
    UserSentiment,
    decode_server_event,
    encode_event,
    summary_waves_of,
    waves_of,
)
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.runtime.process.foreground import Foreground
from shared_schema.runtime.web.clients import bearer, local_socket

Show = Callable[[str], None]

RECONNECT_INTERVAL_S: Final = 0.25
QUOTE_CHARS: Final = 60
# After a sentiment it has 2.
_LAST_SEQ_OF_TURN_1: Final = 2
# Close codes after which a client must not reconnect.
DO_NOT_RECONNECT: Final = range(4000, 4100)
# Statuses for which retrying is pointless.
REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


class ExpectationFailed(Exception):
    """An event is missing or wrong, or a file is damaged."""


class Progress:
    """Which events of each session have arrived, and which are missing."""

    def __init__(self) -> None:
        # None: the number of dialogues is not known yet.
        self._left: dict[str, int | None] = {}
        self.has: dict[str, int] = {}

    @property
    def complete(self) -> int:
        """The number of complete sessions."""
        return sum(left == 0 for left in self._left.values())

    def add(self, event: SessionEvent) -> None:
        """Count an event."""
        match event:
            case Turn1WavesReady():
                self._turn1(event)
            case DialogueWavesReady():
                self._dialogue(event)
            case FinalSummaryReady(payload=payload) if payload.status == "failed":
                raise ExpectationFailed("the summary has no waves")
        self.has[event.session_id] = event.seq

    def _turn1(self, event: Turn1WavesReady) -> None:
        if event.seq > _LAST_SEQ_OF_TURN_1 or event.session_id in self._left:
            raise ExpectationFailed(f"turn1.waves.ready arrived twice or late (seq {event.seq})")
        if event.payload.missing_slot_ids:
            raise ExpectationFailed(f"turn 1 lacks slots {list(event.payload.missing_slot_ids)}")
        self._left[event.session_id] = None

    def _dialogue(self, event: DialogueWavesReady) -> None:
        payload = event.payload
        if event.session_id not in self._left:
            raise ExpectationFailed("a dialogue arrived before its session's turn 1")
        if payload.missing_commenter_slot_ids:
            missing = list(payload.missing_commenter_slot_ids)
            raise ExpectationFailed(f"{payload.dialogue_id} lacks commenters {missing}")
        left = self._left[event.session_id]
        self._left[event.session_id] = (payload.dialogue_count if left is None else left) - 1

    def waiting_for(self) -> str:
        """Describe the events that have not arrived yet."""
        still = [
            f"{session[:8]}: {'the dialogues' if left is None else f'{left} dialogue(s)'}"
            for session, left in self._left.items()
            if left != 0
        ]
        return ", ".join(still) or "a session's first event"


def listen(
    url: str,
    token: str,
    *,
    sessions: int,
    timeout_s: float,
    report: bool,
    show: Show,
) -> int:
    """Listen until `sessions` are complete (0: never), or no event arrives within `timeout_s`.

    Returns 0, or 1 if something was not as expected.
    """
    reports = Reports() if report else None
    try:
        return Foreground().run(
            lambda tell: _listen(
                url, token, reports=reports, sessions=sessions, timeout_s=timeout_s, show=tell
            ),
            show,
        )
    except KeyboardInterrupt:
        return OK


def _listen(
    url: str, token: str, *, reports: Reports | None, sessions: int, timeout_s: float, show: Show
) -> int:
    progress = Progress()
    try:
        while not 0 < sessions <= progress.complete:
            with _connected(url, token, timeout_s, show) as socket:
                _receive_events(
                    socket, progress, reports, sessions=sessions, timeout_s=timeout_s, show=show
                )
    except ExpectationFailed as error:
        show(f"NOT as expected: {error}")
        return FAILED
    except TimeoutError:
        show(f"NOT as expected: nothing for {timeout_s:g} s; waiting for {progress.waiting_for()}")
        return FAILED
    show(f"all received: {progress.complete} session(s), every file present and intact")
    return OK


def _receive_events(
    socket: ClientConnection,
    progress: Progress,
    reports: Reports | None,
    *,
    sessions: int,
    timeout_s: float,
    show: Show,
) -> None:
    """Receive events until the connection is closed, or all sessions are complete."""
    # After a reconnect the gateway sends the events that are not in it.
    resume = progress.has or UNSET
    try:
        socket.send(encode_event(Hello(client="listen", version=VERSION, resume=resume)))
        while not 0 < sessions <= progress.complete:
            event = decode_server_event(_received(socket, reports, timeout_s))
            _show(event, show)
            if isinstance(event, SessionEvent):
                progress.add(event)
            if reports is not None:
                _play(event, reports)
    except InvalidMessage as error:
        raise ExpectationFailed(f"not a valid event: {error} ({error.field})") from None
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 1006
        show(f"connection closed ({code})")
        if code in DO_NOT_RECONNECT:
            raise ExpectationFailed(
                f"closed by the gateway with {code}: do not reconnect"
            ) from None


def _received(socket: ClientConnection, reports: Reports | None, timeout_s: float) -> str | bytes:
    """Return the next frame, and report meanwhile what plays."""
    give_up_at = time.monotonic() + timeout_s
    while True:
        now = time.monotonic()
        for report in reports.due(now) if reports is not None else ():
            socket.send(encode_event(report))
        next_at = min(give_up_at, reports.next_at) if reports is not None else give_up_at
        try:
            return socket.recv(timeout=max(0.0, next_at - now))
        except TimeoutError:
            if next_at == give_up_at:
                raise


def _play(event: ServerEvent, reports: Reports) -> None:
    now = time.monotonic()
    if isinstance(event, SessionEvent):
        reports.add(event, now)
    elif isinstance(event, SessionStopped):
        reports.stop(event.session_id, now)
    elif isinstance(event, Hush):
        reports.hush(on=event.on, now=now)


def _connected(url: str, token: str, timeout_s: float, show: Show) -> ClientConnection:
    """Return a connection; wait for the gateway up to the time limit."""
    give_up_at = time.monotonic() + timeout_s
    waiting = False
    while True:
        try:
            socket = local_socket(url, bearer(token))
        except (InvalidURI, ValueError, OverflowError) as error:
            raise ExpectationFailed(
                f"{url} is not the URL of a WebSocket, e.g. ws://localhost:8000/v1/events: {error}"
            ) from None
        except (OSError, InvalidHandshake) as error:
            if isinstance(error, InvalidStatus) and error.response.status_code in REFUSED:
                reason = (error.response.body or b"").decode("utf-8", "replace")
                raise ExpectationFailed(f"the gateway refused {url}: {error} {reason}") from None
            if not waiting:
                show(f"waiting for the gateway at {url} ({error})")
                waiting = True
            if time.monotonic() >= give_up_at:
                raise ExpectationFailed(f"no gateway at {url}: {error}") from None
            time.sleep(RECONNECT_INTERVAL_S)
        else:
            show(f"connected to {url}")
            return socket


def _show(event: ServerEvent, show: Show) -> None:
    """Print an event, and read its files like a player."""
    match event:
        case HelloAck(replay_count=replay):
            if replay is not UNSET:
                show(f"resumed: {replay} event(s) to catch up")
        case SessionReplaced():
            show(f"replaced: {event.message}")
        case SessionStopped(session_id=session_id):
            show(f"[{session_id[:8]}] stopped")
        case Hush(on=on):
            show("quiet" if on else "quiet is over")
        case ErrorEvent():
            show(f"error {event.code}: {event.message}")
        case _:
            show(f"[{event.session_id[:8]} #{event.seq}] {_what(event)}")
            for wave in waves_of(event):
                duration_s = _check(wave.wave_mix_path_abs, wave.duration_ms, wave.sample_rate_hz)
                quote = _quote(wave.text)
                show(f"    slot {wave.slot_id} {wave.voice_profile} {duration_s:.1f} s  {quote}")
            for part in summary_waves_of(event):
                duration_s = _check(part.wave_path_abs, part.duration_ms)
                show(f"    slot {part.slot_id} {duration_s:.1f} s")


def _what(event: SessionEvent) -> str:
    match event:
        case Turn1WavesReady(payload=payload):
            ready = f"{payload.slots_ready} of {payload.slots_expected} slots"
            return f"turn 1 {payload.status}: {ready}"
        case DialogueWavesReady(payload=payload):
            order = " > ".join(f"{step.role} {step.slot_id}" for step in payload.play_order)
            return f"{payload.dialogue_id} {payload.status}: {order}"
        case UserSentiment(payload=payload):
            return f"sentiment {payload.sentiment}: {payload.justification}"
        case FinalSummaryReady(payload=payload):
            return f"summary {payload.status}: {_quote(payload.text)}"


def _check(path: str, duration_ms: int, rate_hz: int | None = None) -> float:
    """Read a wave to its end, like a player; return its length in seconds."""
    try:
        samples, rate = soundfile.read(path, dtype="float32")
    except (OSError, RuntimeError) as error:
        raise ExpectationFailed(f"{path} cannot be read: {error}") from None
    duration_s = len(samples) / rate
    if rate != (rate_hz or rate) or abs(1000 * duration_s - duration_ms) > 1:
        raise ExpectationFailed(f"{path} has another length or rate than its event")
    if not samples.size or not abs(samples).max() > 0:
        raise ExpectationFailed(f"{path} is silent")
    return float(duration_s)


def _quote(text: str) -> str:
    return text if len(text) <= QUOTE_CHARS else text[:QUOTE_CHARS] + "..."
