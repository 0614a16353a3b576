"""Removes half-written files of processes that were killed.

A writer removes its own partial file whatever happens to it, except when it is killed. So they are
looked for where a killed writer may have been: in a session whose wave job was lost, and, when the
backend starts, in the sessions that the process before may have had under way.
"""

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from heapq import nlargest
from typing import Final

from shared_schema.layout import (
    HEARING_ROOT,
    PARTIAL_SUFFIX,
    SESSION_ROOTS,
    SPEECH_ROOT,
    Artifacts,
    files_below,
)
from shared_schema.settings import Settings

# More than could be under way at once: running ones, and those whose wave jobs had not ended.
NEWEST: Final = 100
# See `moved_into_place`: a number for its name, which process writes it, and the suffix.
_PARTIAL: Final = re.compile(rf".+\.(\d+){re.escape(PARTIAL_SUFFIX)}\Z")


def swept(settings: Settings) -> tuple[str, ...]:
    """Return where a partial file of no living process may be taken for abandoned.

    Not where a cluster writes: whether a writer lives is known on its own machine only.
    """
    speech = (SPEECH_ROOT,) if settings.waves_executor == "dask" else SESSION_ROOTS
    return (*speech, HEARING_ROOT)


def sweep_session(
    artifacts: Artifacts, session_id: str, roots: Sequence[str] = SESSION_ROOTS
) -> int:
    """Remove a session's partial files that nobody writes; return how many. Blocks."""
    removed = 0
    for root in roots:
        for path in files_below(artifacts.root / root / session_id):
            match = _PARTIAL.match(path.name)
            if match is not None and not _lives(int(match[1])):
                with contextlib.suppress(OSError):  # gone, or (Windows) open in another program
                    path.unlink()
                    removed += 1
    return removed


def sweep_newest(artifacts: Artifacts, roots: Sequence[str] = SESSION_ROOTS) -> int:
    """Do so in the sessions that changed last, as many as may have been under way. Blocks."""
    sessions: dict[str, float] = {}
    for root in roots:
        with contextlib.suppress(OSError), os.scandir(artifacts.root / root) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    changed_at = entry.stat(follow_symlinks=False).st_mtime
                    sessions[entry.name] = max(changed_at, sessions.get(entry.name, 0.0))
    newest = nlargest(NEWEST, sessions, key=lambda session_id: sessions[session_id])
    return sum(sweep_session(artifacts, session_id, roots) for session_id in newest)


def _lives(pid: int) -> bool:
    """Return whether a process of this machine has that id."""
    try:
        if sys.platform == "win32":  # where `os.kill` would end it
            import psutil  # noqa: PLC0415  # the server starts without it

            return psutil.pid_exists(pid)
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
