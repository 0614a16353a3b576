"""What a process's exit code says, and how a refused start becomes one line and a code."""

from collections.abc import Callable
from typing import Final

from shared_schema.decoding import InvalidSetting
from shared_schema.runtime.process.output import write_line
from shared_schema.runtime.process.start_note import note_refusal

# Did what it was asked to do, ending on SIGTERM or Ctrl-C included.
OK: Final = 0
# Crashed, or had to be ended hard; the supervisor starts the server again.
FAILED: Final = 1
# Another process holds the port, the bus address, the outbox or the supervisor's lock.
ANOTHER_INSTANCE: Final = 75
# A setting is wrong or the machine does not allow what it asks for.
CONFIGURATION: Final = 78

# Before a first server has listened, starting again would only say the same thing again: the
# supervisor ends with the same code.
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
    """Return what `run` returns; a refusal becomes one line on stderr and its exit code."""
    try:
        return run()
    except InvalidSetting as error:
        _refuse(f"{name}: {error}")
        return CONFIGURATION
    except StartRefused as refused:
        _refuse(f"{name}: {refused}")
        return refused.exit_code


def say(line: str) -> None:
    """Write one line to stderr, for a person; a reader who has left is no trouble."""
    write_line("stderr", _one_line(line))


def _refuse(reason: str) -> None:
    """Say why the start is refused, unless the last server of this supervisor said the same."""
    line = _one_line(reason)
    if note_refusal(line):
        say(line)


def _one_line(text: str) -> str:
    return " ".join(text.split())
