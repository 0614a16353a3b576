"""The command `say`: posts a visitor's message and shows the three turns as they arrive."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import msgspec
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from shared_schema import START_THEM
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
from shared_schema.decoding import UNREADABLE, CamelStruct, InvalidMessage
from shared_schema.foreign_text import shown
from shared_schema.ids import SUMMARY_TURN, TURNS
from shared_schema.runtime.log.output import echo
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.runtime.process.foreground import Foreground
from shared_schema.runtime.web.clients import bearer, gateway_token, local_http, missing_after
from shared_schema.runtime.web.hosts import chat_url, gateway_url
from shared_schema.runtime.web.tls import trusted
from shared_schema.settings import Settings

# Longer than any turn; a stream has a comment line every 15 s.
READ_TIMEOUT_S: Final = 90.0
TITLES: Final = ("answers", "comments", "replies")  # of the turns

Show = Callable[[ChatEvent], None]


class VisitFailed(Exception):
    """The visit failed; the message has the reason."""


def run_visit(
    settings: Settings, message: str, visit_id: str, *, wait: bool, stay: bool, timeout_s: float
) -> int:
    """Make the visit; return 0 if the session was received to its end."""
    console = Console(soft_wrap=True)
    body = {"message": message} | ({"visitId": visit_id} if visit_id else {})
    foreground = Foreground()
    try:
        limits = httpx.Timeout(5.0, read=READ_TIMEOUT_S)
        with local_http(timeout=limits, verify=trusted(settings)) as http:
            foreground.run(
                lambda _: _wait_until_served(http, settings, wait, timeout_s), _print_line
            )
            with _display(console) as show:
                foreground.run(lambda receive: _follow(http, settings, body, receive), show)
    except (VisitFailed, httpx.HTTPError) as error:
        reason = shown(f"the visit failed: {error or type(error).__name__}")
        console.print(escape(reason), style="red")
        return FAILED
    if stay:
        foreground.stay()
    return OK


class _Health(CamelStruct, frozen=True, kw_only=True):
    """What a visit needs of the gateway."""

    client_connected: bool
    backend_heard: bool


def _wait_until_served(
    http: httpx.Client, settings: Settings, wait: bool, timeout_s: float
) -> None:
    missing = missing_after(lambda: _missing(http, settings, wait), timeout_s)
    if missing is not None:
        raise VisitFailed(f"{missing} after {timeout_s:g} s: {START_THEM}")


def _missing(http: httpx.Client, settings: Settings, wait: bool) -> str | None:
    """Return what is missing for a visit."""
    chat, gateway = chat_url(settings), gateway_url(settings)
    try:
        http.get(f"{chat}/v1/health", headers=bearer(settings.chat_token)).raise_for_status()
    except httpx.HTTPError:
        return f"no chat backend at {chat}"
    if not (wait and settings.events_ws_enabled):
        return None
    try:
        answer = http.get(f"{gateway}/healthz", headers=bearer(gateway_token(settings)))
        health = msgspec.json.decode(answer.raise_for_status().content, type=_Health)
    except (httpx.HTTPError, *UNREADABLE):
        return f"no gateway at {gateway}"
    if not health.client_connected:
        return "TouchDesigner is not connected to the gateway"
    if not health.backend_heard:
        return "the gateway receives nothing from the chat backend"
    return None


def _follow(http: httpx.Client, settings: Settings, body: dict[str, str], show: Show) -> None:
    url, headers = f"{chat_url(settings)}/v1/chat", bearer(settings.chat_token)
    with http.stream("POST", url, json=body, headers=headers) as response:
        if response.status_code != httpx.codes.OK:
            response.read()
            raise VisitFailed(f"{response.status_code}: {response.text}")
        for event in _events(response.iter_lines()):
            show(event)
            if isinstance(event, Done):
                return
    raise VisitFailed("the stream ended before the session was done")


def _events(lines: Iterator[str]) -> Iterator[ChatEvent]:
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            try:
                yield decode_chat_event(name, value)
            except InvalidMessage as error:
                raise VisitFailed(f"not a valid event: {name}: {error}") from None


@contextmanager
def _display(console: Console) -> Iterator[Show]:
    """Yield a function that shows an event: in a live table on a terminal, as lines in a pipe."""
    if not console.is_terminal:
        yield _print_line
        return
    board = Board()
    with Live(board.table(), console=console, refresh_per_second=12) as live:

        def show(event: ChatEvent) -> None:
            board.add(event)
            live.update(board.table())

        yield show


def _print_line(event: ChatEvent) -> None:
    line = _line(event)
    if line:
        echo(line)


def _line(event: ChatEvent) -> str:
    """Return an event as one readable line; empty if it is not for visitors."""
    match event:
        case TurnStart(turn_index=turn):
            return f"turn {turn}"
        case UserSentiment(sentiment=mood):
            return f"  the mood is {mood}"
        case SlotDone():
            to = f" to {event.target_slot_id}" if event.target_slot_id else ""
            return f"  {event.slot_id}{to} {event.agent_id} ({event.voice_profile}): {event.text}"
        case SlotError():
            return f"  {event.slot_id} {event.agent_id} FAILED: {event.error.message}"
        case SlotAudio():
            return f"  {event.slot_id} speaks: {event.audio_path}"
        case TurnDone(turn_index=turn, slot_count=count):
            return f"turn {turn} done: {count} slots"
        case Done():
            return f"done: session {event.session_id}, {event.completed_slots} slots answered"
        case _:
            return ""


class Board:
    """The live table: a row a slot, a column a turn."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], str] = {}
        self._agents: dict[int, str] = {}
        self._ended = ""
        self._summary = ""

    def add(self, event: ChatEvent) -> None:
        """Add an event to the table."""
        if isinstance(event, Done):
            self._ended = _line(event)
        if not isinstance(event, SlotStart):
            return
        if event.turn_index == SUMMARY_TURN:
            self._summary = getattr(event, "text", self._summary)
            return
        self._agents[event.slot_id] = event.agent_id
        cell = (event.slot_id, event.turn_index)
        match event:
            case SlotDone():
                to = f"[cyan]to {event.target_slot_id}[/] " if event.target_slot_id else ""
                self._cells[cell] = f"{to}{escape(shown(event.text))}"
            case SlotError():
                self._cells[cell] = f"[red]{escape(shown(event.error.message))}[/]"
            case SlotAudio():
                self._cells[cell] = f"[blue]~[/] {self._cells.get(cell, '')}"
            case _:
                self._cells[cell] = "[dim]...[/]"

    def table(self) -> Table:
        """Return the current table."""
        state = self._ended or "the voices are speaking"
        lines = [escape(shown(self._summary)), state] if self._summary else [state]
        table = Table(caption="\n".join(lines), expand=True)
        table.add_column("slot", width=4)
        for title in TITLES:
            table.add_column(title, ratio=1, overflow="fold")
        for slot in sorted(self._agents):
            table.add_row(str(slot), *(self._cells.get((slot, turn), "") for turn in TURNS))
        return table
