"""A visitor whose own cost is small: one plain HTTP request, every event with its time."""

import http.client
import json
import time

from msgspec import Struct

from shared_schema.chat import ChatEvent, Done, SlotDone, SlotError, decode_chat_event
from tests.support.visitor import Stream

WITHIN_S = 240.0
MESSAGE = "Why does the tide come back to a harbour that nobody uses?"


class Visit(Struct, kw_only=True):
    """What a visitor was told, each event at a time of the wall clock in seconds."""

    sent_at: float
    events: list[tuple[float, ChatEvent]]

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.events[0][1].session_id

    def at(self, kind: type, turn: int | None = None) -> dict[tuple[int, int], float]:
        """Return when each event of a kind came, by turn and slot (0 where it has none)."""
        return {
            (getattr(event, "turn_index", 0), getattr(event, "slot_id", 0)): at
            for at, event in self.events
            if type(event) is kind and turn in (None, getattr(event, "turn_index", 0))
        }

    @property
    def dialogues(self) -> int:
        """How many replies were said: that many dialogues were promised."""
        return len(self.at(SlotDone, 3))

    def problem(self) -> str | None:
        """Return what is wrong with the stream, if anything is."""
        if not self.events or type(self.events[-1][1]) is not Done:
            return "the stream did not end with done"
        for _, event in self.events:
            if isinstance(event, SlotError):
                where = f"turn {event.turn_index}, slot {event.slot_id}"
                return f"{where} failed: {event.error.type}, {event.error.message}"
        try:
            Stream(events=self.events).assert_in_order()
        except AssertionError as error:
            return f"out of order: {error}"
        return None


def visit(port: int, slots: int = 6, message: str = MESSAGE) -> Visit:
    """Say something to the first `slots` slots, and listen to the end.

    Raises
    ------
    ConnectionError
        If the backend does not begin a session.
    """
    wanted = [{"slotId": n, "agentId": agent} for n, agent in enumerate(_AGENTS[:slots], start=1)]
    body = json.dumps({"message": message, "slots": wanted})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
    connection.connect()  # what is measured begins with the message
    told = Visit(sent_at=time.time(), events=[])
    try:
        connection.request("POST", "/v1/chat", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise ConnectionError(f"{answer.status}: {answer.read().decode()}")
        name = ""
        for line in answer:
            field, _, value = line.decode().rstrip("\r\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                told.events.append((time.time(), decode_chat_event(name, value)))
    finally:
        connection.close()
    return told


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    """Make one request; return the status, 0 if nobody answers, and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


_AGENTS = ("claude-sonnet-4-5", "claude-opus-4-5", "gpt-5.2", "gpt-5.1", "gpt-4o", "gemini-3")
