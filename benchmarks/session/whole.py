"""One visitor after another: how long a session takes, and where the time goes."""

import re
import tempfile
from pathlib import Path

from msgspec import Struct

from benchmarks.report import median, percentile, table
from benchmarks.session.listener import Listener, flaw
from benchmarks.session.timeline import Timeline, length, timeline, union
from benchmarks.session.visitor import ask, visit
from shared_schema.chat import SlotAudio
from shared_schema.settings import Settings
from tests.support.processes import Process, System, system, until

TOLD_WITHIN_S = 60.0
LOGGED_WITHIN_S = 10.0
UTTERANCES_LOGGED = re.compile(r'"waves done"')
_SUM = re.compile(r"^rr_done_to_sent_seconds_sum (\S+)", re.MULTILINE)
_COUNT = re.compile(r"^rr_done_to_sent_seconds_count (\S+)", re.MULTILINE)


class Whole(Struct, kw_only=True):
    """Sessions one after another, the warm-up left out. All in seconds."""

    first_audio: list[float]
    timelines: list[Timeline]
    done_to_sent: float


def measure(sessions: int) -> Whole:
    """Run sessions on the embedded default, with a client connected."""
    with (
        tempfile.TemporaryDirectory(prefix="session-") as folder,
        system(Path(folder), log_level="debug", log_format="json") as show,
    ):
        show.gateway()
        chat = show.chat()
        figures = Whole(first_audio=[], timelines=[], done_to_sent=0.0)
        with Listener(show.gateway_port) as client:
            before = (0.0, 0.0)
            for number in range(1 + sessions):
                figure = _session(show, chat, client)
                if number == 0:  # the first one pays for caches and lazy imports
                    before = _done_to_sent(show)
                    continue
                figures.first_audio.append(figure[0])
                figures.timelines.append(figure[1])
            after = _done_to_sent(show)
        figures.done_to_sent = (after[0] - before[0]) / max(1.0, after[1] - before[1])
    return figures


def _session(show: System, chat: Process, client: Listener) -> tuple[float, Timeline]:
    told = visit(show.chat_port)
    problem = told.problem()
    assert problem is None, problem
    events = client.told(told.session_id, told.dialogues, within_s=TOLD_WITHIN_S)
    wrong = flaw(events, told.dialogues)
    assert wrong is None, wrong
    first = min(told.at(SlotAudio).values()) - told.sent_at
    jobs = len(told.at(SlotAudio))

    def logged() -> bool:
        lines = [line for line in chat.log.splitlines() if UTTERANCES_LOGGED.search(line)]
        return sum(told.session_id in line for line in lines) == jobs

    until(logged, "every wave job in the log", within_s=LOGGED_WITHIN_S)
    voices = Settings().speech_workers
    return first, timeline(told, events, show.artifacts, chat.log, voices)


def _done_to_sent(show: System) -> tuple[float, float]:
    """Return the gateway's own sum and count, from a worker's completion to the frame sent."""
    text = ask(show.gateway_port, "GET", "/metrics")[1].decode()
    found = _SUM.search(text), _COUNT.search(text)
    return tuple(float(each[1]) if each else 0.0 for each in found)  # type: ignore[return-value]


def report(whole: Whole) -> str:
    """Return the tables of one visitor at a time."""
    timelines = whole.timelines
    waits = {
        "first sound announced": whole.first_audio,
        "turn1.waves.ready at the client": [each.turn1 - each.sent for each in timelines],
        "last dialogue event at the client": [each.wall for each in timelines],
    }
    rows = [
        (name, f"{1e3 * median(v):.0f}", f"{1e3 * percentile(v, 0.95):.0f}")
        for name, v in waits.items()
    ]
    return "\n".join(
        [
            f"{len(timelines)} sessions one after another, six slots, three turns, embedded voices;"
            " from the message to:",
            "",
            table(("", "median in ms", "p95 in ms"), rows),
            "",
            "The way of the answer that completes Turn 1 (medians):",
            "",
            table(("part", "ms", "share"), _way(whole)),
            "",
            "The gateway's own histogram, over all events: from a worker's completion to the frame "
            f"handed over {1e3 * whole.done_to_sent:.1f} ms in the mean, bus and outbox included.",
            "",
            "What runs during a session (medians of the shares of its time):",
            "",
            table(("at work", "share"), _at_work(timelines)),
        ]
    )


def _way(whole: Whole) -> list[tuple[str, str, str]]:
    ways = [each.last_of_turn1 for each in whole.timelines]
    tails = [each.possible_to_told for each in whole.timelines]
    parts = {
        "HTTP, and the agents asked before it": median(
            [way.asked - each.sent for way, each in zip(ways, whole.timelines, strict=True)]
        ),
        **{name: median([way.parts[name] for way in ways]) for name in ways[0].parts},
        "bus, gateway, outbox, socket": median(tails),
    }
    whole_ms = sum(parts.values())
    return [(name, f"{1e3 * v:.1f}", f"{v / whole_ms:.1%}") for name, v in parts.items()]


def _at_work(timelines: list[Timeline]) -> list[tuple[str, str]]:
    shares: dict[str, list[float]] = {}
    for each in timelines:
        within = (each.sent, each.last)
        either = length(union([*each.speech, *each.waves]), within)
        speech, waves = length(each.speech, within), length(each.waves, within)
        both = speech + waves - either
        for name, value in {
            "speech alone": speech - both,
            "speech and waves": both,
            "waves alone": waves - both,
            "neither": each.idle,
        }.items():
            shares.setdefault(name, []).append(value / each.wall)
    return [(name, f"{median(values):.1%}") for name, values in shares.items()]


def idle_share(whole: Whole) -> float:
    """Return the share of a session in which neither speech nor waves are at work."""
    return median([each.idle / each.wall for each in whole.timelines])
