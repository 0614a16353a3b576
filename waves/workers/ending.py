"""Ends a worker process in time: with its parent, and when that asks for it."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Final

# How a parent ends a worker. Not by SIGTERM, which honcho sends to the whole group: the pool
# would replace workers that end before the parent.
if sys.platform == "win32":
    END_SIGNAL: Final = signal.SIGTERM  # processes are terminated from outside
    NOT_INHERITED: Final = (signal.SIGINT,)
else:
    END_SIGNAL: Final = signal.SIGUSR1
    NOT_INHERITED: Final = (signal.SIGINT, signal.SIGTERM, END_SIGNAL)

_EXIT_TERMINATED: Final = 128 + END_SIGNAL
_EXIT_ORPHANED: Final = 3


def prepare_to_end() -> None:
    """Leave signals to the parent, and watch it.

    The signals are blocked since the process began (`Processes`); its threads inherit that.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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


def exit_on_request(before: Callable[[], None] | None = None) -> None:
    """End this process when its parent asks for it, even in a long calculation.

    `before` is called first. A Python signal handler runs in the main thread, and only between two
    of its steps. So the signal is blocked in all threads, and one waits for it.
    """
    if sys.platform == "win32":
        return  # Windows terminates processes from outside

    def watch() -> None:
        signal.sigwait({END_SIGNAL})
        if before is not None:
            before()
        os._exit(_EXIT_TERMINATED)

    threading.Thread(target=watch, name="termination-watch", daemon=True).start()
