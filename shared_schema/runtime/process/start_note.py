"""How a server tells its supervisor that it listens, or why it does not.

Its stdout is a pipe to the supervisor: unlike a file, it needs neither a folder nor room on a disk,
and the lack of either is a reason not to start.
"""

import contextlib
import os
import sys
from typing import Final

# In the environment of a server whose stdout is that pipe. Not an RR_ name: those are settings, and
# unknown ones stop the start.
NOTE: Final = "REFLECTIVE_START_NOTE"
LISTENING: Final = "listening"
# Fits into the empty pipe of any system, so a server can note it and exit whatever its supervisor
# does, and into the run file.
NOTE_MAX_BYTES: Final = 2000

_pipe: int | None = None


def take_note_pipe() -> None:
    """Move the pipe to a private descriptor, and let what is printed to stdout go to stderr.

    Then no descendant inherits the pipe, whose end tells the supervisor that the server has exited.
    Does nothing without a supervisor, or on a second call.
    """
    global _pipe  # noqa: PLW0603  # a process has one
    if os.environ.pop(NOTE, ""):
        _pipe = os.dup(1)
        try:
            os.dup2(2, 1)
        except OSError:  # a program without a console (Windows), or started with 2>&-
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.close(null)
        sys.stdout = sys.stderr


def note_listening() -> None:
    """Report that this server accepts requests; does nothing without a supervisor."""
    _note(LISTENING)


def note_refusal(reason: str) -> bool:
    """Report in one line why this start is refused; return whether a supervisor was told."""
    return _note(reason)


def _note(text: str) -> bool:
    take_note_pipe()
    if _pipe is not None:
        with contextlib.suppress(OSError):  # the supervisor is gone
            os.write(_pipe, text.encode("utf-8", "backslashreplace")[:NOTE_MAX_BYTES] + b"\n")
            return True
    return False
