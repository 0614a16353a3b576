"""Runs wave jobs inside a worker process of the pool.

A worker warms up before its first job, publishes each completion itself as soon as the files are in
place, and never outlives its parent.
"""

import logging
import multiprocessing
import multiprocessing.util
import threading
import time
from pathlib import Path
from typing import Final

import numpy as np
import zmq
from msgspec import Struct

from shared_schema.bus import TOPIC_WAVES, SummaryFinished, WavesFinished, encode_message
from shared_schema.facts import Job, JobResult, WavesJobResult
from shared_schema.sockets import DRAIN_BATCH, BusAddress, drain, open_publisher, send
from waves.dsp.decomposition import decompose
from waves.dsp.grid import SAMPLE_RATE_HZ
from waves.dsp.metrics import measure
from waves.job import failure, run_job
from waves.workers.ending import exit_on_request, prepare_to_end
from waves.workers.memory import keep_freed_memory

# Time for a running gateway to answer the connection; messages before that are lost.
_CONNECT_TIMEOUT_MS: Final = 200

_log = logging.getLogger(__name__)


class CompletionPublisher:
    """Publishes completions on the bus; only for the process that created it."""

    def __init__(self, bus: BusAddress, epoch: str) -> None:
        self._epoch = epoch
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = open_publisher(self._context, bus)
        # A socket may be used by different threads, one at a time.
        self._lock = threading.Lock()
        # For the normal end of the process; multiprocessing's children do not call atexit.
        multiprocessing.util.Finalize(None, self.close, exitpriority=100)

    def await_gateway(self) -> None:
        """Give a running gateway a moment to subscribe."""
        with self._lock:
            if not self._socket.closed:
                self._socket.poll(_CONNECT_TIMEOUT_MS)

    def publish(self, result: JobResult) -> None:
        """Send a completion to the subscribers, if any, without waiting for them."""
        finished_at = time.time()
        message = encode_message(
            WavesFinished(epoch=self._epoch, result=result, finished_at=finished_at)
            if isinstance(result, WavesJobResult)
            else SummaryFinished(epoch=self._epoch, result=result, finished_at=finished_at)
        )
        with self._lock:
            if self._socket.closed:
                return
            # Otherwise subscriptions, which a worker does not need, pile up in the socket.
            drain(self._socket, lambda _: None, DRAIN_BATCH)
            try:
                send(self._socket, TOPIC_WAVES, message)
            except zmq.ZMQError as error:
                # The backend publishes the same from the job's future, only a little later.
                _log.warning("a completion could not be published: %s", error)

    def close(self) -> None:
        """Wait until messages are sent, within the socket's linger; then close it."""
        with self._lock:
            self._socket.close()
            self._context.term()


class Context(Struct, frozen=True, kw_only=True):
    """What all jobs share.

    Attributes
    ----------
    artifacts
        The folder that their paths are relative to.
    bus
        Where completions are published; None: they are not.
    epoch
        The epoch of the backend.
    max_duration_s
        Longer speech is refused.
    """

    artifacts: Path
    bus: BusAddress | None
    epoch: str
    max_duration_s: float


# Set when this process starts.
_prepared: tuple[Context, CompletionPublisher | None] | None = None


def initialise(context: Context) -> None:
    """Initialise this process: watch the parent, connect to the bus, warm up."""
    global _prepared  # noqa: PLW0603 - a pool's initialiser has no other way to pass values on
    prepare_to_end()
    keep_freed_memory()
    publisher = CompletionPublisher(context.bus, context.epoch) if context.bus is not None else None
    exit_on_request(publisher.close if publisher else None)
    warm_up()
    if publisher is not None:
        publisher.await_gateway()
    _prepared = (context, publisher)


def initialise_batch() -> None:
    """Initialise a process of the batch tool, without bus and session."""
    prepare_to_end()
    keep_freed_memory()
    exit_on_request()
    warm_up()


def run(job: Job) -> JobResult:
    """Run a job in an initialised process."""
    if _prepared is None:
        raise RuntimeError("initialise() was not called in this process")
    return run_and_publish(job, *_prepared)


def run_and_publish(job: Job, context: Context, publisher: CompletionPublisher | None) -> JobResult:
    """Run a job, publish its result, and return it."""
    try:
        finished = run_job(job, context.artifacts, max_duration_s=context.max_duration_s)
    except Exception as error:
        # A bug must not leave the gateway waiting for this utterance.
        _log.exception("a wave job failed unexpectedly")
        finished = failure(job, f"{type(error).__name__}: {error}")
    if publisher is not None:
        publisher.publish(finished)
    return finished


def warm_up() -> None:
    """Run all code paths once, so that the first job is not slowed by imports and tables."""
    seconds = np.arange(2_400) / (3 * SAMPLE_RATE_HZ)
    tone = (0.1 * np.sin(2 * np.pi * 120 * seconds)).astype(np.float32)
    waves = decompose(tone, sample_rate_hz=3 * SAMPLE_RATE_HZ)
    measure(tone[::3], waves.mix.astype(np.float32) / np.float32(32768))
