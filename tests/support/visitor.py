"""A visitor of ``/v1/chat`` who notes what comes and when."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
from msgspec import Struct

from shared_schema.chat import (
    ChatEvent,
    Done,
    SlotAudio,
    SlotDone,
    SlotError,
    SlotStart,
    TurnDone,
    TurnStart,
    UserSentiment,
    decode_chat_event,
)
from tests.support.local_http import LOCAL

SESSION_WITHIN_S = 60.0


class Stream(Struct):
    """What a session announced, each event with its time since the request, in seconds."""

    events: list[tuple[float, ChatEvent]]

    @property
    def session_id(self) -> str:
        return self.events[0][1].session_id

    def of(self, kind: type, turn: int | None = None) -> list[Any]:
        return [
            event
            for _, event in self.events
            if type(event) is kind and (turn is None or getattr(event, "turn_index", 0) == turn)
        ]

    def assert_in_order(self) -> None:
        """See that the session was told from its first event to its last, each in its place."""
        kinds = [type(event) for _, event in self.events]
        assert kinds[0] is TurnStart
        assert kinds[-1] is Done
        assert kinds.count(Done) == 1
        begun: Counter[tuple[int, int, type]] = Counter()
        open_turn = 0
        for _, event in self.events:
            if isinstance(event, TurnStart):
                assert open_turn == 0
                open_turn = event.turn_index
            elif isinstance(event, TurnDone):
                assert open_turn == event.turn_index
                open_turn = 0
            elif isinstance(event, UserSentiment):
                assert open_turn == 1
                assert kinds.count(UserSentiment) == 1
            elif isinstance(event, SlotStart):
                assert open_turn == event.turn_index
                place = (event.turn_index, event.slot_id)
                begun[*place, type(event)] += 1
                assert begun[*place, type(event)] == 1
                if type(event) is SlotDone:
                    assert begun[*place, SlotStart] == 1
                if type(event) is SlotAudio:
                    assert begun[*place, SlotDone] == 1
        for turn, slot, kind in begun:
            if kind is SlotStart:
                ends = begun[turn, slot, SlotAudio] + begun[turn, slot, SlotError]
                assert ends == 1, f"turn {turn} slot {slot} has no end"


def post(
    chat_url: str, body: object, *, on_event: Callable[[ChatEvent], bool] = lambda _: True
) -> Stream:
    """Say something and listen to the end, or until `on_event` returns False."""
    stream = Stream(events=[])
    begun = time.monotonic()
    with (
        httpx.Client(timeout=SESSION_WITHIN_S, **LOCAL) as http,
        http.stream("POST", f"{chat_url}/v1/chat", json=body) as response,
    ):
        assert response.status_code == httpx.codes.OK, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                event = decode_chat_event(name, value)
                stream.events.append((time.monotonic() - begun, event))
                if not on_event(event):
                    break
    return stream


def request(chat_url: str, method: str, path: str, **options: Any) -> httpx.Response:
    """Make one request."""
    with httpx.Client(timeout=10.0, **LOCAL) as http:
        return http.request(method, f"{chat_url}{path}", **options)
