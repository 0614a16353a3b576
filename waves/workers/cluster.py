"""Runs wave jobs on a Dask cluster instead of processes on this machine.

All machines share the artifacts folder, under the same path. The cluster's workers are processes of
``dask worker``; each job contains the backend's epoch, and the worker publishes its completion on
the gateway's bus like a worker of ours. A job whose worker died is repeated by another one: it
writes the same files, each moved into place.
"""

import logging
import threading
import time
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from distributed import Client
from distributed.client import ClosedClientError

from shared_schema.facts import Job, JobResult
from shared_schema.sockets import BusAddress
from waves.job import existing_result
from waves.workers import worker
from waves.workers.memory import keep_freed_memory

_CONNECT_TIMEOUT_S: Final = 5.0
_ANSWER_TIMEOUT_S: Final = 2.0
# How long an answer of the scheduler is cached; there is a job every few milliseconds.
_FRESH_S: Final = 0.25

_log = logging.getLogger(__name__)


class Cluster:
    """A connection to a cluster with workers.

    Raises
    ------
    OSError, RuntimeError
        If the scheduler does not answer, or has no workers.
    """

    loss_message = "the Dask cluster is gone or has no workers; connecting again"

    def __init__(self, scheduler: str, context: worker.Context) -> None:
        self._context = context
        try:
            self._client = Client(
                scheduler,
                timeout=_CONNECT_TIMEOUT_S,
                set_as_default=False,
                name="reflective-resonance",
            )
        except OSError:
            raise
        except Exception as error:  # a tls:// address without certificates is a TypeError
            raise RuntimeError(
                f"the Dask cluster at {scheduler} cannot be used: {error}"
            ) from error
        self._asked = 0.0
        self._healthy = False
        if not self.healthy:
            self.end(_ANSWER_TIMEOUT_S)
            raise RuntimeError(f"the Dask cluster at {scheduler} has no workers")
        self._executor = self._client.get_executor(pure=False)

    @property
    def healthy(self) -> bool:
        """Whether the scheduler answers and has workers."""
        now = time.monotonic()
        if now - self._asked > _FRESH_S:
            self._healthy = self._client.status == "running" and self._has_workers()
            self._asked = now
        return self._healthy

    def _has_workers(self) -> bool:
        try:
            threads = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=_ANSWER_TIMEOUT_S
            )
        except (OSError, RuntimeError, TimeoutError):
            return False
        return bool(threads)

    def perform(self, job: Job, *, timeout_s: float) -> Future[JobResult]:
        """Submit a job; see `waves.workers.workforce.Workforce`."""
        try:
            inner: Future[JobResult] = self._executor.submit(perform, self._context, job)
        except ClosedClientError as error:  # it was healthy a moment ago
            self._asked, self._healthy = time.monotonic(), False
            raise RuntimeError(str(error)) from error
        promised: Future[JobResult] = Future()
        once = threading.Lock()  # set by the job's end or its time limit, whichever is first

        def expire() -> None:
            if once.acquire(blocking=False):
                promised.set_exception(TimeoutError())
                inner.cancel()

        alarm = threading.Timer(timeout_s, expire)
        alarm.daemon = True
        alarm.start()

        def ended(done: Future[JobResult]) -> None:
            alarm.cancel()
            if once.acquire(blocking=False):
                _copy(done, promised)

        inner.add_done_callback(ended)
        return promised

    def end(self, timeout_s: float) -> None:
        """Disconnect from the cluster, and cancel running jobs."""
        try:
            self._client.close(timeout=max(0.1, timeout_s))
        except (OSError, RuntimeError) as error:
            _log.warning("disconnecting from the Dask cluster failed: %s", error)


_lock = threading.Lock()
_publishers: dict[tuple[BusAddress, str], worker.CompletionPublisher] = {}


def perform(context: worker.Context, job: Job) -> JobResult:
    """Run a job in a process of the cluster, which may not be initialised.

    If another worker finished it before it died, its result is published instead.
    """
    publisher = _publisher(context)
    finished = existing_result(job, context.artifacts)
    if finished is None:
        return worker.run_and_publish(job, context, publisher)
    if publisher is not None:
        publisher.publish(finished)
    return finished


def _publisher(context: worker.Context) -> worker.CompletionPublisher | None:
    """Return this process's publisher; one of an earlier backend is closed."""
    if context.bus is None:
        return None
    key = (context.bus, context.epoch)
    with _lock:
        if key not in _publishers:
            for earlier in _publishers.values():
                earlier.close()
            _publishers.clear()
            keep_freed_memory()
            worker.warm_up()
            _publishers[key] = worker.CompletionPublisher(context.bus, context.epoch)
            _publishers[key].await_gateway()
        return _publishers[key]


def _copy(done: Future[JobResult], promised: Future[JobResult]) -> None:
    error = CancelledError() if done.cancelled() else done.exception()
    if isinstance(error, CancelledError):
        # The scheduler forgot it: it was restarted, or the connection was lost.
        promised.set_exception(BrokenProcessPool("the Dask cluster dropped the job"))
    elif error is not None:
        promised.set_exception(error)
    else:
        promised.set_result(done.result())
