"""A session as the visitor and TouchDesigner have it: how long, why, and how many at once."""

import os

from benchmarks.report import machine, median, table, verdict
from benchmarks.session import picture, together, whole

POSSIBLE_TO_TOLD_MS = 10.0
IDLE_SHARE = 0.10
FULL = 503


def run(*, sessions: int) -> int:
    """Print everything; return 0 if all that must be reached is."""
    print(machine("hibari-tts", "numpy", "pyzmq", "uvicorn"), f"load {os.getloadavg()[0]:.1f}")
    print(flush=True)
    one = whole.measure(sessions)
    print(whole.report(one), end="\n\n", flush=True)
    walls = sorted(one.timelines, key=lambda each: each.wall)
    print(picture.draw(walls[len(walls) // 2]), end="\n\n", flush=True)
    many = together.measure()
    print(together.report(many), end="\n\n", flush=True)
    told_ms = 1e3 * median([each.possible_to_told for each in one.timelines])
    idle = whole.idle_share(one)
    rows = [
        (
            "last mix of Turn 1 in place to its frame, median",
            f"<= {POSSIBLE_TO_TOLD_MS:g} ms",
            f"{told_ms:.1f} ms",
            verdict(told_ms, POSSIBLE_TO_TOLD_MS),
        ),
        (
            "share of a session with neither speech nor waves at work",
            f"<= {IDLE_SHARE:.0%}",
            f"{idle:.1%}",
            verdict(idle, IDLE_SHARE),
        ),
        (
            f"{many.visitors} at once: sessions that failed or were not told exactly",
            "0",
            len(many.flaws),
            verdict(len(many.flaws), 0),
        ),
        (
            "one more meanwhile",
            f"HTTP {FULL}",
            f"HTTP {many.one_more}",
            "met" if many.one_more == FULL else "MISSED",
        ),
    ]
    print(table(("figure", "must", "reached", "verdict"), rows))
    return 1 if any("MISSED" in row[3] for row in rows) else 0
