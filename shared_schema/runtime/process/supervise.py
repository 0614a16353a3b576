"""The small parent of a server: starts it, starts it again, and ends with it.

Rules
-----
* A server that ends while nobody asked the supervisor to end is started again: at once when a
  restart was asked for, otherwise after the wait that `backoff` says. That includes a server that
  ended with 0: somebody told it to, but under honcho the end of one process is the end of all.
* A server that ends with one of `exits.FINAL` has said in one line why it cannot start; the
  supervisor ends with the same code.
* Asked to end (SIGTERM, Ctrl-C, the end of honcho's shell on Windows), it asks the server to end,
  kills it after `PATIENCE_S`, and ends with 0.
* If the supervisor vanishes, the server notices by itself (`parent`).

honcho signals the whole process group, so the server may have ended before its supervisor has seen
its own signal: after an end that looks asked for, it waits `SETTLE_S` before it starts it again.
"""

import contextlib
import queue
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared_schema.runtime.process.ancestors import watch_shell
from shared_schema.runtime.process.backoff import BackOff
from shared_schema.runtime.process.child import Child
from shared_schema.runtime.process.control import (
    ControlServer,
    Restarted,
    RestartImpossible,
)
from shared_schema.runtime.process.exits import CONFIGURATION, FINAL, OK, StartRefused, exit_code_of
from shared_schema.runtime.process.lock import InstanceLock
from shared_schema.runtime.process.signals import on_ending_signal

# A little more than the server's own `deadline.END_WITHIN_S`; honcho kills after 5 s.
PATIENCE_S: Final = 4.4
SETTLE_S: Final = 0.1
# A signal may be delivered to a thread that is not waiting; the main thread looks this often.
LOOK_EVERY_S: Final = 0.25


@dataclass(frozen=True)
class _Ended:
    child: Child


@dataclass(frozen=True)
class _EndAsked:
    pass


@dataclass(frozen=True)
class _RestartAsked:
    answer: Future[Restarted]


_Event = _Ended | _EndAsked | _RestartAsked


def supervise(
    package: str,
    *,
    run_dir: Path,
    arguments: Sequence[str] = (),
    report: Callable[[str], None] | None = None,
) -> int:
    """Run ``python -m <package>`` until asked to end; return the exit code. Main thread only.

    Parameters
    ----------
    run_dir
        Where the run file and the lock lie: one supervisor of a package for each such folder.
    arguments
        What to add to the server's command line.
    report
        Gets one line for each start, end and restart. Default: stdout, flushed.
    """
    tell = report if report is not None else _tell_stdout

    def run() -> int:
        taken = f"another supervisor of {package} runs on {run_dir.as_posix()}"
        with InstanceLock(run_dir / f"{package}.lock", taken=taken):
            command = (sys.executable, "-m", package, *arguments)
            return _Supervisor(package, command, run_dir, tell).run()

    return exit_code_of(run, name=f"supervise {package}")


class _Supervisor:
    """Only the main thread changes anything here; the others put events into its queue."""

    def __init__(
        self, package: str, command: Sequence[str], run_dir: Path, tell: Callable[[str], None]
    ) -> None:
        self._package = package
        self._command = command
        self._run_dir = run_dir
        self._tell_whole_line = tell
        # Its put() may be called by a signal handler that interrupts another put() or get().
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._back_off = BackOff()
        self._child: Child | None = None
        self._last_pid: int | None = None
        self._ending = False
        self._answers: list[Future[Restarted]] = []
        self._start_at: float | None = None
        self._kill_at: float | None = None

    def run(self) -> int:
        on_ending_signal(self._ask_to_end)
        watch_shell(self._ask_to_end)
        try:
            self._control = ControlServer(self._package, self._run_dir, self._ask_to_restart)
        except OSError as error:
            raise StartRefused(f"no control port or run file: {error}", CONFIGURATION) from error
        try:
            self._start()
            return self._loop()
        finally:
            self._leave()

    def _tell(self, line: str) -> None:
        self._tell_whole_line(f"supervise {self._package}: {line}")

    def _ask_to_end(self) -> None:
        self._events.put(_EndAsked())

    def _ask_to_restart(self) -> Future[Restarted]:
        answer: Future[Restarted] = Future()
        self._events.put(_RestartAsked(answer))
        return answer

    def _loop(self) -> int:
        while True:
            code = self._handle(self._next_event())
            if code is not None:
                return code
            now = time.monotonic()
            if self._kill_at is not None and now >= self._kill_at and self._child is not None:
                self._kill_at = None
                self._tell(f"server did not end within {PATIENCE_S:g} s, killed")
                self._child.kill()
            if self._start_at is not None and now >= self._start_at:
                self._start()

    def _next_event(self) -> _Event | None:
        due = min(at for at in (self._kill_at, self._start_at, float("inf")) if at is not None)
        wait_s = min(max(due - time.monotonic(), 0.0), LOOK_EVERY_S)
        try:
            return self._events.get(timeout=wait_s)
        except queue.Empty:
            return None

    def _handle(self, event: _Event | None) -> int | None:
        """Take one event in; return the exit code if it was the last."""
        match event:
            case _Ended(child):
                return self._ended(child)
            case _EndAsked():
                return self._end()
            case _RestartAsked(answer) if self._ending:
                answer.set_exception(RestartImpossible("it is ending"))
            case _RestartAsked(answer):
                self._answers.append(answer)
                self._tell("restart asked for")
                if self._child is not None:
                    self._ask_child_to_end(self._child)
                else:
                    self._start()
        return None

    def _end(self) -> int | None:
        if self._child is None:
            return OK
        if not self._ending:
            self._ending = True
            self._tell("ending")
            self._ask_child_to_end(self._child)
        return None

    def _ask_child_to_end(self, child: Child) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + PATIENCE_S
            child.ask_to_end()

    def _ended(self, child: Child) -> int | None:
        self._child = None
        self._kill_at = None
        self._tell(
            f"server ended pid={child.pid} {child.how_it_ended()} after {child.lived_s:.1f} s"
        )
        if self._ending:
            return OK
        if child.exit_code in FINAL:
            return child.exit_code
        if self._answers:
            self._start()
            return None
        wait_s = self._back_off.after(child.lived_s, killed=child.killed)
        if child.asked_from_outside:
            wait_s = max(wait_s, SETTLE_S)
        self._start_again_in(wait_s)
        return None

    def _start_again_in(self, wait_s: float) -> None:
        self._start_at = time.monotonic() + wait_s
        self._tell(f"starting again in {wait_s:g} s" if wait_s else "starting again at once")

    def _start(self) -> None:
        self._start_at = None
        try:
            self._child = Child(self._command, on_end=lambda child: self._events.put(_Ended(child)))
        except OSError as error:
            self._tell(f"server could not be started: {error}")
            self._start_again_in(self._back_off.after(0.0))
            return
        old_pid, self._last_pid = self._last_pid, self._child.pid
        self._tell(f"server started pid={self._child.pid}")
        with contextlib.suppress(OSError):
            # Only the process id on record would be old; the server matters more.
            self._control.advertise(self._child.pid)
        for answer in self._answers:
            answer.set_result(Restarted(old_pid=old_pid, new_pid=self._child.pid))
        self._answers.clear()

    def _leave(self) -> None:
        for answer in self._answers:
            answer.set_exception(RestartImpossible("the server did not start again"))
        self._control.close()
        if self._child is not None:
            self._child.kill()
            self._child.join()


def _tell_stdout(line: str) -> None:
    # A reader who has left must not end what it no longer watches.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
