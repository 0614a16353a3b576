"""One visitor after another: how long a session takes, and where the time goes."""

import re
from pathlib import Path

from msgspec import Struct

from benchmarks import before, document
from benchmarks.report import median, percentile, table
from benchmarks.session.listener import Listener, Told, flaw
from benchmarks.session.silence import unplanned_s
from benchmarks.session.timeline import Timeline, length, timeline, union
from benchmarks.session.visitor import Visit, ask, visit
from shared_schema.chat import SlotAudio
from tests.support.processes import System, until

TOLD_WITHIN_S = 60.0
LOGGED_WITHIN_S = 10.0
UTTERANCES_LOGGED = re.compile(r'"waves done"')
_SUM = re.compile(r"^rr_done_to_sent_seconds_sum (\S+)", re.MULTILINE)
_COUNT = re.compile(r"^rr_done_to_sent_seconds_count (\S+)", re.MULTILINE)


class Waits(Struct, kw_only=True):
    """How long after the message something came, one figure a session, in seconds."""

    first_sound: list[float] = []
    turn1: list[float] = []
    last: list[float] = []
    silent: list[float] = []

    def add(self, told: Visit, events: Told) -> None:
        """Take a session."""
        self.first_sound.append(min(told.at(SlotAudio).values()) - told.sent_at)
        self.turn1.append(events[0][0] - told.sent_at)
        self.last.append(events[-1][0] - told.sent_at)
        self.silent.append(unplanned_s(events))


class Whole(Struct, kw_only=True):
    """Sessions one after another, now and before, the warm-up left out. All in seconds."""

    now: Waits
    before: Waits
    timelines: list[Timeline]
    done_to_sent: float


def measure(sessions: int, checkout: Path) -> Whole:
    """Run sessions on the embedded default, in turns with those of the older `checkout`."""
    figures = Whole(now=Waits(), before=Waits(), timelines=[], done_to_sent=0.0)
    with (
        before.servers(document.ROOT, log_level="debug", log_format="json") as show,
        before.servers(checkout, log_level="debug", log_format="json") as older,
        Listener(show.gateway_port) as client,
        Listener(older.gateway_port) as older_client,
    ):
        # The first ones pay for caches and lazy imports.
        session(show, client)
        session(older, older_client)
        start = _done_to_sent(show)
        for _ in range(sessions):
            figures.before.add(*session(older, older_client))
            told, events = session(show, client)
            figures.now.add(told, events)
            log = whole_log(show, told)
            figures.timelines.append(timeline(told, events, show.artifacts, log))
        end = _done_to_sent(show)
    figures.done_to_sent = (end[0] - start[0]) / max(1.0, end[1] - start[1])
    return figures


def session(show: System, client: Listener, *, slots: int = 6) -> tuple[Visit, Told]:
    """Run a session without a flaw, and return what its visitor and its client were told."""
    told = visit(show.chat_port, slots)
    problem = told.problem()
    assert problem is None, problem
    events = client.told(told.session_id, told.dialogues, within_s=TOLD_WITHIN_S)
    wrong = flaw(events, told.dialogues)
    assert wrong is None, wrong
    return told, events


def whole_log(show: System, told: Visit) -> str:
    """Return the chat backend's log once it has every wave job of a session."""
    chat = next(process for process in show.processes if process.name == "chat")
    jobs = len(told.at(SlotAudio))

    def logged() -> bool:
        lines = [line for line in chat.log.splitlines() if UTTERANCES_LOGGED.search(line)]
        return sum(told.session_id in line for line in lines) == jobs

    until(logged, "every wave job in the log", within_s=LOGGED_WITHIN_S)
    return chat.log


def _done_to_sent(show: System) -> tuple[float, float]:
    """Return the gateway's own sum and count, from a worker's completion to the frame sent."""
    text = ask(show.gateway_port, "GET", "/metrics")[1].decode()
    found = _SUM.search(text), _COUNT.search(text)
    return tuple(float(each[1]) if each else 0.0 for each in found)  # type: ignore[return-value]


def report(whole: Whole) -> str:
    """Return the tables of one visitor at a time."""
    timelines = whole.timelines
    rows = []
    for name, place in (
        ("first sound announced", "first_sound"),
        ("turn1.waves.ready at the client, the dead air", "turn1"),
        ("last dialogue event at the client", "last"),
    ):
        now, older = getattr(whole.now, place), getattr(whole.before, place)
        figures = (median(now), percentile(now, 0.95), median(older))
        rows.append((name, *(f"{1e3 * each:.0f}" for each in figures)))
    return "\n".join(
        [
            f"{len(timelines)} sessions one after another, in turns with as many of "
            f"{before.COMMIT}; six slots, three turns, embedded voices; from the message to:",
            "",
            table(("", "median in ms", "p95 in ms", f"median of {before.COMMIT}"), rows),
            "",
            "Silences of the water within a session that nobody planned, where it plays Turn 1 and "
            f"then the dialogues as they come: {max(whole.now.silent):.1f} s at most.",
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
