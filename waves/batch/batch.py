"""Decomposes many files in worker processes, with one outcome for each file."""

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from msgspec import Struct
from pebble import ProcessExpired

from shared_schema.layout import WAVE_MIX, wave_file_name
from waves.dsp.metrics import Metrics
from waves.errors import WavesError
from waves.job import decompose_file
from waves.workers import worker
from waves.workers.processes import Processes

# A file of 30 minutes takes seconds; this ends only files that hang, such as a named pipe.
_TIME_LIMIT_S: Final = 300.0


class Task(Struct, frozen=True, kw_only=True):
    """One file, the folder for its waves, and whether to plot it."""

    path: Path
    folder: Path
    plot: bool


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The result for one file: its waves and their quality, or the error."""

    file: str
    error: str | None = None
    mix: str | None = None
    plot: str | None = None
    duration_s: float | None = None
    processing_s: float | None = None
    real_time_factor: float | None = None
    metrics: Metrics | None = None


def tasks_of(files: Sequence[Path], out: Path | None, *, plot: bool) -> list[Task | Outcome]:
    """Return a task for each file, or an outcome for each that must not be started.

    Two files with the same name would write the same waves in one folder.
    """
    taken: dict[Path, Path] = {}
    planned: list[Task | Outcome] = []
    for path in files:
        folder = out if out is not None else path.parent
        if not _is_text(path) or not _is_text(folder):
            error = "its name is not UTF-8: rename it"
            planned.append(Outcome(file=as_text(path), error=error))
            continue
        mix = (folder / wave_file_name(path.stem, WAVE_MIX)).resolve()
        first = taken.setdefault(mix, path)
        if first is not path:
            error = f"its waves would replace those of {first}"
            planned.append(Outcome(file=str(path), error=error))
        else:
            planned.append(Task(path=path, folder=folder, plot=plot))
    return planned


def as_text(path: Path) -> str:
    """Return a path as text, whatever bytes it contains."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def run(tasks: Sequence[Task], *, workers: int, on_outcome: Callable[[Outcome], None]) -> None:
    """Decompose all files; `on_outcome` is called in this thread with each outcome."""
    if not tasks:
        return
    # A dead worker is reported in the outcome of its file; the library would also log a traceback.
    logging.getLogger("pebble").setLevel(logging.CRITICAL)
    processes = Processes(
        count=min(workers, len(tasks)), initialiser=worker.initialise_batch, arguments=()
    )
    try:
        futures = {
            processes.schedule(decompose, task, timeout_s=_TIME_LIMIT_S): task for task in tasks
        }
        for future in as_completed(futures):
            on_outcome(_outcome(futures[future], future))
    finally:
        processes.end(2.0)


def decompose(task: Task) -> Outcome:
    """Decompose one file; an unusable file is an outcome, not an exception."""
    file = str(task.path)
    try:
        done = decompose_file(task.path, task.folder)
        picture = None
        if task.plot:
            # Slow to import, and not always installed.
            from waves.batch.plot import plot_decomposition  # noqa: PLC0415

            picture = str(plot_decomposition(done, name=task.path.name))
    except (WavesError, OSError, MemoryError) as error:
        return Outcome(file=file, error=str(error) or "not enough memory")
    return Outcome(
        file=file,
        mix=str(done.mix_path),
        plot=picture,
        duration_s=done.duration_s,
        processing_s=done.processing_s,
        real_time_factor=done.real_time_factor,
        metrics=done.metrics,
    )


def _outcome(task: Task, future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except TimeoutError:
        error = f"it did not finish within {_TIME_LIMIT_S:g} s"
    except ProcessExpired as expired:
        error = f"the worker process died (exit {expired.exitcode})"
    except BrokenProcessPool:
        error = "the worker processes died"
    except Exception as unforeseen:
        error = f"{type(unforeseen).__name__}: {unforeseen}"
    return Outcome(file=str(task.path), error=error)
