"""What a day weighs: the disk at its end, and each process in its first hour and its last."""

from pathlib import Path
from typing import Final

from benchmarks.report import median, table
from benchmarks.soak.lives import Life
from event_gateway.outbox import OUTBOX_FILE
from shared_schema.layout import GATEWAY_DIR

_MB: Final = 1e6


def disk_text(artifacts: Path, sessions: int) -> str:
    """Return what lies in the artifacts folder, in all and for each session."""
    rows = []
    files, size = 0, 0
    for folder in sorted(path for path in artifacts.iterdir() if path.is_dir()):
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        rows.append(_weighed(folder.name, len(sizes), sum(sizes), sessions))
        files += len(sizes)
        size += sum(sizes)
    rows.append(_weighed("all", files, size, sessions))
    outbox = artifacts / GATEWAY_DIR / OUTBOX_FILE
    parts = [outbox, outbox.with_name(f"{OUTBOX_FILE}-wal")]
    sizes = [part.stat().st_size for part in parts if part.exists()]
    rows.append(_weighed("of which the outbox", len(sizes), sum(sizes), sessions))
    return table(("on the disk at the end", "files", "MB", "files a session", "MB a session"), rows)


def memory_text(lives: list[Life], hour_s: float) -> str:
    """Return each process's memory and descriptors; `hour_s` is an hour of the day on our clock.

    At opening: before the first question. Hours: medians.
    """
    rows = []
    for life in lives:
        first = [s for s in life.samples if s.age_s <= life.samples[0].age_s + hour_s]
        last = [s for s in life.samples if s.age_s >= life.age_s - hour_s]
        memory = [median([s.memory for s in part]) / _MB for part in (first, last)]
        descriptors = [median([s.descriptors for s in part]) for part in (first, last)]
        rows.append(
            (
                life.role,
                f"{life.samples[0].memory / _MB:.1f}",
                f"{memory[0]:.1f}",
                f"{memory[1]:.1f}",
                f"{memory[1] / memory[0]:.3f}",
                f"{descriptors[0]:g} to {descriptors[1]:g}",
            )
        )
    header = (
        "memory (RSS) in MB",
        "at opening",
        "first hour",
        "last hour",
        "times",
        "descriptors, first to last hour",
    )
    return table(header, rows)


def _weighed(name: str, files: int, size: int, sessions: int) -> tuple[object, ...]:
    each = max(1, sessions)
    return (name, files, f"{size / _MB:.1f}", f"{files / each:.1f}", f"{size / _MB / each:.2f}")
