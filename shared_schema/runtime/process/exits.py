"""Exit codes, and how a refused start becomes one line and a code."""

from collections.abc import Callable
from typing import Final

from shared_schema.decoding import InvalidSetting
from shared_schema.foreign_text import shown
from shared_schema.runtime.log.output import OutputFailed, write_line
from shared_schema.runtime.process.start_note import note_refusal

# Success; also after SIGTERM or Ctrl-C.
OK: Final = 0
# Crashed, or was forced to exit; the supervisor starts the server again.
FAILED: Final = 1
# Another process holds the port, the bus address, the outbox or the supervisor's lock.
ANOTHER_INSTANCE: Final = 75
# A setting is wrong, or the machine does not allow it.
CONFIGURATION: Final = 78

# If no server has listened yet, another start would fail in the same way: the supervisor exits with
# the same code.
FINAL: Final = frozenset({ANOTHER_INSTANCE, CONFIGURATION})


class StartRefused(Exception):
    """A start that cannot succeed; the message is one line with the reason.

    Attributes
    ----------
    exit_code : int
        The code with which the process exits.
    """

    def __init__(self, message: str, exit_code: int = CONFIGURATION) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def exit_code_of(run: Callable[[], int], *, name: str) -> int:
    """Return what `run` returns; a refusal becomes one line (`_refuse`) and its exit code.

    So does output that cannot be written.
    """
    try:
        return run()
    except InvalidSetting as error:
        _refuse(f"{name}: {error}")
        return CONFIGURATION
    except StartRefused as refused:
        _refuse(f"{name}: {refused}")
        return refused.exit_code
    except OutputFailed as failed:
        print_line(f"{name}: the output cannot be written: {failed}")
        return FAILED


def print_line(line: str) -> None:
    """Write one line to stderr; a closed stderr is no error."""
    write_line("stderr", _one_line(line))


def _refuse(reason: str) -> None:
    """Say why the start is refused: to the supervisor, which prints it once, else on stderr."""
    line = _one_line(reason)
    if not note_refusal(line):
        print_line(line)


def _one_line(text: str) -> str:
    return shown(" ".join(text.split()))
