"""A server ends when the supervisor that started it vanishes, however that happened.

The supervisor holds the write end of the server's stdin and never writes. End of file there means
that it is gone, or asks the server to end: the one signal that works the same on every platform,
after a SIGKILL too.
"""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Final

from shared_schema.runtime.process.deadline import END_WITHIN_S, end_within

# Not an RR_ name: those are settings, and unknown ones stop the start.
MARKER: Final = "REFLECTIVE_PARENT_PIPE"
MARKED: Final = "1"


def watch_parent(
    on_gone: Callable[[], None], *, grace_s: float = END_WITHIN_S, name: str = "server"
) -> threading.Thread | None:
    """Call `on_gone`, in its own thread, when the supervisor is gone; end hard `grace_s` later.

    Does nothing, and returns None, in a process that no supervisor started, in a worker process,
    and on a second call: the marker is taken out of the environment, so descendants do not see it.
    """
    if os.environ.pop(MARKER, "") != MARKED or multiprocessing.parent_process() is not None:
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

    thread = threading.Thread(target=watch, name="parent-watch", daemon=True)
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
