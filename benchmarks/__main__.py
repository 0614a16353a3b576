"""``python -m benchmarks``: one command a subject; without a command, all of them."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks import document

app = typer.Typer(add_completion=False, help=__doc__)

_TERMINATED: Final = 128 + signal.SIGTERM


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Measurements; every figure is a ratio within one run.

    Without a command: all of them (about three hours), kept in docs/benchmarks.md.
    """
    # Asked to end, a benchmark ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    if context.invoked_subcommand is None:
        raise typer.Exit(document.write(list(document.SUBJECTS)))


@app.command()
def keep(subjects: list[str]) -> None:
    """Run some, and keep what they print in docs/benchmarks.md. Example: keep waves gateway"""
    unknown = sorted(set(subjects) - set(document.SUBJECTS))
    if unknown:
        raise typer.BadParameter(f"{unknown} not among {list(document.SUBJECTS)}")
    raise typer.Exit(document.write(subjects))


@app.command()
def gateway(
    rounds: int = typer.Option(5, help="Interleaved rounds of the latency measurement."),
    sessions: int = typer.Option(20_000, help="Sessions through one gateway process."),
) -> None:
    """Latency, intake, growth and soak of the gateway. Example: python -m benchmarks gateway"""
    from benchmarks.gateway.run import run  # noqa: PLC0415  # only what is asked for is loaded

    raise _ended(run(rounds=rounds, sessions=sessions))


@app.command()
def waves(
    rounds: int = typer.Option(15, help="Interleaved rounds against the floor."),
) -> None:
    """Truth, pitch, speed and the pool of the waves. Example: python -m benchmarks waves"""
    _on_one_core()
    from benchmarks.waves.run import run  # noqa: PLC0415

    raise _ended(run(rounds=rounds))


@app.command()
def decomposition() -> None:
    """How the cost grows from 1 s to 10 min. Example: python -m benchmarks decomposition"""
    _on_one_core()
    from benchmarks.waves.growth import run  # noqa: PLC0415

    raise _ended(run())


@app.command()
def growth() -> None:
    """What grows with sessions, jobs and history. Example: python -m benchmarks growth"""
    _on_one_core()
    from benchmarks.growth.run import run  # noqa: PLC0415

    raise _ended(run())


@app.command()
def soak(
    minutes: float = typer.Option(30, help="How long visitors come; hours show slow growth."),
    seed: int = typer.Option(1, help="Fixes who comes and what is struck, and when."),
    everything: bool = typer.Option(
        False, help="Also the dome, spoken questions, a kiosk in a browser, the kit as the client."
    ),
) -> None:
    """A show with faults, and its account. Example: python -m benchmarks soak --minutes 2"""
    from benchmarks.soak.run import run  # noqa: PLC0415

    raise _ended(run(minutes=minutes, seed=seed, everything=everything))


@app.command()
def day(
    hours: float = typer.Option(10, help="From opening to closing."),
    speed: float = typer.Option(10, help="How many times as fast the day passes."),
    seed: int = typer.Option(1, help="Fixes who comes, and when."),
) -> None:
    """An exhibition's day, and its account. Example: python -m benchmarks day --hours 1"""
    from benchmarks.day.run import run  # noqa: PLC0415

    raise _ended(run(hours=hours, speed=speed, seed=seed))


@app.command()
def session(
    sessions: int = typer.Option(8, help="Sessions one after another, besides the warm-up."),
) -> None:
    """The whole path, and where its time goes. Example: python -m benchmarks session"""
    from benchmarks.session.run import run  # noqa: PLC0415

    raise _ended(run(sessions=sessions))


@app.command()
def providers(
    sessions: int = typer.Option(3, help="Sessions of each kind, one after another."),
) -> None:
    """Sessions with stand-ins for providers. Example: python -m benchmarks providers"""
    from benchmarks.providers.run import run  # noqa: PLC0415

    raise _ended(run(sessions=sessions))


@app.command()
def profile(
    sessions: int = typer.Option(5, help="Sessions that are added up."),
) -> None:
    """The most expensive functions of a whole session. Example: python -m benchmarks profile"""
    from benchmarks.profile.run import run  # noqa: PLC0415

    raise _ended(run(sessions=sessions))


@app.command()
def voice(
    rounds: int = typer.Option(9, help="Interleaved rounds against the voice before."),
) -> None:
    """What the embedded voice costs, and how loud it is. Example: python -m benchmarks voice"""
    from benchmarks.voice.run import run  # noqa: PLC0415

    raise _ended(run(rounds=rounds))


@app.command()
def hearing(
    rounds: int = typer.Option(15, help="Transcriptions of the same five seconds."),
    sentences: int = typer.Option(30, help="How many of the thirty sentences."),
    weights: Annotated[
        Path | None, typer.Option(help="Other weights, as in RR_STT_WHISPER_MODEL.")
    ] = None,
) -> None:
    """Whether visitors are understood, and how soon. Example: python -m benchmarks hearing"""
    from benchmarks.hearing.run import run  # noqa: PLC0415

    raise _ended(run(rounds=rounds, sentences=sentences, weights=weights))


@app.command()
def sse(
    sessions: int = typer.Option(20, help="Sessions with each state of the gateway."),
) -> None:
    """The visitor's events with and without a gateway. Example: python -m benchmarks sse"""
    from benchmarks.session.sse import run  # noqa: PLC0415

    raise _ended(run(sessions=sessions))


@app.command()
def starting(
    starts: int = typer.Option(7, help="Starts of each server."),
) -> None:
    """How soon the servers are ready. Example: python -m benchmarks starting"""
    from benchmarks.session.starting import run  # noqa: PLC0415

    raise _ended(run(starts=starts))


@app.command()
def size(
    root: Annotated[Path, typer.Option(help="Another checkout, to compare with.")] = document.ROOT,
) -> None:
    """Lines of code, modules, rooms, circles. Example: python -m benchmarks size"""
    from benchmarks.size import run  # noqa: PLC0415

    raise _ended(run(root))


def _ended(missed: int) -> typer.Exit:
    """Return how to end after a subject; one that breaks ends with Python's own code instead."""
    return typer.Exit(document.MISSED if missed else 0)


def _on_one_core() -> None:
    """Keep linear algebra in one thread, as in a worker; it is read when numpy is loaded."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


if __name__ == "__main__":
    sys.exit(app())
