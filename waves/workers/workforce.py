"""Where the pool's jobs run: processes on this machine, or a cluster."""

from concurrent.futures import Future
from typing import Protocol

from shared_schema.facts import Job, JobResult
from waves.workers import worker
from waves.workers.processes import Processes


class Workforce(Protocol):
    """What the pool needs from the processes that run its jobs.

    Attributes
    ----------
    loss_message
        The log line when it is no longer healthy.
    """

    loss_message: str

    @property
    def healthy(self) -> bool:
        """Whether it accepts jobs."""

    def perform(self, job: Job, *, timeout_s: float) -> Future[JobResult]:
        """Submit a job.

        The future raises `TimeoutError` at the time limit, and `BrokenProcessPool` if the job was
        lost and must be submitted again.

        Raises
        ------
        RuntimeError
            If it is no longer healthy.
        """

    def end(self, timeout_s: float) -> None:
        """Release all resources."""


class LocalWorkers(Processes):
    """Processes on this machine.

    Raises
    ------
    OSError, RuntimeError
        If they cannot be started.
    """

    loss_message = "a worker died between two jobs; the workers are replaced"

    def __init__(self, count: int, context: worker.Context) -> None:
        super().__init__(count=count, initialiser=worker.initialise, arguments=(context,))

    def perform(self, job: Job, *, timeout_s: float) -> Future[JobResult]:
        """Submit a job; see `Workforce`."""
        return self.schedule(worker.run, job, timeout_s=timeout_s)
