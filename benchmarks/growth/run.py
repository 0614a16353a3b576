"""Everything that must not grow, and one picture of it."""

import sys
from typing import Final

from benchmarks.gateway.growth import latency_with
from benchmarks.growth import history, jobs
from benchmarks.growth.fit import EXPONENT_LIMIT, Curve
from benchmarks.growth.picture import Panel, draw
from benchmarks.report import machine, median, table

LIVE_SESSIONS: Final = (10, 100, 1_000, 10_000)


def run() -> int:
    """Print the tables and draw the picture; return 0 if nothing grows."""
    print(machine("pyzmq", "uvicorn", "msgspec", "pebble", "matplotlib"), flush=True)
    panels = [
        Panel("An event at the gateway", "live sessions", [_event_latency()]),
        Panel("A wave job in the pool", "jobs that wait before it", jobs.measure()),
        Panel("The technician's page", "past sessions on disk", history.measure(_say)),
    ]
    print(
        "\nTimes in ms (a page: the least of many loads; the rest: medians), and the exponent of a"
        " power law fitted over all decades: 0 is flat, 1 is linear, and at most"
        f" {EXPONENT_LIMIT:g} is allowed.\n"
    )
    for panel in panels:
        sizes = [f"{size}" for size in panel.curves[0].sizes]
        header = [f"{panel.title}, with so many {panel.growing}", *sizes, "exponent", "verdict"]
        print(table(header, [curve.row() for curve in panel.curves]), end="\n\n")
    print(draw(panels))
    grown = [each for panel in panels for each in panel.curves if "MISSED" in each.told]
    return 1 if grown else 0


def _event_latency() -> Curve:
    costs_s = []
    for sessions in LIVE_SESSIONS:
        costs_s.append(median(latency_with(sessions)))
        _say(f"latency with {sessions} live sessions: {1e3 * costs_s[-1]:.2f} ms")
    return Curve(name="completion to frame", sizes=LIVE_SESSIONS, costs_s=tuple(costs_s))


def _say(progress: str) -> None:
    """Tell whoever waits; what is printed is kept."""
    print(progress, file=sys.stderr, flush=True)
