"""The day's account: who came, what the water did, and what was told of each session."""

from collections import Counter

from msgspec import Struct

from benchmarks.day.guests import Guests
from benchmarks.day.kiosk import Kiosk
from benchmarks.day.water import InWater, Water
from benchmarks.report import median, percentile, table, verdict
from benchmarks.soak.account import Balance
from benchmarks.soak.received import Received
from benchmarks.soak.truth import Known
from shared_schema.events import files_of

Row = tuple[str, str, object, str]


class Heard(Struct, kw_only=True):
    """What the water made of all sessions; each fault with its session."""

    silent_s: float = 0.0
    not_played: int = 0
    twice: int = 0
    faults: list[str]
    longest: list[tuple[float, str]]


def heard(sessions: list[Known], water: Water) -> Heard:
    """Compare what the water played with the files that it was told of."""
    it = Heard(faults=list(water.score.mixed), longest=[])
    for session in sessions:
        name = session.session_id
        frames = water.received.frames.get(name, {}).values()
        told = Counter(path for frame in frames for path in files_of(frame.event))
        made = water.score.sessions.get(name, InWater())
        played = Counter(made.files)
        it.not_played += (told - played).total()
        it.twice += (played - told).total()
        if told != played:
            it.faults.append(
                f"{name}: of {told.total()} files {played.total()} were played, or others"
            )
        it.silent_s += made.unplanned_s
        it.longest += [
            (until - since, f"{name} at {since:.0f} s") for since, until in made.silences
        ]
    it.longest.sort(reverse=True)
    return it


def day_text(guests: Guests, kiosk: Kiosk, water: Water) -> str:
    """Return who came, and how long everything took, in seconds of the day."""
    rows: list[tuple[str, int]] = [(end, guests.ends[end]) for end in sorted(guests.ends)]
    rows += [
        ("all who came", guests.came),
        ("the longest queue", guests.longest_queue),
        ("sessions", len(kiosk.asked_at)),
    ]
    lasted, until_sound = [], []
    for session_id, asked_at in kiosk.asked_at.items():
        made = water.score.sessions.get(session_id)
        if made is not None and made.began_at is not None and made.ended_at is not None:
            lasted.append(made.ended_at - made.began_at)
            until_sound.append(made.began_at - asked_at)
    times = [
        (name, *(f"{figure(values):.1f}" for figure in (median, _p95, max)))
        for name, values in (
            ("a visitor who asked waited for the kiosk", guests.waited),
            ("from the question to the first sound", until_sound),
            ("from the question to the last event", list(kiosk.made_s.values())),
            ("the water moved", lasted),
        )
        if values
    ]
    return "\n".join(
        [
            table(("visitors", "count"), rows),
            "",
            table(("in seconds of the day", "median", "p95", "longest"), times),
        ]
    )


def verdicts(it: Heard, told: Balance, water: Water, received: Received) -> list[Row]:
    """Return what must be 0."""
    problems = len(water.problems)
    out_of_order = sum("out of order" in fault for fault in received.faults)
    return [
        _row("unplanned silence in sessions, s of the day", round(it.silent_s, 2)),
        _row("sessions of which a file began before another's had ended", len(water.score.mixed)),
        _row("files that failed to open, and other problems of the kit", problems),
        _row("files told of and not played", it.not_played),
        _row("files played twice", it.twice),
        _row("events missing", told.missing),
        _row("events twice", received.counted["twice"]),
        _row("events not due", told.beyond),
        _row("events out of order", out_of_order),
        _row("files named that were not there and whole", received.counted["paths not sound"]),
        _row("sessions that the kit left out", int(bool(water.left_out))),
    ]


def _row(name: str, count: float) -> Row:
    return name, "0", count, verdict(count, 0)


def _p95(values: list[float]) -> float:
    return percentile(values, 0.95)
