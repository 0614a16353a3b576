"""AC4: the visitor's events come at the same times whatever the gateway does.

One chat backend; around it the gateway is brought into each state in turn, in another order each
round. The same message, seed and empty memory give the same texts, so that every session has the
same work. The kind `running` is measured as two series, A and B: what lies between them is chance.

A gateway that starts every second needs a core's time, which on a small machine it takes from the
speech. That is no coupling, so where the system can do it, the chat backend, its workers and the
visitor are kept on all cores but the last, and the gateway on the last. Two more series have no
such bounds; they are printed and not judged.
"""

import os
import random
import tempfile
import time
from pathlib import Path

from benchmarks.report import machine, median, table
from benchmarks.session.gateway_states import CAN_PIN, STATES, Sidecar, pin
from benchmarks.session.noise import STATISTICS, band, p95
from benchmarks.session.visitor import Visit, ask, visit
from shared_schema.chat import Done, SlotAudio, TurnDone
from tests.system.processes import System

SLOTS = 2
MESSAGE = "What is deep?"
SETTLE_S = 0.3
# Series, and what the gateway does meanwhile.
SERIES = {
    "running, A": "running",
    "running, B": "running",
    "stopped": "stopped",
    "absent": "absent",
    "restarting": "restarting",
}
FREE = {"running, all cores": "running", "restarting, all cores": "restarting"}

Times = dict[str, list[float]]


def event_times(told: Visit) -> dict[str, float]:
    """Return when events came, in seconds since the message."""
    problem = told.problem()
    assert problem is None, problem
    turns = told.at(TurnDone)
    moments = {
        "first slot.audio": min(told.at(SlotAudio).values()),
        **{f"turn.done {turn}": at for (turn, _), at in sorted(turns.items())},
        "done": told.at(Done)[0, 0],
    }
    return {name: at - told.sent_at for name, at in moments.items()}


def measure(sessions: int) -> dict[str, Times]:
    """Return the times of each series' events, in seconds."""
    everywhere = set(range(os.cpu_count() or 1))
    gateways = max(everywhere)
    series = {**SERIES, **(FREE if CAN_PIN else {})}
    figures: dict[str, Times] = {name: {} for name in series}
    rng = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="sse-") as folder:
        show = System(Path(folder), seed=7, log_level="warning")
        sidecar = Sidecar(show)
        try:
            sidecar.up()
            chat = show.chat()
            _session(show)
            for _ in range(sessions):
                for name in rng.sample(list(series), len(series)):
                    if CAN_PIN:
                        cores = everywhere if name in FREE else everywhere - {gateways}
                        pin(chat.pid, cores)
                        pin(os.getpid(), cores)
                        sidecar.keep_on(everywhere if name in FREE else {gateways})
                    with STATES[series[name]](sidecar):
                        time.sleep(SETTLE_S)  # what the change itself costs shall be over
                        for event, at in _session(show).items():
                            figures[name].setdefault(event, []).append(at)
        finally:
            show.close()
            if CAN_PIN:
                pin(os.getpid(), everywhere)
    return figures


def _session(show: System) -> dict[str, float]:
    ask(show.chat_port, "POST", "/v1/reset")
    return event_times(visit(show.chat_port, SLOTS, MESSAGE))


def times_table(figures: dict[str, Times]) -> str:
    """Return every series' medians and 95th percentiles."""
    events = list(figures["running, A"])
    rows = [
        (name, *(f"{1e3 * median(v):.0f} / {1e3 * p95(v):.0f}" for v in times.values()))
        for name, times in figures.items()
    ]
    return table(("median / p95 in ms", *events), rows)


def differences(figures: dict[str, Times]) -> tuple[str, int]:
    """Return the table of differences from `running`, and how many lie beyond the noise."""
    one, two = (figures[name] for name in list(SERIES)[:2])
    others = list(SERIES)[2:]
    comparisons = len(others) * len(one) * len(STATISTICS)
    rows = []
    beyond = 0
    for event in one:
        running = one[event] + two[event]
        for word, statistic in STATISTICS.items():
            noise = band(running, len(one[event]), statistic, comparisons=comparisons)
            row = [event, word, f"{1e3 * (statistic(one[event]) - statistic(two[event])):+.0f}"]
            for name in others:
                away = statistic(figures[name][event]) - statistic(running)
                outside = abs(away) > noise
                beyond += outside
                row.append(f"{1e3 * away:+.0f}{' !' if outside else ''}")
            rows.append((*row[:3], f"{1e3 * noise:.0f}", *row[3:]))
    return table(("event", "", "A - B", "band", *others), rows), beyond


def run(*, sessions: int) -> int:
    """Print everything; return 0 if no series lies beyond the noise of the running one."""
    print(machine("uvicorn", "sse-starlette", "pyzmq"), f"load {os.getloadavg()[0]:.1f}")
    where = (
        "chat backend and visitor on all cores but the last, the gateway on the last"
        if CAN_PIN
        else "all processes on all cores: here they can't be kept apart"
    )
    print(f"\n{sessions} sessions a series, interleaved, {SLOTS} slots, three turns; {where}.\n")
    figures = measure(sessions)
    print(times_table(figures), end="\n\n")
    told, beyond = differences(figures)
    print(
        "Differences from running (A and B together) in ms, and what chance explains:", "", sep="\n"
    )
    print(told, end="\n\n")
    verdict = "met" if beyond == 0 else "MISSED"
    row = ("differences beyond the noise of running itself", "0", beyond, verdict)
    print(table(("figure", "must", "reached", "verdict"), [row]))
    return 1 if beyond else 0
