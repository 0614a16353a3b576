"""What every benchmark prints: the machine, the versions, and tables."""

import platform
import statistics
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version

import psutil


def machine(*packages: str) -> str:
    """Return the machine, its Python and the versions of packages, as one paragraph."""
    memory_gb = psutil.virtual_memory().total / 2**30
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    return (
        f"{platform.node()}: {platform.system()} {platform.machine()}, "
        f"{psutil.cpu_count()} cores, {memory_gb:.0f} GiB, Python {platform.python_version()}; "
        + ", ".join(versions)
    )


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table that can also be read as it is."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [
        max(len(row[place]) for row in [list(header), *cells]) for place in range(len(header))
    ]

    def line(row: Sequence[str]) -> str:
        return (
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        ) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(header), rule, *[line(row) for row in cells]])


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share (0..1) of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the middle value."""
    return statistics.median(values)


def verdict(value: float, limit: float, *, at_least: bool = False) -> str:
    """Return whether a figure meets its limit, in words."""
    met = value >= limit if at_least else value <= limit
    return f"{'met' if met else 'MISSED'} ({'>=' if at_least else '<='} {limit:g})"
