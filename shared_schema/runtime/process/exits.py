"""What a process's exit code says, and how a refused start becomes one line and a code."""

import contextlib
import sys
from collections.abc import Callable
from typing import Final

from shared_schema.decoding import InvalidSetting

# Did what it was asked to do, ending on SIGTERM or Ctrl-C included.
OK: Final = 0
# Broke, or had to be ended hard; the supervisor starts the server again.
FAILED: Final = 1
# Another process holds the port, the bus address, the outbox or the supervisor's lock.
ANOTHER_INSTANCE: Final = 75
# A setting is wrong or the machine does not allow what it asks for.
CONFIGURATION: Final = 78

# Starting again would only say the same thing again: the supervisor ends with the same code.
FINAL: Final = frozenset({ANOTHER_INSTANCE, CONFIGURATION})


class StartRefused(Exception):
    """A start that cannot succeed, and whose reason is one line for the person who tried.

    Attributes
    ----------
    exit_code : int
        What the process ends with.
    """

    def __init__(self, message: str, exit_code: int = CONFIGURATION) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def exit_code_of(run: Callable[[], int], *, name: str) -> int:
    """Return what `run` returns; a refusal is told in one line on stderr and becomes its code."""
    try:
        return run()
    except InvalidSetting as error:
        say(f"{name}: {error}")
        return CONFIGURATION
    except StartRefused as refused:
        say(f"{name}: {refused}")
        return refused.exit_code


def say(line: str) -> None:
    """Write one line to stderr, for a person, at once; a reader who has left is no trouble."""
    # stderr escapes what its encoding lacks, in a Windows console too.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(" ".join(line.split()) + "\n")
        sys.stderr.flush()
