"""Log files of bounded size and number, in the folder `RR_LOG_DIR`, written by a thread."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from shared_schema.runtime.log.output import OnDropped, Output
from shared_schema.settings import Settings
from shared_schema.small_files import require_own

BYTES_PER_MB: Final = 1_000_000

# Called with the path and the reason.
OnFault = Callable[[str, str], None]


class LogFiles(Struct, frozen=True, kw_only=True):
    """Where the log files are, and how large and many each server's may become."""

    folder: Path
    max_bytes: int
    count: int

    @classmethod
    def of(cls, settings: Settings) -> "LogFiles | None":
        """Return what the settings ask for; None for no files."""
        if settings.log_dir is None:
            return None
        return cls(
            folder=settings.log_dir.absolute(),
            max_bytes=round(settings.log_file_max_mb * BYTES_PER_MB),
            count=settings.log_files_max,
        )

    def path(self, name: str) -> Path:
        """Return the newest file of a process, e.g. ``gateway`` or ``gateway-supervisor``."""
        return self.folder / f"{name}.log"

    def older(self, name: str) -> list[Path]:
        """Return where its older files are, the newest of them first."""
        return [self.folder / f"{name}.log.{number}" for number in range(1, self.count)]

    def open(self, name: str, on_dropped: OnDropped, on_fault: OnFault) -> Output:
        """Return a text stream into the file of a process; it never blocks and never fails.

        `on_fault` is called in the writing thread when lines begin to be lost, because the file
        cannot be written; each later line is tried.
        """
        return Output(_Rotating(self, name, on_fault).write, on_dropped)


class _Rotating:
    """Appends to a file; before it would be too large, it becomes the first of the older ones."""

    def __init__(self, files: LogFiles, name: str, on_fault: OnFault) -> None:
        self._files = files
        self._name = name
        self._on_fault = on_fault
        self._failing = False
        self._file: BinaryIO | None = None

    def write(self, data: memoryview) -> int:
        """Append a line. Blocks; after an OSError the next call tries again."""
        try:
            self._append(data)
        except OSError as error:
            self._close()
            # Once: what is said goes into this file as well.
            if not self._failing:
                self._failing = True
                path = error.filename2 or error.filename or self._files.path(self._name)
                self._on_fault(str(path), error.strerror or str(error))
            raise
        self._failing = False
        return len(data)

    def _append(self, data: memoryview) -> None:
        file = self._opened()
        if file.tell() and file.tell() + len(data) > self._files.max_bytes:
            self._rotate()
            file = self._opened()
        file.write(data)

    def _opened(self) -> BinaryIO:
        # Somebody may have removed the file.
        if self._file is not None and not os.fstat(self._file.fileno()).st_nlink:
            self._close()
        if self._file is None:
            path = self._files.path(self._name)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except FileExistsError:
                reason = "is no folder: make it one, or correct RR_LOG_DIR"
                raise NotADirectoryError(errno.ENOTDIR, reason, str(path.parent)) from None
            with suppress(FileNotFoundError):
                require_own(path)
            self._file = path.open("ab", buffering=0)
        return self._file

    def _rotate(self) -> None:
        self._close()
        newest, *older = [self._files.path(self._name), *self._files.older(self._name)]
        if not older:
            newest.unlink(missing_ok=True)
        for source, target in reversed(list(zip([newest, *older], older, strict=False))):
            if source.exists():
                source.replace(target)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
