"""A lock that only one living process can hold; the operating system lets go of it at its death."""

import os
import sys
from pathlib import Path
from types import TracebackType

from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, CONFIGURATION, StartRefused

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class InstanceLock:
    """Held from entry to exit. The file stays: removing it would let two processes hold "it"."""

    def __init__(self, path: Path, *, taken: str) -> None:
        self._path = path
        self._taken = taken
        self._descriptor = -1

    def __enter__(self) -> "InstanceLock":
        """Take the lock.

        Raises
        ------
        StartRefused
            With the sentence `taken` if another process has it, or if the file cannot be made.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Python's descriptors are not inherited, so no child keeps the lock alive.
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            reason = f"cannot write {self._path}: {error.strerror}"
            raise StartRefused(reason, CONFIGURATION) from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise StartRefused(self._taken, ANOTHER_INSTANCE) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the lock."""
        os.close(self._descriptor)
