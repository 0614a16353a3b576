"""A session as the visitor and TouchDesigner have it: how long, why, and how many at once."""

import os

from benchmarks import before, document
from benchmarks.report import machine, median, table, verdict
from benchmarks.session import picture, together, whole

POSSIBLE_TO_TOLD_MS = 10.0
IDLE_SHARE = 0.10
FULL = 503
# Against `before`; what must be reached, and what is aimed at.
SHARE_OF_BEFORE = 0.80
AIM = 0.70
AIM_FIRST_SOUND = 0.60


def run(*, sessions: int) -> int:
    """Print everything; return 0 if all that must be reached is."""
    print(machine("hibari-tts", "numpy", "pyzmq", "uvicorn"), f"load {os.getloadavg()[0]:.1f}")
    print(flush=True)
    with before.checkout() as checkout:
        one = whole.measure(sessions, checkout)
        print(whole.report(one), end="\n\n", flush=True)
        walls = sorted(one.timelines, key=lambda each: each.wall)
        print(picture.draw(walls[len(walls) // 2]), end="\n\n", flush=True)
        older, many = together.measure(checkout), together.measure(document.ROOT)
    print(together.report(many, older), end="\n\n", flush=True)
    told_ms = 1e3 * median([each.possible_to_told for each in one.timelines])
    idle = whole.idle_share(one)
    silent_s = max(one.now.silent)
    against = [
        ("message to Turn 1 event", _ratio(one.now.turn1, one.before.turn1), AIM),
        ("message to last dialogue", _ratio(one.now.last, one.before.last), AIM),
        ("first sound", _ratio(one.now.first_sound, one.before.first_sound), AIM_FIRST_SOUND),
        (f"{many.visitors} visitors at once", many.took_s / older.took_s, AIM),
    ]
    rows = [
        *(
            (
                f"{name}, over {before.COMMIT}",
                f"<= {SHARE_OF_BEFORE}",
                f"{aim}",
                f"{ratio:.2f}",
                verdict(ratio, SHARE_OF_BEFORE),
            )
            for name, ratio, aim in against
        ),
        (
            "silences of the water that nobody planned",
            "0 s",
            "",
            f"{silent_s:.1f} s",
            verdict(silent_s, 0),
        ),
        (
            "last mix of Turn 1 in place to its frame, median",
            f"<= {POSSIBLE_TO_TOLD_MS:g} ms",
            "",
            f"{told_ms:.1f} ms",
            verdict(told_ms, POSSIBLE_TO_TOLD_MS),
        ),
        (
            "share of a session with neither speech nor waves at work",
            f"<= {IDLE_SHARE:.0%}",
            "",
            f"{idle:.1%}",
            verdict(idle, IDLE_SHARE),
        ),
        (
            f"{many.visitors} at once: sessions that failed or were not told exactly",
            "0",
            "",
            len(many.flaws),
            verdict(len(many.flaws), 0),
        ),
        (
            "one more meanwhile",
            f"HTTP {FULL}",
            "",
            f"HTTP {many.one_more}",
            "met" if many.one_more == FULL else "MISSED",
        ),
    ]
    print(table(("figure", "must", "aim", "reached", "verdict"), rows))
    return 1 if any("MISSED" in row[4] for row in rows) else 0


def _ratio(now: list[float], older: list[float]) -> float:
    """Return the median now over the median before."""
    return median(now) / median(older)
