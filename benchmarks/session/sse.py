"""AC4: the visitor's events come at the same times whatever the gateway does.

One chat backend; around it the gateway is brought into each state in turn, in another order each
round. The same message, seed and empty memory give the same texts, so that every session has the
same work. The kind `running` is measured as two series, A and B: what lies between them is chance.

A gateway that starts every second needs a core's time, which on a small machine it takes from the
speech. That is no coupling. So where the system can do it, the chat backend, its workers and the
visitor are kept on all cores but the last, and gateways on the last. Cores share caches, and often
are two halves of one; therefore `restarting` is compared with a session during which the gateway
runs and a *stranger* restarts every second in its place: a gateway of another installation, of
which this chat backend knows nothing. It has two series, too.

Two more series have all cores for everybody; they are printed and not judged.
"""

import contextlib
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import machine, median, table
from benchmarks.session.bytecode import bytecode
from benchmarks.session.gateway_states import CAN_PIN, STATES, Sidecar, pin
from benchmarks.session.noise import STATISTICS, band, p95
from benchmarks.session.visitor import Visit, ask, visit
from shared_schema.chat import Done, SlotAudio, TurnDone
from tests.support.processes import Process, System, system

SLOTS = 2
MESSAGE = "What is deep?"
SETTLE_S = 0.3
STRANGER = "stranger"
# Series, and what the gateway does meanwhile.
SERIES = {
    "running, A": "running",
    "running, B": "running",
    "stopped": "stopped",
    "absent": "absent",
    "restarting": "restarting",
    "a stranger restarts, A": STRANGER,
    "a stranger restarts, B": STRANGER,
}
FREE = {"running, all cores": "running", "restarting, all cores": "restarting"}
# Pairs of series of the same kind, and the series that must agree with both.
JUDGED = {
    ("running, A", "running, B"): ("stopped", "absent"),
    ("a stranger restarts, A", "a stranger restarts, B"): ("restarting",),
}

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


@contextlib.contextmanager
def state(name: str, ours: Sidecar, stranger: Sidecar) -> Iterator[None]:
    """Bring our gateway, and the stranger, into a state."""
    if name == STRANGER:
        with ours.running(), stranger.restarting():
            yield
    else:
        with STATES[name](ours):
            yield


def measure(sessions: int) -> dict[str, Times]:
    """Return the times of each series' events, in seconds."""
    series = {**SERIES, **(FREE if CAN_PIN else {})}
    figures: dict[str, Times] = {name: {} for name in series}
    rng = random.Random(7)
    with (
        tempfile.TemporaryDirectory(prefix="sse-") as name,
        bytecode(Path(name, "bytecode")),
        system(Path(name, "ours"), seed=7, log_level="warning") as show,
        system(Path(name, "stranger"), log_level="warning") as elsewhere,
    ):
        ours, stranger = Sidecar(show), Sidecar(elsewhere)
        ours.up()
        stranger.up()
        chat = show.chat()
        _session(show)
        try:
            for _ in range(sessions):
                for each in rng.sample(list(series), len(series)):
                    _keep_apart(chat, ours, stranger, apart=each not in FREE)
                    with state(series[each], ours, stranger):
                        time.sleep(SETTLE_S)  # what the change itself costs shall be over
                        for event, at in _session(show).items():
                            figures[each].setdefault(event, []).append(at)
        finally:
            _keep_apart(chat, ours, stranger, apart=False)
    return figures


def _keep_apart(chat: Process, *gateways: Sidecar, apart: bool) -> None:
    """Keep gateways on the last core and the rest on the others, if the system can do it."""
    if not CAN_PIN:
        return
    everywhere = set(range(os.cpu_count() or 1))
    last = {max(everywhere)}
    for pid in (chat.pid, os.getpid()):
        # Below us are the gateways, too: they come after.
        pin(pid, everywhere - last if apart else everywhere)
    for gateway in gateways:
        gateway.keep_on(last if apart else everywhere)


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
    """Return the table of differences from their kind, and how many lie beyond its noise."""
    events = list(figures["running, A"])
    comparisons = sum(map(len, JUDGED.values())) * len(events) * len(STATISTICS)
    header = ["event", ""]
    rows = [[event, word] for event in events for word in STATISTICS]
    beyond = 0
    for (one, two), others in JUDGED.items():
        header += [f"{one} - B", "chance", *others]
        for row in rows:
            event, statistic = row[0], STATISTICS[row[1]]
            same = figures[one][event] + figures[two][event]
            noise = band(same, len(same) // 2, statistic, comparisons=comparisons)
            by_chance = statistic(figures[one][event]) - statistic(figures[two][event])
            row += [f"{1e3 * by_chance:+.0f}", f"+-{1e3 * noise:.0f}"]
            for name in others:
                away = statistic(figures[name][event]) - statistic(same)
                beyond += abs(away) > noise
                row.append(f"{1e3 * away:+.0f}{' !' if abs(away) > noise else ''}")
    return table(header, rows), beyond


def run(*, sessions: int) -> int:
    """Print everything; return 0 if no series lies beyond the noise of its kind."""
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
    print("Differences from both series of the same kind together, in ms:", end="\n\n")
    print(told, end="\n\n")
    verdict = "met" if beyond == 0 else "MISSED"
    row = ("differences beyond the noise of two series of the same kind", "0", beyond, verdict)
    print(table(("figure", "must", "reached", "verdict"), [row]))
    return 1 if beyond else 0
