"""The pool: one session's jobs on two workers, memory, and how long a dead worker is missed."""

import os
import queue
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from benchmarks.report import median, table, verdict
from benchmarks.waves.material import Clip
from benchmarks.waves.memory import peak_mb
from shared_schema.facts import DecomposeJob, JobResult, Utterance, WavePending, WavesJobResult
from shared_schema.ids import new_session_id
from shared_schema.layout import speech_path
from waves.workers.pool import WavePool

_JOBS: Final = 18
_WORKERS: Final = 2
_PATIENCE_S: Final = 60.0
_ROUNDS: Final = 5


class Crew:
    """A pool and what it says."""

    def __init__(self, folder: Path, *, workers: int = _WORKERS) -> None:
        self.folder = folder
        self._results: queue.SimpleQueue[tuple[float, WavesJobResult]] = queue.SimpleQueue()
        self.pool = WavePool(
            artifacts_dir=folder,
            bus=None,
            epoch="benchmark",
            max_workers=workers,
            queue_max_size=256,
            job_timeout_s=60,
            on_result=self._on_result,
        )

    def _on_result(self, result: JobResult) -> None:
        if isinstance(result, WavesJobResult):
            self._results.put((time.perf_counter(), result))

    def job(self, clip: Clip, session_id: str, slot_id: int) -> DecomposeJob:
        """Return a job for a copy of the clip."""
        path = speech_path(session_id, 1, slot_id, "gpt-4o", "calm_soothing")
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip.path, self.folder / path)
        return DecomposeJob(
            session_id=session_id,
            utterance=Utterance(
                turn_index=1,
                slot_id=slot_id,
                agent_id="gpt-4o",
                voice_profile="calm_soothing",
                text="",
                speech_path=path,
                wave=WavePending(),
            ),
        )

    def result(self) -> tuple[float, WavesJobResult]:
        """Return the next result and when it came."""
        return self._results.get(timeout=_PATIENCE_S)

    def do(self, clip: Clip) -> float:
        """Have one job done; return its seconds."""
        job = self.job(clip, new_session_id(), 1)
        started = time.perf_counter()
        self.pool.submit(job)
        ended, result = self.result()
        if not result.result.success:
            raise RuntimeError(result.result.error)
        return ended - started


@contextmanager
def crew(folder: Path, *, workers: int = _WORKERS) -> Iterator[Crew]:
    """Yield a pool with warm workers."""
    one = Crew(folder, workers=workers)
    one.pool.warm()
    try:
        yield one
    finally:
        one.pool.close(5.0)


def workers() -> list[psutil.Process]:
    """Return the pool's processes."""
    found = []
    for child in psutil.Process().children():
        if "spawn_main" in " ".join(child.cmdline()):
            found.append(child)
    return found


def run(clips: list[Clip], folder: Path) -> list[tuple[str, str, str]]:
    """Print what was measured; return the verdict on memory."""
    longest = max(clips, key=lambda clip: clip.duration_s)
    with crew(folder) as two:
        for clip in [longest] * 2 * _WORKERS:  # both are warm after this
            two.do(clip)
        _session(two, clips)
        peak = max((peak_mb(process.pid) for process in workers()), default=float("nan"))
    if sys.platform != "win32":
        _restart(longest, folder)
    return [("worker memory, peak RSS, MB", f"{peak:.1f}", verdict(peak, 80))]


def _session(two: Crew, clips: list[Clip]) -> None:
    """Hand over all jobs of one session at once."""
    rows = []
    for _ in range(_ROUNDS):
        session = new_session_id()
        chosen = [clips[place % len(clips)] for place in range(_JOBS)]
        jobs = [two.job(clip, session, place + 1) for place, clip in enumerate(chosen)]
        started = time.perf_counter()
        for job in jobs:
            two.pool.submit(job)
        submitted = time.perf_counter()
        told = [two.result() for _ in jobs]
        first, last = told[0][0] - started, told[-1][0] - started
        working = sum(result.result.duration_ms for _, result in told) / 1e3
        rows.append((submitted - started, first, last, 1 - working / (_WORKERS * last)))
    medians = [median([row[place] for row in rows]) for place in range(4)]
    seconds = sum(clips[place % len(clips)].duration_s for place in range(_JOBS))
    print(f"\n{_JOBS} jobs of one session, {seconds:.0f} s of speech, {_WORKERS} warm workers, ")
    print(f"medians of {_ROUNDS}. Not decomposition: the workers' time between jobs, as a share.\n")
    header = ["submitting ms", "first completion ms", "last completion ms", "not decomposition"]
    cells = [f"{1e3 * value:.1f}" for value in medians[:3]] + [f"{100 * medians[3]:.0f} %"]
    print(table(header, [cells]))


def _restart(clip: Clip, folder: Path) -> None:
    """Kill the only worker, idle and in the middle of a job, and time the next job."""
    with crew(folder, workers=1) as one:
        usual = median([one.do(clip) for _ in range(_ROUNDS)])
        idle, busy = [], []
        for _ in range(_ROUNDS):
            os.kill(workers()[0].pid, signal.SIGKILL)
            idle.append(one.do(clip) - usual)
        for _ in range(_ROUNDS):
            busy.append(_after_a_death_at_work(one, clip) - usual)
    print(f"\nA killed worker, medians of {_ROUNDS}: how much later the next job is done.\n")
    header = ["usual job ms", "killed between jobs, + ms", "killed in a job, + ms"]
    print(table(header, [[f"{1e3 * value:.0f}" for value in (usual, median(idle), median(busy))]]))


def _after_a_death_at_work(one: Crew, clip: Clip) -> float:
    """Return the seconds from a worker's death, in a job that hangs, to the next result."""
    session = new_session_id()
    hanging, following = one.job(clip, session, 1), one.job(clip, session, 2)
    pipe = one.folder / hanging.input_path
    pipe.unlink()
    os.mkfifo(pipe)
    one.pool.submit(hanging)
    with pipe.open("wb"):  # opens as soon as the worker reads
        killed = time.perf_counter()
        os.kill(workers()[0].pid, signal.SIGKILL)
        one.pool.submit(following)
        told = [one.result() for _ in range(2)]
    return max(when for when, result in told if result.result.success) - killed
