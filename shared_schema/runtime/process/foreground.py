"""Runs the work of a command so that Ctrl-C and the end of its shell end it at once.

On Windows neither does while the main thread waits for a socket or a lock: Ctrl-C is noticed after
the wait, and honcho ends only the shell above the command. So the work is done in a thread, and
the main thread waits for it in short intervals.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

from shared_schema.runtime.process.ending import watch_shell

POLL_INTERVAL_S: Final = 0.2

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Foreground:
    """The main thread of a command.

    Its methods raise `KeyboardInterrupt` on Ctrl-C, and when the shell has ended (Windows).
    """

    def __init__(self) -> None:
        self._shell_ended = threading.Event()
        watch_shell(self._shell_ended.set)

    def run(
        self, work: Callable[[Callable[[Item], None]], Outcome], show: Callable[[Item], None]
    ) -> Outcome:
        """Do the work in a thread, and return what it returns or raise what it raises.

        `work` is called with a function for its results; `show` is called with each of them, in
        this thread.
        """
        items: queue.SimpleQueue[tuple[Item] | None] = queue.SimpleQueue()
        outcome: Future[Outcome] = Future()

        def finish() -> None:
            try:
                outcome.set_result(work(lambda item: items.put((item,))))
            except BaseException as error:
                outcome.set_exception(error)
            items.put(None)

        # It holds no lock of a stream, so the process can exit while it waits.
        threading.Thread(target=finish, name="work", daemon=True).start()
        while True:
            try:
                item = items.get(timeout=POLL_INTERVAL_S)
            except queue.Empty:
                self._check_shell()
                continue
            if item is None:
                return outcome.result()
            show(*item)

    def stay(self) -> None:
        """Wait until the command is ended."""
        while True:
            self._check_shell()
            time.sleep(POLL_INTERVAL_S)

    def _check_shell(self) -> None:
        if self._shell_ended.is_set():
            raise KeyboardInterrupt
