"""The batch tool's output: a progress bar and a table on a terminal, plain lines in a pipe."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from shared_schema.foreign_text import shown
from waves.batch.batch import Outcome

_HEADER = ("file", "seconds", "correlation", "level error dB", "ms", "x real time")


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr, if that is a terminal, while the context is entered.

    It yields a function to call after each file.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("decomposing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def print_summary(outcomes: Sequence[Outcome]) -> None:
    """Print a line for each file that was decomposed."""
    rows = [_row(outcome) for outcome in outcomes if outcome.error is None]
    if not rows:
        return
    if not sys.stdout.isatty():
        for row in (_HEADER, *rows):
            sys.stdout.write("\t".join(row) + "\n")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in _HEADER:
        table.add_column(name, justify="left" if name == "file" else "right")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def _row(outcome: Outcome) -> tuple[str, ...]:
    metrics = outcome.metrics
    return (
        shown(Path(outcome.file).name),
        _number(outcome.duration_s, "{:.2f}"),
        _number(metrics.envelope_correlation if metrics else None, "{:.4f}"),
        _number(metrics.level_error_db if metrics else None, "{:.2f}"),
        _number(outcome.processing_s and 1e3 * outcome.processing_s, "{:.1f}"),
        _number(outcome.real_time_factor and 1 / outcome.real_time_factor, "{:.0f}"),
    )


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
