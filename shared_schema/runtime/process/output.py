"""Lines for stdout and stderr whose reader may stop reading, or leave: nobody waits for it.

A pipe is full after some 64 kB that nobody reads (a stopped honcho), and a console holds its writer
while text in it is selected. So a thread writes, and takes what it is to write from a bounded
queue. What does not fit is dropped and counted, and the count is reported once there is room again.
"""

import atexit
import contextlib
import io
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

QUEUE_MAX_BYTES: Final = 1_048_576
# At the end of the process, for what was not written yet.
DRAIN_TIMEOUT_S: Final = 0.5

StreamName = Literal["stdout", "stderr"]
OnDropped = Callable[[int], None]

_outputs: dict[StreamName, "Output"] = {}


class Output(io.TextIOBase):
    """A stream in front of a stream: `write` never blocks and never fails.

    Parameters
    ----------
    on_dropped
        Called in the writing thread with the number of calls of `write` that were dropped, once
        everything before them has been written.
    """

    def __init__(self, stream: object, on_dropped: OnDropped) -> None:
        self._write_some = _unbuffered(stream)
        self._on_dropped = on_dropped
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        # Of what is queued and what is being written.
        self._bytes = 0
        self._dropped = 0
        threading.Thread(target=self._run, name="output", daemon=True).start()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Queue a text for writing, or count it as dropped."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            # While something was dropped nothing is queued: the count would stand at a wrong place.
            if self._dropped or self._bytes + len(data) > QUEUE_MAX_BYTES:
                self._dropped += 1
            else:
                self._bytes += len(data)
                self._queue.append(data)
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread writes as soon as it can."""

    def drain(self, timeout_s: float) -> None:
        """Wait until everything is written, but no longer than `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes and not self._dropped, timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                data = self._queue.popleft()
            # A reader who has left must not end what it no longer watches.
            with contextlib.suppress(OSError, ValueError):
                view = memoryview(data)
                while view:
                    view = view[self._write_some(view) :]
            with self._changed:
                self._bytes -= len(data)
                dropped = self._dropped if not self._queue else 0
                if dropped:
                    self._dropped = 0
                self._changed.notify_all()
            if dropped:
                self._on_dropped(dropped)


def start_output(name: StreamName, on_dropped: OnDropped) -> Output:
    """Return what writes to this process's stdout or stderr from now on."""
    output = Output(getattr(sys, name), on_dropped)
    if not _outputs:
        atexit.register(drain_outputs)
    _outputs[name] = output
    return output


def drain_outputs(timeout_s: float = DRAIN_TIMEOUT_S) -> None:
    """Wait until everything is written; a reader that does not read is not waited for."""
    for output in _outputs.values():
        output.drain(timeout_s)


def write_line(name: StreamName, line: str) -> None:
    """Write one line, by the thread if there is one; a reader who has left is no trouble."""
    stream = _outputs.get(name) or getattr(sys, name)
    # stderr escapes what its encoding lacks, in a Windows console too.
    with contextlib.suppress(OSError, ValueError):
        stream.write(line + "\n")
        stream.flush()


def _unbuffered(stream: object) -> Callable[[memoryview], int]:
    """Return what writes bytes to a stream, without a buffer that others may have locked.

    A thread that holds such a lock when the interpreter ends makes it abort.
    """
    if stream is None:  # a program without a console (Windows)
        return len
    binary = getattr(stream, "buffer", None)
    raw = getattr(binary, "raw", binary)
    if raw is None:  # a stand-in that knows text only
        return lambda data: stream.write(bytes(data).decode()) and len(data)  # type: ignore[attr-defined]
    return lambda data: raw.write(data) or len(data)
