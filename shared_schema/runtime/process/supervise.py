"""The small parent of a server: starts it, starts it again, and ends with it.

Rules
-----
* A server that ends while nobody asked the supervisor to end is started again: at once when a
  restart was requested, otherwise after the wait that `BackOff` says. That includes a server that
  ended with 0: somebody told it to, but under honcho the end of one process is the end of all.
* A server that ends with one of `exits.FINAL` has said in one line why it cannot start. If none
  has listened before, the supervisor ends with the same code: somebody watches a first start. Later
  it is trouble that may pass (a full disk, a port taken for a moment, a typing mistake in `.env`):
  it tries again with growing waits, and neither of them repeats itself meanwhile.
* Asked to end (SIGTERM, Ctrl-C, a request to stop, the end of honcho's shell on Windows), it asks
  the server to end, kills it after `CHILD_END_TIMEOUT_S`, and ends with 0.
* If the supervisor vanishes, the server notices by itself (`ending`).

honcho signals the whole process group, so the server may have ended before its supervisor has seen
its own signal: after an end that looks asked for, it waits `SETTLE_S` before it starts it again.
"""

import contextlib
import queue
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from shared_schema.runtime.process.child import BackOff, Child
from shared_schema.runtime.process.control import Control, NoSupervisor, Request, running
from shared_schema.runtime.process.ending import on_ending_signal, watch_shell
from shared_schema.runtime.process.exits import (
    ANOTHER_INSTANCE,
    CONFIGURATION,
    FINAL,
    OK,
    StartRefused,
    exit_code_of,
)
from shared_schema.runtime.process.output import start_output, write_line
from shared_schema.runtime.process.start_note import LISTENING, StartNote

# A little more than the server's own `ending.END_TIMEOUT_S`; honcho kills after 5 s.
CHILD_END_TIMEOUT_S: Final = 4.4
SETTLE_S: Final = 0.1
# Requests are looked for so often; and a signal may be delivered to a thread that is not waiting.
POLL_INTERVAL_S: Final = 0.25
# How long a supervisor that has just taken the lock may need for its run file.
RUN_FILE_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True)
class _Ended:
    child: Child


@dataclass(frozen=True)
class _EndRequested:
    pass


_Event = _Ended | _EndRequested


def supervise(package: str, *, run_dir: Path) -> int:
    """Run ``python -m <package>`` until asked to end; return the exit code. Main thread only.

    Parameters
    ----------
    run_dir
        Where the run file and the lock lie: one supervisor of a package for each such folder.
    """

    def run() -> int:
        with _only_one(package, run_dir):
            return _Supervisor(package, run_dir).run()

    return exit_code_of(run, name=f"supervise {package}")


@contextmanager
def _only_one(package: str, run_dir: Path) -> Iterator[None]:
    """Hold a lock that the operating system lets go of when this process dies.

    Raises
    ------
    StartRefused
        If another supervisor holds it, or if it cannot be made.
    """
    # No soft lock in its place: that would outlive a killed process.
    lock = FileLock(run_dir / f"{package}.lock", timeout=0, mode=0o600, fallback_to_soft=False)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise StartRefused(_taken(package, run_dir), ANOTHER_INSTANCE) from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StartRefused(f"cannot lock {lock.lock_file}: {reason}", CONFIGURATION) from error
    try:
        yield
    finally:
        lock.release()


def _taken(package: str, run_dir: Path) -> str:
    """Return what to say, and do, about the supervisor that holds the lock."""
    give_up_at = time.monotonic() + RUN_FILE_TIMEOUT_S
    pid = ""
    while not pid and time.monotonic() < give_up_at:
        try:
            pid = f" (pid {running(package, run_dir).supervisor_pid})"
        except NoSupervisor:
            time.sleep(POLL_INTERVAL_S)
    remedy = f"`python -m {package} stop` ends it"
    return f"another supervisor of {package}{pid} runs on {run_dir.as_posix()}; {remedy}"


class _Supervisor:
    """Only the main thread changes anything here; the others put events into its queue."""

    def __init__(self, package: str, run_dir: Path) -> None:
        self._package = package
        self._command = (sys.executable, "-m", package)
        self._control = Control(package, run_dir)
        # Its put() may be called by a signal handler that interrupts another put() or get().
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._back_off = BackOff()
        self._child: Child | None = None
        self._starts = 0
        self._ending = False
        self._restart_requested = False
        self._note = StartNote(run_dir / f"{package}.start")
        self._listening = False
        self._has_listened = False
        # Whether starts are refused at present, and with which reason the last one was.
        self._refusing = False
        self._refusal = ""
        self._start_at: float | None = None
        self._kill_at: float | None = None

    def run(self) -> int:
        start_output(
            "stdout", lambda count: self._say(f"{count} lines dropped: nobody was reading")
        )
        on_ending_signal(self._request_end)
        watch_shell(self._request_end)
        try:
            self._control.publish()
        except OSError as error:
            raise StartRefused(f"no run file: {error}", CONFIGURATION) from error
        try:
            self._start()
            return self._loop()
        finally:
            self._leave()

    def _say(self, line: str) -> None:
        write_line("stdout", f"supervise {self._package}: {line}")

    def _request_end(self) -> None:
        self._events.put(_EndRequested())

    def _loop(self) -> int:
        while True:
            code = self._handle(self._next_event())
            self._look_whether_it_listens()
            for request in self._control.requests():
                if code is None:
                    code = self._obey(request)
            if code is not None:
                return code
            now = time.monotonic()
            if self._kill_at is not None and now >= self._kill_at and self._child is not None:
                self._kill_at = None
                self._say(f"server did not end within {CHILD_END_TIMEOUT_S:g} s, killed")
                self._child.kill()
            if self._start_at is not None and now >= self._start_at:
                self._start()

    def _next_event(self) -> _Event | None:
        due = min(at for at in (self._kill_at, self._start_at, float("inf")) if at is not None)
        wait_s = min(max(due - time.monotonic(), 0.0), POLL_INTERVAL_S)
        try:
            return self._events.get(timeout=wait_s)
        except queue.Empty:
            return None

    def _handle(self, event: _Event | None) -> int | None:
        """Take one event in; return the exit code if it was the last."""
        match event:
            case _Ended(child):
                return self._ended(child)
            case _EndRequested():
                return self._end()
        return None

    def _obey(self, request: Request) -> int | None:
        """Do what a request file asks for; return the exit code if nothing is left to do."""
        if request.action == "stop":
            self._say("stop requested")
            return self._end()
        if self._ending or request.after_starts < self._starts:
            return None  # refused by the run file, or answered by it already
        self._say("restart requested")
        self._restart_requested = True
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
            self._say("ending")
            self._publish()
            self._ask_child_to_end(self._child)
        return None

    def _ask_child_to_end(self, child: Child) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + CHILD_END_TIMEOUT_S
            child.ask_to_end()

    def _ended(self, child: Child) -> int | None:
        self._look_whether_it_listens()
        self._child = None
        self._listening = False
        self._kill_at = None
        refused = child.exit_code in FINAL
        if not (self._refusing and refused):
            self._say(
                f"server ended pid={child.pid} {child.how_it_ended()} after {child.lived_s:.1f} s"
            )
        if self._ending:
            return OK
        if refused and not self._has_listened:
            return child.exit_code
        if refused:
            self._refused()
            return None
        self._refusing, self._refusal = False, ""
        if self._restart_requested:
            self._start()
            return None
        self._publish()
        wait_s = self._back_off.after(child.lived_s, killed=child.killed)
        if child.asked_from_outside:
            wait_s = max(wait_s, SETTLE_S)
        self._start_again_in(wait_s)
        return None

    def _refused(self) -> None:
        """Try again later; what is wrong was said by the server, and is said only once."""
        if not self._refusing:
            self._say("server refuses to start: trying again until it can")
        self._refusing, self._refusal = True, self._note.read()
        self._publish()
        self._start_at = time.monotonic() + self._back_off.after(0.0)

    def _look_whether_it_listens(self) -> None:
        if self._child is None or self._listening or self._note.read() != LISTENING:
            return
        self._listening = self._has_listened = True
        if self._refusing:
            self._refusing, self._refusal = False, ""
            self._say(f"server can start again pid={self._child.pid}")
        self._publish()

    def _start_again_in(self, wait_s: float) -> None:
        self._start_at = time.monotonic() + wait_s
        self._say(f"starting again in {wait_s:g} s" if wait_s else "starting again at once")

    def _start(self) -> None:
        self._start_at = None
        try:
            self._child = Child(
                self._command,
                environment=self._note.begin(self._refusal),
                on_end=lambda child: self._events.put(_Ended(child)),
            )
        except OSError as error:
            self._say(f"server could not be started: {error}")
            self._start_again_in(self._back_off.after(0.0))
            return
        self._starts += 1
        self._restart_requested = False
        if not self._refusing:
            self._say(f"server started pid={self._child.pid}")
        self._publish()

    def _publish(self) -> None:
        # What fails here is tried again by `Control.requests`; the server matters more.
        with contextlib.suppress(OSError):
            self._control.publish(
                server_pid=self._child.pid if self._child is not None else None,
                starts=self._starts,
                listening=self._listening,
                refusal=self._refusal,
                ending=self._ending,
            )

    def _leave(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.join()
        self._note.remove()
        self._control.close()
