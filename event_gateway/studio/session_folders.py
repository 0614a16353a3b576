"""Looks through the session folders for recordings, and reads only what has changed."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from shared_schema.ids import is_session_id
from shared_schema.layout import SESSION_ROOTS, SPEECH_ROOT

# A folder may change twice within one tick of its file system's clock (two seconds on FAT).
_TICK_NS: Final = 2_000_000_000

# When each of a session's folders changed, in nanoseconds since 1970; 0 for one that is not there.
State = tuple[int, ...]


class SessionFolders:
    """The session folders, listed again only after one was added or removed.

    The time of each is read once. One that was passed over stays so until it changes.
    """

    def __init__(self, artifacts: Path) -> None:
        self._artifacts = artifacts
        self._root = artifacts / SPEECH_ROOT
        self._since: dict[str, float] = {}
        self._passed: dict[str, State] = {}
        self._changed_ns = 0

    def newest(self) -> Iterator[tuple[str, float]]:
        """Yield the sessions, newest first, each with its time in seconds since 1970.

        Those that were passed over, and have not changed since, are left out.
        """
        try:
            now_ns, changed_ns = time.time_ns(), self._root.stat().st_mtime_ns
            if changed_ns != self._changed_ns:
                self._list()
                self._changed_ns = changed_ns if now_ns - changed_ns >= _TICK_NS else 0
        except OSError:
            return
        for session_id, at in self._since.items():
            passed = self._passed.get(session_id)
            if passed is None or passed != self.state(session_id):
                yield session_id, at

    def state(self, session_id: str) -> State | None:
        """Return a session's state; None if it changed a moment ago: it may do so unnoticed."""
        now_ns, state = time.time_ns(), []
        for root in SESSION_ROOTS:
            changed_ns = 0
            with suppress(OSError):
                changed_ns = os.lstat(f"{self._artifacts}/{root}/{session_id}").st_mtime_ns
            if abs(now_ns - changed_ns) < _TICK_NS:
                return None
            state.append(changed_ns)
        return tuple(state)

    def pass_over(self, session_id: str, state: State | None) -> None:
        """Leave a session out for as long as it is in this state, which was its before a look."""
        if state is not None:
            self._passed[session_id] = state

    def _list(self) -> None:
        with os.scandir(self._root) as entries:
            since = {
                entry.name: self._since.get(entry.name)
                or entry.stat(follow_symlinks=False).st_mtime
                for entry in entries
                if entry.name in self._since or is_session_id(entry.name)
            }
        self._since = dict(sorted(since.items(), key=lambda it: it[1], reverse=True))
        self._passed = {each: state for each, state in self._passed.items() if each in since}
