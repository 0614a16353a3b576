"""Which sessions have a folder, without reading all of them for every page that is opened."""

import os
import time
from heapq import nlargest
from pathlib import Path
from typing import Final

from shared_schema.ids import is_session_id

# A folder may change twice within one tick of its file system's clock (two seconds on FAT).
_TICK_NS: Final = 2_000_000_000


class SessionFolders:
    """The session folders below `root`: listed again only when one came or went.

    Of each folder the time is read once, as it is first seen.
    """

    def __init__(self, root: Path, *, look_back: int) -> None:
        self._root = root
        self._look_back = look_back
        self._since: dict[str, float] = {}
        self._newest: dict[str, float] = {}
        self._changed_ns = 0
        self._listed_ns = 0

    def newest(self) -> dict[str, float]:
        """Return the newest `look_back` sessions, each with its time in seconds since 1970."""
        try:
            changed_ns = self._root.stat().st_mtime_ns
            listed_ns = time.time_ns()
            if changed_ns != self._changed_ns or self._listed_ns - changed_ns < _TICK_NS:
                self._list()
                self._changed_ns, self._listed_ns = changed_ns, listed_ns
        except OSError:
            return {}
        return self._newest

    def _list(self) -> None:
        since: dict[str, float] = {}
        with os.scandir(self._root) as entries:
            for entry in entries:
                known = self._since.get(entry.name)
                if known is not None:
                    since[entry.name] = known
                elif is_session_id(entry.name):
                    since[entry.name] = entry.stat().st_mtime
        self._since = since
        newest = nlargest(self._look_back, since, key=since.__getitem__)
        self._newest = {session_id: since[session_id] for session_id in newest}
