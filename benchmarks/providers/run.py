"""Sessions whose texts and speech come from stand-ins for providers, beside their best schedule."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from benchmarks import before, document
from benchmarks.providers.schedule import Work
from benchmarks.providers.stand_ins import (
    CHARACTERS,
    SPEECH_S,
    SPEECH_S_PER_CHARACTER,
    TEXT_S,
    StandIns,
)
from benchmarks.report import machine, median, table, verdict
from benchmarks.session import picture
from benchmarks.session.listener import Listener
from benchmarks.session.silence import unplanned_s
from benchmarks.session.timeline import Timeline, logged, timeline
from benchmarks.session.whole import session, whole_log
from shared_schema.chat import SlotDone
from tests.providers.wire import serving
from tests.support.processes import System

PICTURE: Final = document.ROOT / "docs" / "images" / "benchmarks-providers.png"
ALL: Final = (1, 2, 3)
# What must be reached, and what is aimed at.
SESSION, SESSION_AIM = 1.25, 1.10
TURN1, TURN1_AIM = 1.15, 1.05
FOUR_LANES, FOUR_LANES_AIM = 1.10, 1.05


class Figures(Struct, kw_only=True):
    """One figure a session: seconds, and ratios to the best schedule of the same work."""

    turn1_s: list[float] = field(default_factory=list)
    session_s: list[float] = field(default_factory=list)
    turn1: list[float] = field(default_factory=list)
    session: list[float] = field(default_factory=list)
    silent_s: list[float] = field(default_factory=list)
    timelines: list[Timeline] = field(default_factory=list)


class Show(Struct, kw_only=True):
    """An installation that uses the stand-ins, and as many calls for speech as it makes at once."""

    servers: System
    client: Listener
    lanes: int
    figures: Figures = field(default_factory=Figures)


def run(*, sessions: int) -> int:
    """Print everything; return 0 if all that must be reached is."""
    print(machine("pydantic-ai-slim", "httpx", "uvicorn"), f"load {os.getloadavg()[0]:.1f}")
    print(flush=True)
    with ExitStack() as stack:
        stand_ins = StandIns()
        stack.enter_context(serving(stand_ins))
        older = stack.enter_context(before.checkout())
        six = stack.enter_context(_show(document.ROOT, stand_ins, 6, tts_concurrency=6))
        four = stack.enter_context(_show(document.ROOT, stand_ins, 4))
        earlier = stack.enter_context(_show(older, stand_ins, 6, provider_concurrency=6))
        for seed in range(1, sessions + 1):
            for show in (earlier, six, four):
                _measure(show, stand_ins, seed, timed=show is not earlier)
    shows = {
        f"{before.COMMIT}, 6 calls for speech": earlier,
        "6 calls for speech": six,
        "4 calls for speech, the default": four,
    }
    print(_report(shows), end="\n\n", flush=True)
    drawn = sorted(six.figures.timelines, key=lambda each: each.wall)[sessions // 2]
    title = "A session with providers: turns overlap"
    print(picture.draw(drawn, PICTURE, title=title), end="\n\n")
    silent_s = max(*six.figures.silent_s, *four.figures.silent_s)
    bars = [
        ("6 calls: session over its longest chain", SESSION, SESSION_AIM, six.figures.session),
        (
            "6 calls: message to Turn 1 event over the slowest text, speech and wave",
            TURN1,
            TURN1_AIM,
            six.figures.turn1,
        ),
        (
            "4 calls for speech: session over the best schedule",
            FOUR_LANES,
            FOUR_LANES_AIM,
            four.figures.session,
        ),
        (
            "4 calls for speech: message to Turn 1 event over the best schedule",
            FOUR_LANES,
            FOUR_LANES_AIM,
            four.figures.turn1,
        ),
    ]
    rows = [
        (name, f"<= {must}", f"{aim}", f"{median(figures):.3f}", verdict(median(figures), must))
        for name, must, aim, figures in bars
    ]
    silence = ("silences of the water that nobody planned", "0 s", "", f"{silent_s:.1f} s")
    rows.append((*silence, verdict(silent_s, 0)))
    print(table(("figure, median", "must", "aim", "reached", "verdict"), rows))
    return 1 if any("MISSED" in row[4] for row in rows) else 0


@contextmanager
def _show(root: Path, stand_ins: StandIns, lanes: int, **limits: int) -> Iterator[Show]:
    """Yield an installation of a checkout, after a session that pays for what is loaded late."""
    with (
        before.servers(
            root,
            llm_url=f"{stand_ins.url}/v1",
            llm_model="stand-in",
            tts_openai_url=f"{stand_ins.url}/v1",
            log_level="debug",
            log_format="json",
            **limits,
        ) as servers,
        Listener(servers.gateway_port) as client,
    ):
        session(servers, client, slots=1)
        yield Show(servers=servers, client=client, lanes=lanes)


def _measure(show: Show, stand_ins: StandIns, seed: int, *, timed: bool) -> None:
    """Run one session, and note what it took and what it could have taken."""
    stand_ins.begin(seed)
    told, events = session(show.servers, show.client)
    taken = stand_ins.taken
    said = {(e.turn_index, e.slot_id): e.text for _, e in told.events if isinstance(e, SlotDone)}
    log = whole_log(show.servers, told)
    jobs = logged(log, "waves done", told.session_id)
    work = Work(
        texts={place: taken.texts[text] for place, text in said.items()},
        speech={place: taken.speech[text] for place, text in said.items()},
        waves={place: line["took_ms"] / 1e3 for place, line in jobs.items()},
    )
    turn1_s, session_s = events[0][0] - told.sent_at, events[-1][0] - told.sent_at
    figures = show.figures
    figures.turn1_s.append(turn1_s)
    figures.session_s.append(session_s)
    figures.turn1.append(turn1_s / work.least([1], show.lanes))
    figures.session.append(session_s / work.least(ALL, show.lanes))
    figures.silent_s.append(unplanned_s(events))
    if timed:
        figures.timelines.append(timeline(told, events, show.servers.artifacts, log))


def _report(shows: dict[str, Show]) -> str:
    """Return the table of all that was measured."""
    rows = []
    for name, show in shows.items():
        figures = show.figures
        rows.append(
            (
                name,
                f"{median(figures.turn1_s):.2f}",
                f"{median(figures.turn1):.3f}",
                f"{median(figures.session_s):.2f}",
                f"{median(figures.session):.3f}",
                f"{max(figures.silent_s):.1f}",
            )
        )
    header = (
        "",
        "dead air: message to Turn 1 event, s",
        "over the best",
        "session, s",
        "over the best",
        "unplanned silence, s",
    )
    return (
        f"Texts take {TEXT_S[0]} to {TEXT_S[1]} s, speech {SPEECH_S[0]} to {SPEECH_S[1]} s and "
        f"{1e3 * SPEECH_S_PER_CHARACTER:g} ms a character; the texts of the three turns have "
        f"{', '.join(map(str, CHARACTERS.values()))} characters. Six slots on one server, six "
        "questions at once; medians of sessions in turns. The best is the longest chain of the "
        "same texts, speech and waves, if nothing ever waits; with four calls for speech, what no "
        "schedule of them can beat.\n\n" + table(header, rows)
    )
