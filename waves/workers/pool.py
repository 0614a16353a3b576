"""Runs wave jobs in a pool of worker processes, each with a time limit and exactly one result.

Theory of operation
-------------------
* A submitted job waits in our own queue until a worker is about to be free; a thread of ours,
  the dispatcher, then passes it to Pebble. So `submit` never blocks, the queue is bounded, and
  little is lost when a pool breaks.
* Pebble gives each job a time limit that ends only its own worker, and fails only the job of a
  worker that died. There is one exception: if a worker dies while no worker has a job, the
  whole Pebble pool is declared broken. The dispatcher then replaces it; jobs that had been
  passed on but not begun go back to the head of the queue.
* A `Workforce` does the work: processes on this machine, or a Dask cluster. All of the above is
  true for both.
* A job's callback runs exactly once. Before a job counts as failed, the pool looks for the finished
  mix: a worker may die between moving it into place and publishing it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from pebble import ProcessExpired

from shared_schema.facts import Job, JobResult, Stage
from shared_schema.layout import resolved
from shared_schema.settings import variable
from shared_schema.sockets import BusAddress
from waves.dsp.sound import MAX_DURATION_S
from waves.errors import WavesError
from waves.job import existing_result, failure
from waves.workers import worker
from waves.workers.workforce import LocalWorkers, Workforce

# Jobs per worker, running or about to begin: a second one in the pipe hides the hand-over.
_IN_HAND_PER_WORKER: Final = 2
# How often a job is passed on again because the processes died before it began.
_ATTEMPTS: Final = 3
# Dead processes are detected within this time when there are no jobs, otherwise at once.
_CHECK_INTERVAL_S: Final = 0.5
_LONGEST_CHECK_INTERVAL_S: Final = 30.0
# The share of the time for closing that is reserved for ending processes.
_END_TIMEOUT_S: Final = 1.0

_log = logging.getLogger(__name__)

OnResult = Callable[[JobResult], None]


class _Entry(Struct, eq=False):
    """A job that was accepted and has not finished."""

    job: Job
    attempts: int = 0
    since: float = field(default_factory=time.monotonic)


class WavePool:
    """Decomposes speech files in worker processes.

    Parameters
    ----------
    artifacts_dir : Path
        The folder that the jobs' paths are relative to.
    bus : BusAddress or None
        Where workers publish completions; None: they do not.
    epoch : str
        The epoch of the backend, for what they publish.
    max_workers : int
        Processes.
    queue_max_size : int
        Maximum number of waiting jobs, besides those with a worker.
    job_timeout_s : float
        A job that runs longer fails, and its worker is ended, in seconds.
    on_result : callable
        Called exactly once for each submitted job, from a thread of the pool, or from the thread
        that calls `submit` or `close`. It must be fast, and safe to call from any thread.
    max_duration_s : float
        Longer speech fails, in seconds.
    dask_scheduler : str, optional
        Address of a Dask cluster to use instead of processes on this machine; `max_workers` is
        then how many of its threads are used.

    Raises
    ------
    WavesError
        If a cluster is configured and its client is not installed.
    """

    def __init__(
        self,
        *,
        artifacts_dir: Path,
        bus: BusAddress | None,
        epoch: str,
        max_workers: int,
        queue_max_size: int,
        job_timeout_s: float,
        on_result: OnResult,
        max_duration_s: float = MAX_DURATION_S,
        dask_scheduler: str | None = None,
    ) -> None:
        self._context = worker.Context(
            artifacts=resolved(artifacts_dir), bus=bus, epoch=epoch, max_duration_s=max_duration_s
        )
        self._dask_scheduler = dask_scheduler
        self._max_workers = max_workers
        self._queue_max_size = queue_max_size
        self._job_timeout_s = job_timeout_s
        self._on_result = on_result

        self._changed = threading.Condition()
        self._waiting: deque[_Entry] = deque()
        self._in_hand: set[_Entry] = set()
        self._closed = False
        self._dispatcher: threading.Thread | None = None
        self._workforce: Workforce | None = None
        if dask_scheduler is not None and find_spec("distributed") is None:
            raise WavesError("a Dask cluster needs the extra `dask`: uv sync --extra dask")
        self._check_interval_s = _CHECK_INTERVAL_S

    def warm(self) -> None:
        """Start the workers, which warm up before their first job; do not wait."""
        with self._changed:
            self._start_dispatcher()

    def submit(self, job: Job) -> None:
        """Submit a job; neither blocks nor raises.

        If the pool is full or closed, `on_result` is called with the failure before this returns.
        """
        with self._changed:
            refusal = self._refusal()
            if refusal is None:
                self._waiting.append(_Entry(job))
                self._start_dispatcher()
                self._changed.notify_all()
        if refusal is not None:
            self._on_result(failure(job, refusal, stage="queue"))

    def close(self, timeout_s: float) -> None:
        """Stop within about `timeout_s` seconds; afterwards no process of the pool is left.

        Jobs that wait fail at once with stage ``stopped``; running ones have time to finish.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._closed = True
            dropped = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for entry in dropped:
            message = "the backend stopped before the job began"
            self._on_result(failure(entry.job, message, stage="stopped"))
        with self._changed:
            patience = max(0.0, timeout_s - _END_TIMEOUT_S)
            self._changed.wait_for(lambda: not self._in_hand, timeout=patience)
        if self._dispatcher is not None:
            self._dispatcher.join(max(0.0, deadline - time.monotonic()))
        if self._workforce is not None:
            self._workforce.end(max(0.1, deadline - time.monotonic()))
        with self._changed:
            unfinished = list(self._in_hand)
        for entry in unfinished:
            self._fail(entry, "the backend stopped before the job ended")

    # Passing jobs to the processes

    def _refusal(self) -> str | None:
        if self._closed:
            return "the wave pool is closed"
        unfinished = len(self._waiting) + len(self._in_hand)
        if unfinished >= self._queue_max_size + self._max_workers:
            setting = variable("waves_queue_max_size")
            return f"the queue for waves is full: {self._queue_max_size} jobs wait ({setting})"
        return None

    def _start_dispatcher(self) -> None:
        if self._dispatcher is None and not self._closed:
            self._dispatcher = threading.Thread(
                target=self._dispatch, name="waves-dispatcher", daemon=True
            )
            self._dispatcher.start()

    def _dispatch(self) -> None:
        """Replace dead workers, and pass jobs to them, until the pool is closed."""
        while not self._closed:
            workforce = self._healthy_workforce()
            if workforce is None:
                self._fail_what_waits_too_long()
            with self._changed:
                if self._closed:
                    return
                room = len(self._in_hand) < _IN_HAND_PER_WORKER * self._max_workers
                if workforce is None or not self._waiting or not room:
                    self._changed.wait(self._check_interval_s)
                    continue
                entry = self._waiting.popleft()
                self._in_hand.add(entry)
            self._hand_over(workforce, entry)

    def _healthy_workforce(self) -> Workforce | None:
        """Return the workers, new ones if they died; None if they cannot be started now."""
        if self._workforce is not None:
            if self._workforce.healthy:
                return self._workforce
            _log.warning(self._workforce.loss_message)
            self._workforce.end(_END_TIMEOUT_S)
            self._workforce = None
            self._check_less_often()
        try:
            self._workforce = self._new_workforce()
        except (OSError, RuntimeError) as error:
            _log.error("no wave workers: %s", error)
            self._check_less_often()
        return self._workforce

    def _check_less_often(self) -> None:
        """Wait longer, so that workers that die at the start are not started all the time."""
        self._check_interval_s = min(2 * self._check_interval_s, _LONGEST_CHECK_INTERVAL_S)

    def _new_workforce(self) -> Workforce:
        """Return processes on this machine, or those of a cluster."""
        if self._dask_scheduler is not None:
            # Takes a second to import, and is not always installed.
            from waves.workers.cluster import Cluster  # noqa: PLC0415

            return Cluster(self._dask_scheduler, self._context)
        return LocalWorkers(self._max_workers, self._context)

    def _fail_what_waits_too_long(self) -> None:
        """Fail jobs that found no worker within the time limit of a job."""
        limit = time.monotonic() - self._job_timeout_s
        with self._changed:
            late = [entry for entry in self._waiting if entry.since <= limit]
            for entry in late:
                self._waiting.remove(entry)
                self._in_hand.add(entry)  # until it is reported
        for entry in late:
            setting = variable("waves_job_timeout_s")
            self._fail(
                entry, f"no worker was available within {self._job_timeout_s:g} s ({setting})"
            )

    def _hand_over(self, workforce: Workforce, entry: _Entry) -> None:
        entry.attempts += 1
        try:
            future = workforce.perform(entry.job, timeout_s=self._job_timeout_s)
        except RuntimeError:  # they have just died
            self._unbegun(entry)
        else:
            future.add_done_callback(lambda done: self._ended(entry, done))

    # Results of jobs

    def _ended(self, entry: _Entry, future: Future[JobResult]) -> None:
        try:
            finished = future.result()
        except BrokenProcessPool:
            self._unbegun(entry)
        except TimeoutError:
            limit = f"{self._job_timeout_s:g} s ({variable('waves_job_timeout_s')})"
            self._fail(entry, f"the job was ended at its time limit of {limit}")
        except ProcessExpired as error:
            self._fail(entry, f"the worker process died during the job (exit {error.exitcode})")
        except Exception as error:
            self._fail(entry, f"{type(error).__name__}: {error}")
        else:
            self._check_interval_s = _CHECK_INTERVAL_S
            self._finish(entry, finished)

    def _unbegun(self, entry: _Entry) -> None:
        """Requeue a job whose processes died before it began."""
        with self._changed:
            if entry in self._in_hand and entry.attempts < _ATTEMPTS and not self._closed:
                self._in_hand.remove(entry)
                self._waiting.appendleft(entry)
                self._changed.notify_all()
                return
        self._fail(entry, "the worker processes died repeatedly before the job began")

    def _fail(self, entry: _Entry, message: str) -> None:
        """Fail a job without a result from its worker, unless its files exist."""
        stage: Stage = "stopped" if self._closed else "waves"
        finished = existing_result(entry.job, self._context.artifacts)
        self._finish(entry, finished or failure(entry.job, message, stage=stage))

    def _finish(self, entry: _Entry, finished: JobResult) -> None:
        with self._changed:
            if entry not in self._in_hand:
                return  # reported before, when the pool was closed
            self._in_hand.remove(entry)
            self._changed.notify_all()
        self._on_result(finished)
