"""Writes to stdout and stderr without blocking, even if they are not read or are closed.

A pipe is full after some 64 kB that are not read (a stopped honcho), and a console blocks its
writer while text in it is selected. So a thread writes from a bounded queue. What does not fit is
dropped and counted, and the count is reported once there is room again.
"""

import atexit
import contextlib
import io
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Literal

from shared_schema.foreign_text import shown, shown_lines

QUEUE_MAX_BYTES: Final = 1_048_576
# For the rest of the queue, when the process exits.
DRAIN_TIMEOUT_S: Final = 0.5

StreamName = Literal["stdout", "stderr"]
OnDropped = Callable[[int], None]
WriteSome = Callable[[memoryview], int]

_outputs: dict[StreamName, "Output"] = {}
_to_drain: list["Output"] = []


class OutputFailed(Exception):
    """A command's output cannot be written; the message is the reason."""


class Output(io.TextIOBase):
    """A buffer in front of a stream: `write` never blocks and never fails.

    Parameters
    ----------
    write_some
        Writes the beginning of its argument, and returns how many bytes; in a thread of its own.
    on_dropped
        Called in the writing thread with the number of dropped calls of `write`, once everything
        before them has been written.
    terminal
        Whether it is in front of a terminal.
    """

    def __init__(
        self, write_some: WriteSome, on_dropped: OnDropped, *, terminal: bool = False
    ) -> None:
        self._terminal = terminal
        self._write_some = write_some
        self._on_dropped = on_dropped
        self._changed = threading.Condition()
        self._queue: deque[bytes] = deque()
        # Queued or being written.
        self._bytes = 0
        self._dropped = 0
        if not _to_drain:
            atexit.register(drain_outputs)
        _to_drain.append(self)
        threading.Thread(target=self._run, name="output", daemon=True).start()

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether it is in front of a terminal."""
        return self._terminal

    def write(self, text: str) -> int:
        """Queue a text for writing, or count it as dropped."""
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            # Nothing is queued until dropped calls are reported: the report would come too late.
            if self._dropped or self._bytes + len(data) > QUEUE_MAX_BYTES:
                self._dropped += 1
            else:
                self._bytes += len(data)
                self._queue.append(data)
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread writes without delay."""

    def drain(self, timeout_s: float) -> None:
        """Wait until everything is written, but no longer than `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._bytes and not self._dropped, timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue)
                data = self._queue.popleft()
            # A closed stream must not stop the process.
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
    """Return the buffer for this process's stdout or stderr, which is made if there is none."""
    stream = getattr(sys, name)
    if not isinstance(stream, Output):
        terminal = stream is not None and stream.isatty()
        stream = Output(_unbuffered(stream), on_dropped, terminal=terminal)
    _outputs[name] = stream
    return stream


def drain_outputs(timeout_s: float = DRAIN_TIMEOUT_S) -> None:
    """Wait until everything is written, but no longer than `timeout_s` for each output."""
    for output in _to_drain:
        output.drain(timeout_s)


def write_line(name: StreamName, line: str) -> None:
    """Write one line, through the buffer if there is one; a closed stream is no error."""
    stream = _outputs.get(name) or getattr(sys, name)
    # stderr escapes characters that its encoding lacks, also in a Windows console.
    with contextlib.suppress(OSError, ValueError):
        stream.write(line + "\n")
        stream.flush()


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Turn an error of stdout into `OutputFailed`: a full disk, a device.

    A pipe that nobody reads any more is left to the command line library, which exits without a
    word.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would try again at its exit, and print a traceback.
        sys.stdout = io.StringIO()
        raise OutputFailed(error.strerror or str(error)) from error


def echo(line: str) -> None:
    """Print one line of a command's output, with what could control a terminal made visible."""
    with printing():
        print(shown(line), flush=True)  # noqa: T201  # the command's own output


def echo_document(text: str) -> None:
    """Print a text of several lines, with what could control a terminal made visible."""
    with printing():
        print(shown_lines(text), flush=True)  # noqa: T201  # the command's own output


def _unbuffered(stream: object) -> WriteSome:
    """Return a function that writes bytes to a stream, without a buffer that others may lock.

    A thread that holds such a lock when the interpreter exits makes it abort.
    """
    if stream is None:  # a program without a console (Windows)
        return len
    binary = getattr(stream, "buffer", None)
    raw = getattr(binary, "raw", binary)
    if raw is None:  # a stand-in for text only
        return lambda data: stream.write(bytes(data).decode()) and len(data)  # type: ignore[attr-defined]
    return lambda data: raw.write(data) or len(data)
