"""Whether the processes that are started keep their bytecode."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_REFUSED = "PYTHONDONTWRITEBYTECODE"
_FOLDER = "PYTHONPYCACHEPREFIX"


@contextlib.contextmanager
def bytecode(folder: Path | None) -> Iterator[None]:
    """Let what starts meanwhile keep its bytecode in a folder of its own; None: nowhere.

    What lies beside the sources is left alone: it may be missing, or not ours to write.
    """
    before = {name: os.environ.pop(name, None) for name in (_REFUSED, _FOLDER)}
    if folder is None:
        os.environ[_REFUSED] = "1"
    else:
        os.environ[_FOLDER] = str(folder)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
