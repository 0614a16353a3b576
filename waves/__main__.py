"""``python -m waves``: turn speech files into wave files."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from shared_schema.foreign_text import shown, shown_lines
from waves.batch import batch
from waves.batch.batch import Outcome
from waves.batch.summary import print_summary, progress

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

_FAILED = 1
_USAGE = 2


@app.callback()
def main() -> None:
    """Turn speech files into wave files. Example: python -m waves decompose speech.wav"""


@app.command(no_args_is_help=True)
def decompose(
    files: Annotated[list[Path], typer.Argument(help="WAV, FLAC, OGG or MP3, 8 to 192 kHz.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the waves; by default, that of each file.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Files at the same time; by default, the number of cores.")
    ] = os.cpu_count() or 1,
    plot: Annotated[bool, typer.Option("--plot", help="Also draw a plot of each file.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON array instead of a table.")
    ] = False,
) -> None:
    """Write three waves and their mix for each file, and print quality figures.

    The exit code is 1 if a file could not be decomposed.

    Example: python -m waves decompose recordings/*.wav --out waves --plot
    """
    if plot and not _has_matplotlib():
        typer.echo("--plot needs matplotlib, from the extra `plot`: uv sync --extra plot", err=True)
        raise typer.Exit(_USAGE)
    planned = batch.tasks_of(files, out, plot=plot)
    outcomes = {one.file: one for one in planned if isinstance(one, Outcome)}
    with progress(len(planned) - len(outcomes)) as advance:

        def keep(outcome: Outcome) -> None:
            outcomes[outcome.file] = outcome
            advance()

        tasks = [one for one in planned if isinstance(one, batch.Task)]
        batch.run(tasks, workers=workers, on_outcome=keep)
    in_order = [outcomes[batch.as_text(path)] for path in files]
    if as_json:
        text = msgspec.json.format(msgspec.json.encode(in_order)).decode()
        typer.echo(shown_lines(text).encode())  # bytes: UTF-8 everywhere
    else:
        print_summary(in_order)
    for outcome in in_order:
        if outcome.error is not None:
            typer.echo(shown(f"failed: {outcome.file}: {outcome.error}"), err=True)
    if any(outcome.error is not None for outcome in in_order):
        raise typer.Exit(_FAILED)


def _has_matplotlib() -> bool:
    try:
        return find_spec("matplotlib") is not None
    except ValueError:
        return False  # its import is blocked


if __name__ == "__main__":
    sys.exit(app())
