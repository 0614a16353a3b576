"""A file in which a server reports to its supervisor that it listens, or why it does not.

The file has a fixed size and is overwritten in place, so it can be written on a full disk, which is
one of the reasons. Its path is in the environment, with the last reason, so that the same reason is
not printed again at every attempt.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from shared_schema.small_files import content_of

# Not RR_ names: those are settings, and unknown ones stop the start.
NOTE: Final = "REFLECTIVE_START_NOTE"
LAST_REFUSAL: Final = "REFLECTIVE_LAST_REFUSAL"
NOTE_BYTES: Final = 4096
LISTENING: Final = "listening"


class StartNote:
    """The supervisor's side."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._begun = False

    def begin(self, last_refusal: str) -> dict[str, str]:
        """Write an empty note; return the variables for the next server's environment."""
        self._begun = False
        with contextlib.suppress(OSError):  # the server is started all the same
            with self._path.open("r+b" if self._path.exists() else "wb") as file:
                file.write(_padded(""))
            self._begun = True
        noted = {NOTE: str(self._path)} if self._begun else {}
        return {**noted, LAST_REFUSAL: last_refusal} if last_refusal else noted

    def read(self) -> str:
        """Return what the server wrote: `LISTENING`, a reason, or nothing yet."""
        if self._begun:
            with contextlib.suppress(OSError):
                return (
                    content_of(self._path, max_bytes=NOTE_BYTES).rstrip().decode("utf-8", "replace")
                )
        return ""

    def remove(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def note_listening() -> None:
    """Report that this server accepts requests; does nothing without a supervisor."""
    _note(LISTENING)
    os.environ.pop(NOTE, None)


def note_refusal(reason: str) -> bool:
    """Report why this start is refused; return whether the reason is a new one."""
    _note(reason)
    return reason != os.environ.get(LAST_REFUSAL)


def _note(text: str) -> None:
    path = os.environ.get(NOTE, "")
    if path:
        with contextlib.suppress(OSError), Path(path).open("r+b") as file:
            file.write(_padded(text))


def _padded(text: str) -> bytes:
    return text.encode()[:NOTE_BYTES].ljust(NOTE_BYTES)
