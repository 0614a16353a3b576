"""Reads a small file whole. What is no file is refused: reading a pipe or a device may never end.

Anybody with the keyboard may put one there, or a link to one.
"""

import errno
import stat
from pathlib import Path

from shared_schema.layout import is_link


class UnfitFile(OSError):
    """What has the name cannot be read whole; `strerror` is the reason, with the remedy."""


def require_regular(path: Path) -> None:
    """Refuse what is no file and has no end; links are followed.

    Raises
    ------
    UnfitFile
        If it is a folder, a pipe or a device.
    OSError
        If there is nothing, or it cannot be looked at.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return
    kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
    raise UnfitFile(errno.EINVAL, f"is {kind}: put a file in its place, or remove it")


def content_of(path: Path, *, max_bytes: int) -> bytes:
    """Return the content of a file; links are followed.

    Raises
    ------
    UnfitFile
        If it is no file, larger than `max_bytes`, or a link that leads nowhere.
    OSError
        If there is nothing, or it cannot be read.
    """
    try:
        require_regular(path)
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError:
        if is_link(path) and not path.exists():
            reason = "is a link that leads nowhere: correct or remove it"
            raise UnfitFile(errno.ENOENT, reason) from None
        raise
    if len(content) > max_bytes:
        raise UnfitFile(errno.EFBIG, f"is larger than {max_bytes:,} bytes: shorten or remove it")
    return content
