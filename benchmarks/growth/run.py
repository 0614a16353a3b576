"""What must not grow, or only with what is read whole, and one picture of it."""

import sys
from typing import Final

from benchmarks.gateway.growth import latency_with
from benchmarks.growth import history, jobs, playback, questions, show, visits
from benchmarks.growth.fit import EXPONENT_LIMIT, LINEAR_LIMIT, Curve
from benchmarks.growth.picture import Panel, draw
from benchmarks.report import machine, median, table

LIVE_SESSIONS: Final = (10, 100, 1_000, 10_000)


def run() -> int:
    """Print the tables and draw the picture; return 0 if nothing grows too fast."""
    print(machine("pyzmq", "uvicorn", "msgspec", "pebble", "matplotlib"), flush=True)
    panels = [
        Panel("An event at the gateway", "live sessions", [_event_latency()]),
        Panel("A wave job in the pool", "jobs that wait before it", jobs.measure()),
        Panel("The technician's page", "past sessions on disk", history.measure(_say)),
        Panel("One more session", "visits before it", visits.measure(_say)),
        Panel("What the client plays", "reports of it", playback.measure(_say)),
        Panel("A show's folder", "sentences and phrases, or files", show.measure(_say)),
        Panel("A spoken question", "seconds of sound", questions.lengths()),
        Panel("One more spoken question", "questions before it", questions.numbers()),
    ]
    print(
        "\nTimes in ms (events and jobs: medians; all reports: their sum; the rest: the least of"
        " many), and the exponent of a power law fitted over all decades: 0 is flat, 1 is linear."
        f" At most {EXPONENT_LIMIT:g} is allowed, and {LINEAR_LIMIT:g} where all has to be read.\n"
    )
    for panel in panels:
        sizes = [f"{size}" for size in panel.curves[0].sizes]
        header = [f"{panel.title}, with so many {panel.growing}", *sizes, "exponent", "verdict"]
        print(table(header, [curve.row() for curve in panel.curves]), end="\n\n")
    print(draw(panels))
    grown = [each for panel in panels for each in panel.curves if "MISSED" in each.told]
    return 1 if grown else 0


def _event_latency() -> Curve:
    costs = []
    for sessions in LIVE_SESSIONS:
        costs.append(median(latency_with(sessions)))
        _say(f"latency with {sessions} live sessions: {1e3 * costs[-1]:.2f} ms")
    return Curve(name="completion to frame", sizes=LIVE_SESSIONS, costs=tuple(costs))


def _say(progress: str) -> None:
    """Tell whoever waits; what is printed is kept."""
    print(progress, file=sys.stderr, flush=True)
