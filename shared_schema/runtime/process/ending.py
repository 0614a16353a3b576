"""What makes a process stop, on every platform, and a deadline if it does not.

There are three causes: a signal; for a server, the end of its supervisor; for a supervisor or a
command, the end of the shell above it (Windows). After any of them there is a deadline.

The supervisor holds the write end of the server's stdin and never writes. End of file there means
that the supervisor is gone or wants the server to stop: the one signal that works in the same way
on every platform, even after a SIGKILL.
"""

import contextlib
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import PureWindowsPath
from types import FrameType
from typing import TYPE_CHECKING, Final

from shared_schema.runtime.log.output import drain_outputs
from shared_schema.runtime.process.exits import FAILED, print_line

if TYPE_CHECKING:
    import psutil

# From the request to stop to a forced exit. The supervisor waits a little longer.
END_TIMEOUT_S: Final = 4.0
# For writing the log line; the supervisor kills this process 0.4 s after the deadline.
DRAIN_TIMEOUT_S: Final = 0.2
# Not RR_ names: those are settings, and unknown ones stop the start.
SUPERVISED: Final = "REFLECTIVE_SUPERVISED"

SHELL: Final = "cmd"
# supervisor <- (venv launcher) <- (uv) <- cmd.exe, with one to spare.
SHELL_GENERATIONS_MAX: Final = 4

if sys.platform == "win32":
    ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
else:
    ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_deadline_set = threading.Lock()


def on_ending_signal(callback: Callable[[], None]) -> None:
    """Call `callback` on every SIGTERM and Ctrl-C from now on, until the process ends.

    The handlers are never restored: a second signal during shutdown must not cause a traceback.
    `callback` runs in the main thread, between two instructions.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        callback()

    for number in ENDING_SIGNALS:
        signal.signal(number, handle)


def end_within(timeout_s: float = END_TIMEOUT_S, *, name: str) -> None:
    """Force this process to exit after `timeout_s` if it has not exited by then; only once.

    A stuck thread, or a task that swallows its cancellation, would otherwise keep it alive
    forever.
    """
    # Never released: a process ends once.
    if not _deadline_set.acquire(blocking=False):
        return

    def end() -> None:
        time.sleep(timeout_s)
        print_line(f"{name}: shutdown not finished within {timeout_s:g} s, forced to exit")
        drain_outputs(DRAIN_TIMEOUT_S)
        # An error here must not keep the process from exiting.
        with contextlib.suppress(Exception):
            for worker in multiprocessing.active_children():
                worker.kill()
        os._exit(FAILED)

    threading.Thread(target=end, name="deadline", daemon=True).start()


def watch_supervisor(
    on_gone: Callable[[], None], *, grace_s: float = END_TIMEOUT_S, name: str = "server"
) -> threading.Thread | None:
    """Call `on_gone`, in a thread, when the supervisor is gone; force the exit `grace_s` later.

    Does nothing, and returns None, in a process that no supervisor started, in a worker process,
    and on a second call: the marker is removed from the environment, so descendants lack it.
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
    """Call `on_gone`, in a thread, when the shell or the honcho above this process has ended.

    Windows only: honcho runs each Procfile line through the shell. On POSIX it signals the whole
    process group; on Windows it terminates only ``cmd.exe``, and closing the window
    ends only honcho.
    """
    if sys.platform != "win32":
        return
    import psutil  # noqa: PLC0415  # the servers, which import this module, start without it

    with contextlib.suppress(psutil.Error):
        for process in shell_and_honcho(psutil.Process().parents()):
            _started(partial(_wait, process, on_gone), "shell-watch")


def shell_and_honcho(parents: "Iterable[psutil.Process]") -> "list[psutil.Process]":
    """Return the nearest ``cmd.exe`` above a process, and honcho's processes above that.

    The shell is looked for among the first `SHELL_GENERATIONS_MAX` of `parents`. honcho has a
    process for each line and one above; what else is above a shell, e.g. Explorer, may end.
    """
    above = iter(parents)
    for parent in itertools.islice(above, SHELL_GENERATIONS_MAX):
        if _program(parent) == SHELL:
            return [parent, *itertools.takewhile(_is_honcho, above)]
    return []


def _is_honcho(process: "psutil.Process") -> bool:
    return _program(process).startswith(("python", "honcho"))


def _program(process: "psutil.Process") -> str:
    """Return ``cmd`` for ``C:\\Windows\\system32\\cmd.exe``; nothing if it cannot be known."""
    import psutil  # noqa: PLC0415  # as above

    command: list[str] = []
    with contextlib.suppress(psutil.Error, OSError):  # another user's, e.g.
        command = process.cmdline()  # under Wine psutil cannot tell a process's name
    return PureWindowsPath(command[0].strip('"')).stem.lower() if command else ""


def _wait(process: "psutil.Process", on_gone: Callable[[], None]) -> None:
    try:
        process.wait()
    except Exception:  # it cannot be watched, which does not mean that it has ended
        return
    on_gone()


def _started(target: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _take_stdin() -> int:
    """Move the pipe to a private descriptor and put the null device in its place.

    Then no descendant inherits the pipe. On Windows a process that starts with a pipe on stdin
    would wait until another process has finished reading from it.
    """
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return pipe
