"""Latency as live sessions grow, and twenty thousand sessions through one process."""

import asyncio
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil

from benchmarks.gateway.latency import PAUSE_S
from benchmarks.gateway.material import six_slots
from benchmarks.gateway.paths import Sidecar
from benchmarks.report import median, table, verdict
from tests.support.client import Listener, backend, listening
from tests.support.processes import System

SAMPLES = 200
FEW, MANY = 10, 10_000
AT_ONCE = 20  # sessions told before the client's events are awaited
SETTLED = 0.1  # of a run, after which memory may not grow
GROWTH_LIMIT = 1.05


def latency_with(sessions: int) -> list[float]:
    """Return latencies with so many other sessions live."""
    with (
        tempfile.TemporaryDirectory(prefix="growth-") as folder,
        closing(Sidecar(Path(folder), open_sessions=sessions)) as way,
    ):
        way.sample()
        figures = []
        for _ in range(SAMPLES):
            time.sleep(PAUSE_S)
            figures.append(way.sample())
    return figures


def latency_report() -> str:
    """Compare the latency with few and with many live sessions, twice in turn."""
    few: list[float] = []
    many: list[float] = []
    for _ in range(2):
        few += latency_with(FEW)
        many += latency_with(MANY)
    ratio = median(many) / median(few)
    return (
        f"event latency with {MANY} live sessions against {FEW}: {ratio:.2f}, {verdict(ratio, 2.0)}"
    )


async def _soak(installation: System, pid: int, sessions: int) -> list[tuple[int, int, int]]:
    """Tell sessions one after another; return (sessions, RSS, descriptors) now and then."""
    gateway = psutil.Process(pid)
    figures: list[tuple[int, int, int]] = []
    every = max(1, sessions // 100)
    async with (
        backend(installation.bus_url, installation.artifacts) as chat,
        listening(installation.events_url) as client,
    ):
        template = six_slots()
        chat.write(template)
        files = {part: template.utterance(*part).mix_path for part in template.parts()}
        assert all(files.values())
        for number in range(0, sessions, AT_ONCE):
            for _ in range(AT_ONCE):
                chat.tell(six_slots())
            await _drained(client, 7 * AT_ONCE)
            if number % every < AT_ONCE:
                figures.append((number, gateway.memory_info().rss, gateway.num_fds()))
            chat.ledger.forget(time.monotonic() + 1e6)
    return figures


async def _drained(client: Listener, events: int) -> None:
    for _ in range(events):
        await asyncio.wait_for(client.socket.recv(), 30)


def soak_report(sessions: int) -> str:
    """Run many sessions through one gateway process and return how it grew."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        installation = System(Path(folder), log_level="warning")
        try:
            gateway = installation.gateway()
            begun = time.monotonic()
            figures = asyncio.run(_soak(installation, gateway.pid, sessions))
            elapsed = time.monotonic() - begun
            outbox = sum(f.stat().st_size for f in (installation.artifacts / "gateway").iterdir())
        finally:
            installation.close()
    settled = [figure for figure in figures if figure[0] >= SETTLED * sessions]
    first, last = settled[0], settled[-1]
    # Like with like: a single figure goes up and down by a twentieth.
    growth = max(rss for _, rss, _ in settled[-10:]) / max(rss for _, rss, _ in settled[:10])
    rows = [(n, f"{rss / 1e6:.1f}", fds) for n, rss, fds in figures[:: max(1, len(figures) // 10)]]
    return "\n".join(
        [
            f"{sessions} sessions of 18 utterances through one gateway, {elapsed:.0f} s:",
            "",
            table(("sessions", "memory in MB", "descriptors"), rows),
            "",
            f"memory, highest in the last tenth against the second: {growth:.3f}, "
            f"{verdict(growth, GROWTH_LIMIT)}",
            f"descriptors: {first[2]} then, {last[2]} at the end",
            f"outbox: {outbox / 1e6:.0f} MB, {outbox / sessions / 1000:.1f} kB a session, kept for"
            " RR_EVENTS_RETENTION_DAYS",
        ]
    )
