"""``python -m chat_backend check``: calls every configured provider once, and shows the outcome."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chat_backend.agents.base import ResponseQuestion
from chat_backend.agents.models.opening import open_agents
from chat_backend.agents.models.seats import Seats, load_seats
from chat_backend.errors import SlotFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Hints
from chat_backend.show.show import Show, load_show
from chat_backend.speech.choice import build_speech, speech_api_of
from chat_backend.speech.engine import EMBEDDED
from chat_backend.speech.speech_api import SpeechAPI
from shared_schema.foreign_text import shown
from shared_schema.ids import AGENT_IDS, AgentId, VoiceProfile
from shared_schema.runtime.log.output import printing
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.settings import Settings

QUESTION: Final = "Say hello in three words."
WORDS: Final = "Hello, water."
PROFILE: Final[VoiceProfile] = "friendly_casual"
# A pipe has no width; a narrow table would break names.
PIPE_COLUMNS: Final = 120


class Row(Struct, frozen=True, kw_only=True):
    """One agent's model, or the voice. `problem` and `remedy` are empty if it answered."""

    who: str
    what: str
    cost: str
    voice: str
    seconds: float
    problem: str
    remedy: str


def check(settings: Settings) -> int:
    """Call every provider, show the results, and return 0 if all that are configured answer."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_COLUMNS)
    show = load_show(settings)
    seats, keys = load_seats(settings, show.models)
    api = speech_api_of(settings, keys, show)
    hints = Hints()
    rows = asyncio.run(_checked(settings, show, seats, keys, api=api, hints=hints))
    problems = [row for row in rows if row.problem]
    with printing():
        console.print(_table(rows))
        if seats.missing:
            reasons = "; ".join(sorted(set(seats.missing.values())))
            who = ", ".join(sorted(seats.missing)) if seats.taken else "all agents"
            console.print(f"Offline personas answer for {who}: {reasons}.", soft_wrap=True)
        if api is None:
            console.print(
                f"The embedded voice ({EMBEDDED}) speaks; it needs no key.", soft_wrap=True
            )
        for hint in hints.lines:
            console.print(f"[yellow]{_shown(hint)}[/]", soft_wrap=True)
        for row in problems:
            problem = f"[red]{_shown(row.who)}: {_shown(row.problem.rstrip('.'))}.[/]"
            console.print(f"{problem} {_shown(row.remedy)}", soft_wrap=True)
    return FAILED if problems else OK


async def _checked(
    settings: Settings,
    show: Show,
    seats: Seats,
    keys: Keys,
    *,
    api: SpeechAPI | None,
    hints: Hints,
) -> list[Row]:
    # Without retries, and without the fallback, which would hide a failure.
    settings = msgspec.structs.replace(settings, provider_attempts=1, tts_fallback="off")
    metrics = Metrics()
    speech = build_speech(api, settings, keys, metrics, hints=hints)

    def voice_of(profile: VoiceProfile) -> str:
        return f"{profile}: {api.voice(profile)}" if api else profile

    async def agent_row(agent_id: AgentId) -> Row:
        question = ResponseQuestion(seed=0, slot_id=1, agent_id=agent_id, message=QUESTION)
        seconds, problem, remedy = await _timed(agents.of(agent_id).respond(question))
        seat = seats.taken.get(agent_id)
        return Row(
            who=agent_id,
            what=f"{seat.provider}: {seat.model}" if seat else "offline persona",
            cost=seat.cost if seat else "none",
            voice=voice_of(show.personas[agent_id].home),
            seconds=seconds,
            problem=problem,
            remedy=remedy,
        )

    async def speech_row() -> Row:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "check.wav"
            seconds, problem, remedy = await _timed(speech.speak(WORDS, PROFILE, path))
        return Row(
            who="speech",
            what=f"{api.provider}: {api.model}" if api else "embedded voice",
            cost="by character" if api else "none",
            voice=voice_of(PROFILE),
            seconds=seconds,
            problem=problem,
            remedy=remedy,
        )

    async with open_agents(seats, keys, settings, metrics, hints=hints) as cast:
        agents = cast(show)
        await speech.start()
        try:
            return await asyncio.gather(*map(agent_row, AGENT_IDS), speech_row())
        finally:
            await speech.close()


async def _timed(answer: Awaitable[object]) -> tuple[float, str, str]:
    """Return the time of an answer, or why there was none and the remedy."""
    begun = time.monotonic()
    try:
        await answer
    except SlotFailed as error:
        return time.monotonic() - begun, str(error), error.remedy
    return time.monotonic() - begun, "", ""


def _shown(text: str) -> str:
    """Return a provider's or a file's text as a terminal may show it."""
    return escape(shown(text))


def _table(rows: list[Row]) -> Table:
    table = Table()
    for column in ("agent", "model", "reachable", "latency", "cost", "voice"):
        table.add_column(column, overflow="fold")
    for row in rows:
        remote = row.cost != "none" or row.who == "speech"
        table.add_row(
            row.who,
            _shown(row.what),
            "[red]no[/]" if row.problem else "yes" if remote else "needs none",
            f"{row.seconds:.2f} s" if remote else "",
            row.cost,
            _shown(row.voice),
        )
    return table
