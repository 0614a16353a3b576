"""A wave job's cost while others wait before it, in a real pool."""

import tempfile
import threading
import time
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from benchmarks.growth.fit import Curve
from benchmarks.report import median
from shared_schema.facts import DecomposeJob, JobResult, Utterance, WavePending, WavesJobResult
from shared_schema.ids import new_session_id
from shared_schema.layout import speech_path
from waves.workers.pool import WavePool

DEPTHS: Final = (1, 10, 100, 1000)
WORKERS: Final = 2
# Two are in each worker's hands; those that wait come on top.
_IN_HAND: Final = 2 * WORKERS
_JOBS: Final = 200
_ROUNDS: Final = 3
_SPEECH_S: Final = 0.3
_RATE_HZ: Final = 24_000
_PATIENCE_S: Final = 120.0


class _FullQueue:
    """Keeps so many jobs waiting: each that ends is followed by another."""

    def __init__(self, folder: Path, depth: int) -> None:
        self._job = _short_job(folder)
        self._left = threading.Semaphore(0)
        self._topping_up = True
        self.submitting_s: list[float] = []
        self.pool = WavePool(
            artifacts_dir=folder,
            bus=None,
            epoch="benchmark",
            max_workers=WORKERS,
            queue_max_size=2 * max(DEPTHS),
            job_timeout_s=_PATIENCE_S,
            on_result=self._ended,
        )
        for _ in range(_IN_HAND + depth):
            self._submit()

    def seconds_a_job(self) -> float:
        """Return how long one job takes while the queue is as deep as it is."""
        self._wait_for(2 * _IN_HAND)  # the workers are warm after these
        started = time.perf_counter()
        self._wait_for(_JOBS)
        return (time.perf_counter() - started) / _JOBS

    def close(self) -> None:
        """Drop what waits, and end the workers."""
        self._topping_up = False
        self.pool.close(5.0)

    def _wait_for(self, jobs: int) -> None:
        for _ in range(jobs):
            if not self._left.acquire(timeout=_PATIENCE_S):
                raise TimeoutError("the pool does no jobs")

    def _submit(self) -> None:
        started = time.perf_counter()
        self.pool.submit(self._job)
        self.submitting_s.append(time.perf_counter() - started)

    def _ended(self, result: JobResult) -> None:
        if not self._topping_up or not isinstance(result, WavesJobResult):
            return
        if not result.result.success:
            raise RuntimeError(result.result.error)
        self._submit()
        self._left.release()


def _short_job(folder: Path) -> DecomposeJob:
    path = speech_path(new_session_id(), 1, 1, "gpt-4o", "calm_soothing")
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    time_s = np.arange(round(_SPEECH_S * _RATE_HZ)) / _RATE_HZ
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * 140 * time_s), _RATE_HZ, subtype="PCM_16")
    return DecomposeJob(
        session_id=path.split("/")[2],
        utterance=Utterance(
            turn_index=1,
            slot_id=1,
            agent_id="gpt-4o",
            voice_profile="calm_soothing",
            text="",
            speech_path=path,
            wave=WavePending(),
        ),
    )


def measure() -> list[Curve]:
    """Return what a job and what `submit` cost, by the depth of the queue; rounds interleaved."""
    jobs: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    submits: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    for _ in range(_ROUNDS):
        for depth in DEPTHS:
            with tempfile.TemporaryDirectory(prefix="queue-") as folder:
                queue = _FullQueue(Path(folder), depth)
                try:
                    jobs[depth].append(queue.seconds_a_job())
                finally:
                    queue.close()
                # Those of the filled queue: with every depth as many.
                submits[depth].append(median(queue.submitting_s[-_JOBS:]))
    return [
        Curve(name=name, sizes=DEPTHS, costs=tuple(median(figures[depth]) for depth in DEPTHS))
        for name, figures in (("one job done", jobs), ("submit()", submits))
    ]
