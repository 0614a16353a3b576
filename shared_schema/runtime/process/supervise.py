"""The small parent process of a server: starts it, restarts it, and stops with it.

Rules
-----
* A server that exits while the supervisor is not stopping is started again: immediately if a
  restart was requested, otherwise after the wait of `BackOff`. This includes exit code 0: it was
  stopped from outside, but under honcho the end of one process would be the end of all.
* A server that exits with one of `exits.FINAL` has reported why it cannot start (`start_note`). The
  supervisor prints the reason, unless it was the last one as well. If none has listened before, the
  supervisor exits with the same code: a first start is watched. Later the cause may pass (a full
  disk, a port taken for a moment, a typo in `.env`): it tries again with growing waits.
* To stop (SIGTERM, Ctrl-C, a request, the end of honcho's shell on Windows), it stops the server,
  kills it after `CHILD_END_TIMEOUT_S`, and exits with 0.
* If the supervisor dies, the server detects it (`ending`).

honcho signals the whole process group, so the server may have exited before its supervisor receives
the signal: after an exit that looks like this, it waits `SETTLE_S` before the next start.
"""

import contextlib
import queue
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from shared_schema.foreign_text import shown
from shared_schema.ids import timestamp
from shared_schema.runtime.log.output import Output, start_output, write_line
from shared_schema.runtime.process.child import BackOff, Child
from shared_schema.runtime.process.control import Control, Request, RequestFailed, running
from shared_schema.runtime.process.ending import on_ending_signal, watch_shell
from shared_schema.runtime.process.exits import (
    ANOTHER_INSTANCE,
    FINAL,
    OK,
    StartRefused,
    exit_code_of,
)

# A little more than the server's own `ending.END_TIMEOUT_S`; honcho kills after 5 s.
CHILD_END_TIMEOUT_S: Final = 4.4
SETTLE_S: Final = 0.1
# For requests, and because a signal may be delivered to a thread that is not waiting.
POLL_INTERVAL_S: Final = 0.25
# How long a supervisor that has just taken the lock may need for its run file.
RUN_FILE_TIMEOUT_S: Final = 1.0


def supervise(package: str, *, run_dir: Path, log: Output | None = None) -> int:
    """Run ``python -m <package>`` until stopped; return the exit code. Main thread only.

    Parameters
    ----------
    run_dir
        The folder of the run file and the lock, with one supervisor for each package.
    log
        Where its lines go, besides stdout.
    """

    def run() -> int:
        with _exclusive_lock(package, run_dir):
            return _Supervisor(package, run_dir, log).run()

    return exit_code_of(run, name=f"supervise {package}")


@contextmanager
def _exclusive_lock(package: str, run_dir: Path) -> Iterator[None]:
    """Hold a lock that the operating system releases when this process dies.

    Raises
    ------
    StartRefused
        If another supervisor holds it, or if it cannot be made.
    """
    # No soft lock instead: it would outlive a killed process.
    lock = FileLock(run_dir / f"{package}.lock", timeout=0, mode=0o600, fallback_to_soft=False)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StartRefused(_lock_held_message(package, run_dir), ANOTHER_INSTANCE) from None
    except OSError as error:
        raise _unusable(run_dir, error) from error
    try:
        yield
    finally:
        lock.release()


def _unusable(run_dir: Path, error: OSError) -> StartRefused:
    """Return the refusal for a folder where no file can be made or locked, with the remedy."""
    remedy = "set RR_ARTIFACTS_DIR to a writable folder on a local disk that is not full"
    return StartRefused(f"cannot make or lock files in {run_dir} ({error}): {remedy}")


def _lock_held_message(package: str, run_dir: Path) -> str:
    """Return the message about the supervisor that holds the lock, with the remedy."""
    give_up_at = time.monotonic() + RUN_FILE_TIMEOUT_S
    pid = ""
    while not pid and time.monotonic() < give_up_at:
        try:
            pid = f" (pid {running(package, run_dir).supervisor_pid})"
        except RequestFailed:
            time.sleep(POLL_INTERVAL_S)
    remedy = f"`python -m {package} stop` stops it"
    return f"another supervisor of {package}{pid} runs on {run_dir.as_posix()}; {remedy}"


class _Supervisor:
    """State for the main thread only; other threads put calls for it into a queue."""

    def __init__(self, package: str, run_dir: Path, log: Output | None) -> None:
        self._package = package
        self._log = log
        self._run_dir = run_dir
        self._command = (sys.executable, "-m", package)
        self._control = Control(package, run_dir)
        # Calls that return the exit code if the supervisor is done. A signal handler may call put()
        # while it interrupts another put() or get().
        self._calls: queue.SimpleQueue[Callable[[], int | None]] = queue.SimpleQueue()
        self._back_off = BackOff()
        self._child: Child | None = None
        self._starts = 0
        self._ending = False
        self._restart_requested = False
        self._listening = False
        self._has_listened = False
        # Whether starts are being refused, and the last reason.
        self._refusing = False
        self._refusal = ""
        self._start_at: float | None = None
        self._kill_at: float | None = None

    def run(self) -> int:
        start_output(
            "stdout", lambda count: self._print(f"{count} lines dropped: the log was not read")
        )
        on_ending_signal(self._request_end)
        watch_shell(self._request_end)
        try:
            self._control.publish()
        except OSError as error:
            raise _unusable(self._run_dir, error) from error
        try:
            self._start()
            return self._loop()
        finally:
            self._clean_up()

    def _print(self, line: str) -> None:
        self._write(f"supervise {self._package}: {line}")

    def _write(self, line: str) -> None:
        line = shown(line)
        write_line("stdout", line)
        if self._log is not None:
            self._log.write(f"{timestamp(time.time())} {line}\n")

    def _request_end(self) -> None:
        self._calls.put(self._end)

    def _loop(self) -> int:
        while True:
            code = self._next_call()()
            self._check_listening()
            for request in self._control.requests():
                if code is None:
                    code = self._handle_request(request)
            if code is not None:
                return code
            now = time.monotonic()
            if self._kill_at is not None and now >= self._kill_at and self._child is not None:
                self._kill_at = None
                self._print(f"server did not exit within {CHILD_END_TIMEOUT_S:g} s, killed")
                self._child.kill()
            if self._start_at is not None and now >= self._start_at:
                self._start()

    def _next_call(self) -> Callable[[], int | None]:
        due = min(at for at in (self._kill_at, self._start_at, float("inf")) if at is not None)
        wait_s = min(max(due - time.monotonic(), 0.0), POLL_INTERVAL_S)
        try:
            return self._calls.get(timeout=wait_s)
        except queue.Empty:
            return lambda: None

    def _handle_request(self, request: Request) -> int | None:
        """Handle a request; return the exit code if the supervisor is done."""
        if request.action == "stop":
            self._print("stop requested")
            return self._end()
        if self._ending or request.after_starts < self._starts:
            return None  # the run file shows the refusal, or a later start
        self._print("restart requested")
        self._restart_requested = True
        if self._child is not None:
            self._request_child_end(self._child)
        else:
            self._start()
        return None

    def _end(self) -> int | None:
        if self._child is None:
            return OK
        if not self._ending:
            self._ending = True
            self._print("ending")
            self._publish()
            self._request_child_end(self._child)
        return None

    def _request_child_end(self, child: Child) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + CHILD_END_TIMEOUT_S
            child.request_end()

    def _ended(self, child: Child) -> int | None:
        self._check_listening()
        self._child = None
        self._listening = False
        self._kill_at = None
        refused = child.exit_code in FINAL
        if refused and child.refusal not in {"", self._refusal}:
            self._write(child.refusal)
        if not (self._refusing and refused):
            self._print(
                f"server ended pid={child.pid} {child.exit_description()}"
                f" after {child.uptime_s:.1f} s"
            )
        if self._ending:
            return OK
        if refused and not self._has_listened:
            return child.exit_code
        if refused:
            self._retry_refused_start(child.refusal)
            return None
        self._refusing, self._refusal = False, ""
        if self._restart_requested:
            self._start()
            return None
        self._publish()
        wait_s = self._back_off.after(child.uptime_s, killed=child.killed)
        if child.stopped_from_outside:
            wait_s = max(wait_s, SETTLE_S)
        self._schedule_start(wait_s)
        return None

    def _retry_refused_start(self, reason: str) -> None:
        if not self._refusing:
            self._print("server refuses to start: trying again until it can")
        self._refusing, self._refusal = True, reason
        self._publish()
        self._start_at = time.monotonic() + self._back_off.after(0.0)

    def _check_listening(self) -> None:
        if self._child is None or self._listening or not self._child.has_listened:
            return
        self._listening = self._has_listened = True
        if self._refusing:
            self._refusing, self._refusal = False, ""
            self._print(f"server can start again pid={self._child.pid}")
        self._publish()

    def _schedule_start(self, wait_s: float) -> None:
        self._start_at = time.monotonic() + wait_s
        self._print(f"starting again in {wait_s:g} s" if wait_s else "starting again at once")

    def _start(self) -> None:
        self._start_at = None
        try:
            self._child = Child(
                self._command,
                on_end=lambda child: self._calls.put(partial(self._ended, child)),
            )
        except OSError as error:
            self._print(f"server could not be started: {error}")
            self._schedule_start(self._back_off.after(0.0))
            return
        self._starts += 1
        self._restart_requested = False
        if not self._refusing:
            self._print(f"server started pid={self._child.pid}")
        self._publish()

    def _publish(self) -> None:
        # After a failure `Control.requests` tries again; the server matters more.
        with contextlib.suppress(OSError):
            self._control.publish(
                server_pid=self._child.pid if self._child is not None else None,
                starts=self._starts,
                listening=self._listening,
                refusal=self._refusal,
                ending=self._ending,
            )

    def _clean_up(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.join()
        self._control.close()
