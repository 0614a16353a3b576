"""``python -m chat_backend check``: asks every configured provider once, and shows what came."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from chat_backend.agents.base import Agents, ResponseQuestion
from chat_backend.agents.models.agents import open_agents
from chat_backend.agents.models.seats import Seats, load_seats
from chat_backend.agents.offline.persona import built_in_personas
from chat_backend.errors import SlotFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.conduct import Patience
from chat_backend.providers.keys import Keys
from chat_backend.speech.base import Speech
from chat_backend.speech.choice import build_speech, chosen_engine, dialect_of
from chat_backend.speech.fallback import EMBEDDED
from shared_schema.ids import AGENT_IDS, AgentId, VoiceProfile
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.settings import Settings

QUESTION: Final = "Say hello in three words."
WORDS: Final = "Hello, water."
# A pipe has no width; a narrow table would break names in the middle.
PIPE_COLUMNS: Final = 120


class Tried(Struct, frozen=True, kw_only=True):
    """One row. `problem` is empty where all is well; `seconds` is None where nobody was asked."""

    who: str
    what: str
    cost: str
    voice: str
    seconds: float | None = None
    problem: str = ""


def check(settings: Settings) -> int:
    """Try, show, and return 0 if everything that is configured answers."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_COLUMNS)
    seats, keys = load_seats(settings)
    rows = asyncio.run(_tried(settings, seats, keys))
    console.print(_table(rows))
    if seats.missing:
        lacks = sorted(set(seats.missing.values()))
        who = "all agents" if not seats.taken else ", ".join(sorted(seats.missing))
        console.print(f"Offline personas answer for {who}: {'; '.join(lacks)}.", soft_wrap=True)
    if chosen_engine(settings, keys) == EMBEDDED:
        console.print(f"The embedded voice ({EMBEDDED}) speaks; it needs no key.", soft_wrap=True)
    problems = [row for row in rows if row.problem]
    for row in problems:
        console.print(f"[red]{escape(row.who)}: {escape(row.problem)}[/]", soft_wrap=True)
    return FAILED if problems else OK


async def _tried(settings: Settings, seats: Seats, keys: Keys) -> list[Tried]:
    metrics = Metrics()
    once = Patience(call_s=settings.provider_timeout_s, attempts=1)
    # Without the fallback: it would hide what is asked about.
    alone = msgspec.structs.replace(settings, tts_fallback="off")
    speech = build_speech(alone, keys, metrics, patience=once)
    async with open_agents(seats, keys, settings, metrics, patience=once) as agents:
        await speech.start()
        try:
            return list(
                await asyncio.gather(
                    *(_agent(agent_id, agents, settings, seats, keys) for agent_id in AGENT_IDS),
                    _speech(speech, settings, keys),
                )
            )
        finally:
            await speech.close()


async def _agent(
    agent_id: AgentId, agents: Agents, settings: Settings, seats: Seats, keys: Keys
) -> Tried:
    voice = _voice(settings, keys, built_in_personas()[agent_id].home)
    seat = seats.taken.get(agent_id)
    if seat is None:
        return Tried(who=agent_id, what="offline persona", cost="none", voice=voice)
    question = ResponseQuestion(seed=0, slot_id=1, agent_id=agent_id, message=QUESTION)
    begun = time.monotonic()
    problem = ""
    try:
        await agents.of(agent_id).respond(question)
    except SlotFailed as error:
        problem = str(error)
    return Tried(
        who=agent_id,
        what=f"{seat.provider}: {seat.model}",
        cost=seat.cost,
        voice=voice,
        seconds=time.monotonic() - begun,
        problem=problem,
    )


async def _speech(speech: Speech, settings: Settings, keys: Keys) -> Tried:
    engine = chosen_engine(settings, keys)
    profile: VoiceProfile = "friendly_casual"
    begun = time.monotonic()
    problem = ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            await speech.speak(WORDS, profile, Path(folder) / "check.wav")
        except SlotFailed as error:
            problem = str(error)
    models = {
        "hibari": "embedded voice",
        "elevenlabs": f"elevenlabs: {settings.elevenlabs_model}",
        "openai": f"openai: {settings.tts_openai_model}",
    }
    return Tried(
        who="speech",
        what=models[engine],
        cost="none" if engine == EMBEDDED else "by character",
        voice=_voice(settings, keys, profile),
        seconds=time.monotonic() - begun,
        problem=problem,
    )


def _voice(settings: Settings, keys: Keys, profile: VoiceProfile) -> str:
    dialect = dialect_of(chosen_engine(settings, keys), settings, keys)
    return profile if dialect is None else f"{profile}: {dialect.voice(profile)}"


def _table(rows: list[Tried]) -> Table:
    table = Table()
    for column in ("agent", "model", "reachable", "latency", "cost", "voice"):
        table.add_column(column, overflow="fold")
    for row in rows:
        asked = row.seconds is not None
        table.add_row(
            row.who,
            escape(row.what),
            "[red]no[/]" if row.problem else "yes" if asked else "needs none",
            f"{row.seconds:.2f} s" if row.seconds is not None else "",
            row.cost,
            escape(row.voice),
        )
    return table
