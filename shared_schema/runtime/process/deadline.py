"""The last resort: a process that was asked to end and does not."""

import contextlib
import multiprocessing
import os
import threading
import time
from typing import Final

from shared_schema.runtime.process.exits import FAILED, say

# From being asked to end to ending hard. The supervisor's patience is a little longer.
END_WITHIN_S: Final = 4.0

_armed = threading.Lock()


def end_within(seconds: float = END_WITHIN_S, *, name: str) -> None:
    """End this process hard after `seconds`, unless it has ended by itself; the first call counts.

    A stuck thread, or a task that swallows its cancellation, would otherwise keep it alive for
    ever.
    """
    # Never released: a process ends once.
    if not _armed.acquire(blocking=False):
        return

    def end() -> None:
        time.sleep(seconds)
        say(f"{name}: did not end within {seconds:g} s of being asked, ended hard")
        # What may fail here must not keep the process from ending.
        with contextlib.suppress(Exception):
            for worker in multiprocessing.active_children():
                worker.kill()
        os._exit(FAILED)

    threading.Thread(target=end, name="deadline", daemon=True).start()
