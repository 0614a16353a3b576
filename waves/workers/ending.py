"""Ends a worker process in time: with its parent, and on SIGTERM."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Final

_EXIT_TERMINATED: Final = 128 + signal.SIGTERM
_EXIT_ORPHANED: Final = 3


def prepare_to_end() -> None:
    """Leave Ctrl-C to the parent, keep SIGTERM for `exit_on_sigterm`, and watch the parent.

    Called before any thread starts, since threads inherit the signal mask.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    exit_with_parent()


def exit_with_parent() -> None:
    """End this process, whatever it is doing, as soon as its parent is gone.

    A killed parent cannot end its children, and a busy worker does not read its pipe.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(_EXIT_ORPHANED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def exit_on_sigterm(before: Callable[[], None] | None = None) -> None:
    """End this process on SIGTERM, even in the middle of a long calculation; call `before` first.

    A Python signal handler runs in the main thread, and only between two of its steps. So SIGTERM
    is blocked in all threads (`prepare_to_end`), and one waits for it. A second one, from the
    process group after one from the parent, stays blocked and cannot cut this short.
    """
    if sys.platform == "win32":
        return  # Windows terminates processes from outside

    def watch() -> None:
        signal.sigwait({signal.SIGTERM})
        if before is not None:
            before()
        os._exit(_EXIT_TERMINATED)

    threading.Thread(target=watch, name="termination-watch", daemon=True).start()
