"""How a process learns that it is to end, on every platform, and what happens if it does not.

Four ways: a signal; the supervisor of a server gone; the shell above a supervisor gone (Windows);
and, last of all, a deadline after any of them.

The supervisor holds the write end of the server's stdin and never writes. End of file there means
that it is gone, or asks the server to end: the one signal that works the same on every platform,
after a SIGKILL too.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Final

from shared_schema.runtime.process.exits import FAILED, say
from shared_schema.runtime.process.output import drain_outputs

if TYPE_CHECKING:
    import psutil

# From being asked to end to ending hard. The supervisor waits a little longer.
END_TIMEOUT_S: Final = 4.0
# For the line that says so; the supervisor's patience ends 0.4 s after ours.
DRAIN_TIMEOUT_S: Final = 0.2
# Not RR_ names: those are settings, and unknown ones stop the start.
SUPERVISED: Final = "REFLECTIVE_SUPERVISED"

SHELL: Final = "cmd.exe"
# supervisor <- (venv launcher) <- (uv) <- cmd.exe, with one to spare.
SHELL_GENERATIONS_MAX: Final = 4

if sys.platform == "win32":
    ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
else:
    ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_deadline_set = threading.Lock()


def on_ending_signal(ask: Callable[[], None]) -> None:
    """Call `ask` on every SIGTERM and Ctrl-C from now on, until the process ends.

    The handlers are never put back: a second signal during the last moments must not turn an
    orderly end into a traceback. `ask` runs in the main thread, between two instructions.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        ask()

    for number in ENDING_SIGNALS:
        signal.signal(number, handle)


def end_within(timeout_s: float = END_TIMEOUT_S, *, name: str) -> None:
    """End this process hard after `timeout_s`, unless it has ended by itself; only once.

    A stuck thread, or a task that swallows its cancellation, would otherwise keep it alive for
    ever.
    """
    # Never released: a process ends once.
    if not _deadline_set.acquire(blocking=False):
        return

    def end() -> None:
        time.sleep(timeout_s)
        say(f"{name}: did not end within {timeout_s:g} s of being asked, ended hard")
        drain_outputs(DRAIN_TIMEOUT_S)
        # What may fail here must not keep the process from ending.
        with contextlib.suppress(Exception):
            for worker in multiprocessing.active_children():
                worker.kill()
        os._exit(FAILED)

    threading.Thread(target=end, name="deadline", daemon=True).start()


def watch_supervisor(
    on_gone: Callable[[], None], *, grace_s: float = END_TIMEOUT_S, name: str = "server"
) -> threading.Thread | None:
    """Call `on_gone`, in its own thread, when the supervisor is gone; end hard `grace_s` later.

    Does nothing, and returns None, in a process that no supervisor started, in a worker process,
    and on a second call: the marker is taken out of the environment, so descendants do not see it.
    """
    if not os.environ.pop(SUPERVISED, "") or multiprocessing.parent_process() is not None:
        return None
    pipe = _take_stdin()

    def watch() -> None:
        # os.read and not sys.stdin: a daemon thread that holds the buffered reader's lock when the
        # interpreter ends makes it abort.
        with contextlib.suppress(OSError):
            while os.read(pipe, 1024):
                pass
        end_within(grace_s, name=name)
        on_gone()

    return _started(watch, "supervisor-watch")


def watch_shell(on_gone: Callable[[], None]) -> None:
    """Call `on_gone`, in a thread, when the shell above this process or its parent has ended.

    Windows only: honcho runs each Procfile line through the shell. On POSIX it signals the whole
    process group; there it terminates ``cmd.exe`` and nothing else, and a window that is closed
    ends honcho alone.
    """
    if sys.platform != "win32":
        return
    import psutil  # noqa: PLC0415  # the servers, which import this module, start without it

    with contextlib.suppress(psutil.Error):
        shell = nearest_shell(psutil.Process().parents())
        for process in (shell, shell and shell.parent()):
            if process is not None:
                _started(partial(_wait, process, on_gone), "shell-watch")


def nearest_shell(parents: "Iterable[psutil.Process]") -> "psutil.Process | None":
    """Return the nearest ``cmd.exe`` among the first `SHELL_GENERATIONS_MAX` of `parents`."""
    for _, parent in zip(range(SHELL_GENERATIONS_MAX), parents, strict=False):
        if parent.name().lower() == SHELL:
            return parent
    return None


def _wait(process: "psutil.Process", on_gone: Callable[[], None]) -> None:
    try:
        process.wait()
    except Exception:  # it may not be watched, which is no sign of its end
        return
    on_gone()


def _started(target: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _take_stdin() -> int:
    """Move the pipe to a private descriptor and put the null device in its place.

    No descendant inherits the pipe then. On Windows that matters: one that starts with a pipe on
    stdin that another process reads from would wait for that read to end.
    """
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return pipe
