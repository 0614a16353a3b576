"""The server process as a child of its supervisor, and the wait before its next start."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from shared_schema.runtime.process.ending import SUPERVISED
from shared_schema.runtime.process.start_note import LISTENING, NOTE

STABLE_UPTIME_S: Final = 1.0
FIRST_WAIT_S: Final = 0.25
LONGEST_WAIT_S: Final = 5.0


class Child:
    """One run of the server, started on construction.

    Attributes
    ----------
    pid : int
        Its process id; in a Windows virtual environment that of Python's launcher.
    exit_code : int or None
        None while it runs; negative is the number of the signal that ended it (POSIX).
    has_listened : bool
        Whether it has reported that it accepts requests.
    refusal : str
        Why it cannot start, if it has reported that.
    """

    def __init__(self, command: Sequence[str], *, on_end: Callable[["Child"], None]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,  # for `start_note`
            bufsize=0,
            env={**os.environ, SUPERVISED: "1", NOTE: "1"},
        )
        self._started = time.monotonic()
        self._on_end = on_end
        self.pid = self._process.pid
        self.exit_code: int | None = None
        self.has_listened = False
        self.refusal = ""
        self.uptime_s = 0.0
        self._waiter = threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True)
        self._waiter.start()

    def request_end(self) -> None:
        """Close its stdin, and send SIGTERM where there is one."""
        self._close_pipe()
        if sys.platform != "win32":
            self._process.terminate()

    def kill(self) -> None:
        """Kill it."""
        self._process.kill()

    def join(self) -> None:
        """Wait until it has exited and `on_end` was called."""
        self._waiter.join()

    @property
    def killed(self) -> bool:
        """Whether it was ended by SIGKILL, so not by a fault of its own."""
        return sys.platform != "win32" and self.exit_code == -signal.SIGKILL

    @property
    def stopped_from_outside(self) -> bool:
        """Whether it exited as if stopped by a signal or a request from outside."""
        return self.exit_code in {0, -signal.SIGTERM, -signal.SIGINT}

    def exit_description(self) -> str:
        """Return ``exit code 3`` or ``SIGKILL``."""
        if self.exit_code is None or self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        try:
            return signal.Signals(-self.exit_code).name
        except ValueError:
            return f"signal {-self.exit_code}"

    def _wait(self) -> None:
        # First, so that `on_end` sees everything that the server reported.
        self._read_notes()
        self.exit_code = self._process.wait()
        self.uptime_s = time.monotonic() - self._started
        self._close_pipe()
        self._on_end(self)

    def _read_notes(self) -> None:
        """Read what the server reports, until it exits."""
        if self._process.stdout is None:
            return
        with contextlib.suppress(OSError), self._process.stdout as notes:
            for line in notes:
                note = line.decode("utf-8", "replace").strip()
                if note == LISTENING:
                    self.has_listened = True
                else:
                    self.refusal = note

    def _close_pipe(self) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()


class BackOff:
    """The wait before the next start, which grows while starts keep failing.

    * It had run for `STABLE_UPTIME_S`: no wait, and the next short run counts as the first.
    * It was killed (SIGKILL is no fault of its own): `FIRST_WAIT_S`, however often, so that
      a gateway killed ten times in a row is back within 2 s each time.
    * Otherwise `FIRST_WAIT_S`, doubled after every further short run up to `LONGEST_WAIT_S`.
    """

    def __init__(self) -> None:
        self._next_wait_s = FIRST_WAIT_S

    def after(self, uptime_s: float, *, killed: bool = False) -> float:
        """Return the seconds to wait after a server that ran for `uptime_s` seconds."""
        if uptime_s >= STABLE_UPTIME_S:
            self._next_wait_s = FIRST_WAIT_S
            return 0.0
        if killed:
            return FIRST_WAIT_S
        wait_s = self._next_wait_s
        self._next_wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        return wait_s
