"""Worker completion to client frame, by several ways, interleaved."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.gateway.paths import Path3, Relay, Server, Sidecar
from benchmarks.report import median, percentile, table, verdict

BLOCKS = 10  # a round goes through the ways so often
BLOCK_SAMPLES = 20
PAUSE_S = 0.005  # between samples: single completions, no queue
POLLING_SAMPLES = 3  # a round: each takes half a second


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the latencies of each way, in seconds.

    Every round starts all processes anew: where the scheduler places them stays for their life,
    and moves a figure by a fifth.
    """
    figures: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="latency-") as folder:
            for name, values in _round(Path(folder)).items():
                figures.setdefault(name, []).extend(values)
    return figures


def _round(folder: Path) -> dict[str, list[float]]:
    makers: list[Callable[[], Path3]] = [
        Relay,
        lambda: Server("in-process hand-off", "handoff"),
        lambda: Sidecar(folder),
        lambda: Server("inotify (watchdog)", "inotify"),
        lambda: Server("polling, 0.5 s", "polling"),
    ]
    with ExitStack() as stack:
        ways = [stack.enter_context(closing(make())) for make in makers]
        figures: dict[str, list[float]] = {way.name: [] for way in ways}
        for way in ways:
            way.sample()  # the first one pays for caches and lazy imports
        *quick, polling = ways
        for _ in range(BLOCKS):
            for way in quick:
                _sample(way, BLOCK_SAMPLES, figures)
        _sample(polling, POLLING_SAMPLES, figures)
    return figures


def _sample(way: Path3, count: int, figures: dict[str, list[float]]) -> None:
    for _ in range(count):
        time.sleep(PAUSE_S)
        figures[way.name].append(way.sample())


def report(rounds: int) -> str:
    """Measure and return the table with the verdicts."""
    figures = measure(rounds)
    middle = {name: median(values) for name, values in figures.items()}
    relay = middle["raw TCP relay"]
    ours = middle["this gateway"]
    rows = [
        (
            name,
            len(values),
            f"{middle[name] / relay:.2f}",
            f"{percentile(values, 0.95) / relay:.2f}",
            f"{middle[name] * 1e6:.0f}",
        )
        for name, values in figures.items()
    ]
    lines = [
        "Worker completion to client frame (outbox write included for this gateway):",
        "",
        table(("way", "samples", "p50 x relay", "p95 x relay", "p50 in us, this machine"), rows),
        "",
        f"p50 against the relay: {ours / relay:.2f}, {verdict(ours / relay, 5.5)}",
        f"p50 against the hand-off: {ours / middle['in-process hand-off']:.2f}, "
        f"{verdict(ours / middle['in-process hand-off'], 1.4)}",
        f"inotify against ours: {middle['inotify (watchdog)'] / ours:.1f}, "
        f"{verdict(middle['inotify (watchdog)'] / ours, 2, at_least=True)}",
        f"polling against ours: {middle['polling, 0.5 s'] / ours:.0f}, "
        f"{verdict(middle['polling, 0.5 s'] / ours, 200, at_least=True)}",
    ]
    return "\n".join(lines)
