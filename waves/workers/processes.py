"""A Pebble process pool that reliably stops."""

import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Final, TypeVar

from pebble import ProcessPool

from waves.workers.ending import END_SIGNAL, NOT_INHERITED

Argument = TypeVar("Argument")
Outcome = TypeVar("Outcome")

# A worker reacts to the request to end within the linger of its socket, one second, or not at all.
_GRACE_S: Final = 1.5
# Read by the linear algebra library when it is loaded: one thread for each worker.
_ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

_log = logging.getLogger(__name__)


class _WorkerProcess(SpawnProcess):
    """A process that neither Ctrl-C nor SIGTERM ends, not even while it starts: its parent does."""

    def start(self) -> None:
        """Start it."""
        with _signals_are_not_inherited():
            super().start()

    def terminate(self) -> None:
        """Request its end; for Pebble, too, after a job's time limit."""
        if sys.platform == "win32":
            super().terminate()
        elif self.pid is not None and self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, END_SIGNAL)


class _TrackingContext(SpawnContext):
    """The spawn start method, with a list of its processes.

    A fork would inherit sockets, locks and threads of the backend; the list is needed to end all
    processes at the same time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.made: list[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802 - multiprocessing's name
        process = _WorkerProcess(*args, **kwargs)
        self.made = [known for known in self.made if known.pid is None or known.is_alive()]
        self.made.append(process)
        return process


class Processes:
    """Worker processes, started immediately.

    Raises
    ------
    OSError, RuntimeError
        If they cannot be started.
    """

    def __init__(
        self, *, count: int, initialiser: Callable[..., None], arguments: tuple[object, ...]
    ) -> None:
        for name in _ONE_THREAD:
            os.environ.setdefault(name, "1")  # the workers inherit it
        self._context = _TrackingContext()
        self._pool = ProcessPool(
            max_workers=count, initializer=initialiser, initargs=arguments, context=self._context
        )
        if not self._pool.active:  # reading it starts the pool
            raise RuntimeError("the process pool did not start")

    @property
    def healthy(self) -> bool:
        """Whether the pool accepts jobs."""
        return bool(self._pool.active)

    def schedule(
        self, function: Callable[[Argument], Outcome], argument: Argument, *, timeout_s: float
    ) -> Future[Outcome]:
        """Run a function in a worker.

        Raises
        ------
        RuntimeError
            If the pool is broken.
        """
        future: Future[Outcome] = self._pool.schedule(function, args=(argument,), timeout=timeout_s)
        return future

    def end(self, timeout_s: float) -> None:
        """End all processes: by request, and those that do not react with SIGKILL."""
        deadline = time.monotonic() + min(timeout_s, _GRACE_S)
        # Before the processes, or it would replace them. Pebble does not annotate it.
        self._pool.stop()  # type: ignore[no-untyped-call]
        living = [process for process in self._context.made if process.pid is not None]
        for process in living:
            process.terminate()
        for process in living:
            process.join(max(0.0, deadline - time.monotonic()))
        for process in living:
            if process.is_alive():
                process.kill()
        try:
            self._pool.join()
        except (OSError, RuntimeError) as error:
            _log.error("stopping the process pool failed: %s", error)


@contextlib.contextmanager
def _signals_are_not_inherited() -> Iterator[None]:
    """Let processes that this thread starts meanwhile ignore signals from their first instruction.

    On Windows this process ignores Ctrl-C meanwhile, too; on POSIX another of its threads takes it.
    """
    if sys.platform == "win32":
        set_handler = ctypes.windll.kernel32.SetConsoleCtrlHandler
        set_handler(None, True)
        try:
            yield
        finally:
            set_handler(None, False)
    else:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, NOT_INHERITED)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
