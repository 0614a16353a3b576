"""Files that are there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared_schema.layout import PARTIAL_SUFFIX


@contextmanager
def moved_into_place(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a name beside `path` to write to; on leaving, the file there becomes `path`.

    The folder is made if it is missing. After an exception nothing is left behind. With `sync` the
    bytes are on the disk before the name is: a power cut leaves no empty file under it.

    Raises
    ------
    OSError
        If the folder cannot be made or written, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    try:
        yield partial
        if sync:
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
