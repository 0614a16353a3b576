"""The client of the events socket, in a thread of its own: every frame with its time."""

import contextlib
import threading
import time
from typing import Self

from benchmarks.gateway.wire import RawClient
from shared_schema.events import (
    DialogueWavesReady,
    HelloAck,
    SessionEvent,
    Turn1WavesReady,
    UserSentiment,
    decode_server_event,
)

Told = list[tuple[float, SessionEvent]]


class Listener:
    """Connected while it is entered. Times are of the wall clock, in seconds."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._told: Told = []
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._listen, name="client", daemon=True)

    def __enter__(self) -> Self:
        self._client = RawClient(self._port)
        assert isinstance(decode_server_event(self._client.text()), HelloAck)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def of(self, session_id: str) -> Told:
        """Return a session's events so far."""
        with self._news:
            return [each for each in self._told if each[1].session_id == session_id]

    def told(self, session_id: str, dialogues: int, *, within_s: float) -> Told:
        """Return a session's events once all have come, or those that came within the limit."""
        until = time.monotonic() + within_s
        with self._news:
            self._news.wait_for(
                lambda: len(self.of(session_id)) > dialogues, max(0.0, until - time.monotonic())
            )
        return self.of(session_id)

    def _listen(self) -> None:
        # Closing ends the reading with an error of the socket.
        with contextlib.suppress(OSError):
            while True:
                text = self._client.text(within_s=3600.0)
                at = time.time()
                event = decode_server_event(text.decode())
                if isinstance(event, Turn1WavesReady | DialogueWavesReady):
                    with self._news:
                        self._told.append((at, event))
                        self._news.notify_all()


def flaw(events: Told, dialogues: int) -> str | None:
    """Return what is wrong with all that was told of a session: each promised event once."""
    kinds = [type(event) for _, event in events]
    if kinds != [Turn1WavesReady] + [DialogueWavesReady] * dialogues:
        return f"{len(kinds)} events, promised were {1 + dialogues}"
    if [event.seq for _, event in events] != list(range(1, len(events) + 1)):
        return "seq is not 1, 2, 3, ..."
    targets = [e.payload.target_slot_id for _, e in events if isinstance(e, DialogueWavesReady)]
    if targets != sorted(set(targets)):
        return "dialogues out of order"
    partial = sum(
        not isinstance(e, UserSentiment) and e.payload.status != "complete" for _, e in events
    )
    return f"{partial} events are partial" if partial else None
