"""A gateway that runs, stands still, is not there, or is killed every second; beside one chat."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import psutil

from benchmarks.session.visitor import ask
from tests.support.processes import Process, System, until

KILL_EVERY_S = 1.0
READY = 200
CAN_PIN = sys.platform == "linux" and (os.cpu_count() or 1) > 1


class Sidecar:
    """The gateway below its supervisor, and what can be done to it."""

    def __init__(self, show: System) -> None:
        self._show = show
        self._cores: set[int] | None = None
        self._supervisor: Process | None = None

    def keep_on(self, cores: set[int]) -> None:
        """Let it run on these cores only, also after its next start."""
        self._cores = cores
        if self._supervisor is not None:
            pin(self._supervisor.pid, cores)

    def up(self) -> psutil.Process:
        """Start it if it is not there; return its process once it is ready."""
        if self._supervisor is None:
            self._supervisor = self._show.start("gateway", "-m", "event_gateway", "supervise")
            if self._cores is not None:
                pin(self._supervisor.pid, self._cores)
        port = self._show.gateway_port
        until(lambda: ask(port, "GET", "/readyz")[0] == READY, "the gateway ready")
        return self._server()

    def down(self) -> None:
        """End it."""
        if self._supervisor is not None:
            self._supervisor.stop()
            self._show.processes.remove(self._supervisor)
            self._supervisor = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """It is there, as in a show."""
        self.up()
        yield

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """It stands still: its sockets are open, and nobody reads them."""
        server = self.up()
        server.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            server.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def absent(self) -> Iterator[None]:
        """It is not there."""
        self.down()
        yield

    @contextlib.contextmanager
    def restarting(self) -> Iterator[None]:
        """Its server is killed every second, and its supervisor starts another."""
        self.up()
        over = threading.Event()

        def kill() -> None:
            while not over.wait(KILL_EVERY_S):
                with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                    self._server().kill()

        killer = threading.Thread(target=kill, name="killer", daemon=True)
        self._server().kill()
        killer.start()
        try:
            yield
        finally:
            over.set()
            killer.join()

    def _server(self) -> psutil.Process:
        assert self._supervisor is not None
        return psutil.Process(self._supervisor.pid).children()[0]


State = Callable[[Sidecar], contextlib.AbstractContextManager[None]]
STATES: dict[str, State] = {
    "running": Sidecar.running,
    "stopped": Sidecar.stopped,
    "absent": Sidecar.absent,
    "restarting": Sidecar.restarting,
}


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process, all its threads and all below it on some cores (Linux)."""
    assert sys.platform == "linux", "asked for where CAN_PIN says no"
    process = psutil.Process(pid)
    for each in [process, *process.children(recursive=True)]:
        for thread in each.threads():
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.sched_setaffinity(thread.id, cores)
