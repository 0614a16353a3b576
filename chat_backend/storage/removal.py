"""Removes the folders of sessions and recordings, and says what stays and why.

No link is followed. A link in a folder is removed, not what it points at; one in place of a folder
stays, as does whatever else is no folder: it is not ours.
"""

import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from shared_schema.layout import (
    HELD_INTERVAL_S,
    HELD_TIMEOUT_S,
    files_below,
    folders_below,
    is_folder,
    is_link,
)

LINK: Final = "is a link: remove it, and what it points at, by hand"
NO_FOLDER: Final = "is no folder: remove it by hand"
OPEN: Final = "is open elsewhere (TouchDesigner?): close it, then try again"


class Left(Struct, frozen=True):
    """Something that stays; its path followed by its reason is a sentence."""

    path: str
    reason: str


def remove_folders(folders: Sequence[Path], *, last: Path | None = None) -> tuple[Left, ...]:
    """Remove folders with all in them; the file `last` when nothing else is left. Blocks."""
    ours = [each for each in folders if is_folder(each)]
    foreign = [each for each in folders if each not in ours and os.path.lexists(each)]
    files = [path for folder in ours for path in files_below(folder) if path != last]
    held = _delete(files)
    if last is not None and last.parent in ours and not held:
        held = _delete([last])
    _remove_empty(ours, timeout_s=0.0 if held else HELD_TIMEOUT_S)
    left = {path: LINK if is_link(path) else NO_FOLDER for path in foreign} | held
    for folder in ours:
        if not held and (reason := _listing_failure(folder)):
            left[folder] = reason
    return tuple(Left(path.as_posix(), reason) for path, reason in left.items())


def _delete(files: Iterable[Path]) -> dict[Path, str]:
    """Delete files and links; return those that stay, with the reason.

    A scanner that has one open lets go within a second; TouchDesigner does not.
    """
    give_up_at = time.monotonic() + HELD_TIMEOUT_S
    while True:
        held = {path: reason for path in files if (reason := _deletion_failure(path))}
        if not held or time.monotonic() >= give_up_at:
            return held
        files = held
        time.sleep(HELD_INTERVAL_S)


def _deletion_failure(path: Path) -> str:
    """Delete a file or a link; return why it is not gone, or nothing."""
    try:
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            if not is_link(path):
                raise
            path.rmdir()  # a link to a folder, on Windows
    except OSError as error:
        if sys.platform == "win32" and isinstance(error, PermissionError):
            return OPEN
        return f"cannot be removed: {error.strerror or error}"
    return ""


def _remove_empty(folders: Sequence[Path], *, timeout_s: float) -> None:
    """Remove folders with nothing but folders in them, trying again while one is being listed."""
    give_up_at = time.monotonic() + timeout_s
    while True:
        for folder in folders:
            for path, _ in reversed(list(folders_below(folder))):
                with suppress(OSError):  # not empty, or being listed (Windows)
                    path.rmdir()
        if time.monotonic() >= give_up_at or not any(folder.exists() for folder in folders):
            return
        time.sleep(HELD_INTERVAL_S)


def _listing_failure(folder: Path) -> str:
    """Return why nobody knows what is left in a folder, or nothing: then it is empty, or gone."""
    for path, _ in folders_below(folder):
        try:
            os.scandir(path).close()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"has a folder that cannot be listed: {error.strerror or error}"
    return ""
