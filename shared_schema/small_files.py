"""Reads a small file whole, and makes those that are written in place.

Anybody with the keyboard may put something else there. What is no file is refused: reading a pipe
or a device may never end. Nor is anything written through a link: what it leads to is not ours.
"""

import contextlib
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
    raise UnfitFile(errno.EINVAL, f"is {kind}: put a file in its place, or remove it", str(path))


def require_own(path: Path) -> None:
    """Refuse what we must not write to: also a link, since what it leads to is not ours.

    Raises
    ------
    UnfitFile
        If it is a link, a folder, a pipe or a device.
    OSError
        If there is nothing, or it cannot be looked at.
    """
    if is_link(path):
        raise UnfitFile(errno.EINVAL, "is a link: remove it", str(path))
    require_regular(path)


def make_empty(path: Path) -> None:
    """Make an empty file; one that is there stays as it is.

    Raises
    ------
    UnfitFile
        If the name is taken by a link, or by what is no file.
    OSError
        If the folder is missing or cannot be written.
    """
    # Of all modes only "x" never follows a link.
    with contextlib.suppress(FileExistsError), path.open("x"):
        pass
    require_own(path)


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
