"""Refuses a start whose files would have longer paths than Windows allows.

Programs on Windows get 259 characters, unless a switch of the system is on and the program is made
for it. Python is.
"""

import contextlib
import sys
from pathlib import Path, PurePath
from typing import Final

from shared_schema.layout import Artifacts, longest_path_chars
from shared_schema.runtime.process.exits import CONFIGURATION, StartRefused

PATH_MAX_CHARS: Final = 259
SWITCH: Final = r"SYSTEM\CurrentControlSet\Control\FileSystem"
SWITCH_VALUE: Final = "LongPathsEnabled"


def require_short_paths(artifacts_dir: Path) -> None:
    """Check that the files of a session can be written below this folder.

    Raises
    ------
    StartRefused
        On Windows, if their paths are too long.
    """
    if sys.platform != "win32" or _long_paths_allowed():
        return
    reason = too_long(Artifacts(artifacts_dir).root)
    if reason is not None:
        raise StartRefused(reason, CONFIGURATION)


def too_long(root: PurePath) -> str | None:
    """Return why the artifacts folder's own path is too long, with the remedies; else None."""
    root_max = PATH_MAX_CHARS - 1 - longest_path_chars()
    if len(str(root)) <= root_max:
        return None
    return (
        f"RR_ARTIFACTS_DIR is {root}, a path of {len(str(root))} characters; Windows allows"
        f" {root_max}, so that the longest file name below it fits: set a shorter one, or switch"
        f" on long paths ({SWITCH_VALUE} = 1 in HKEY_LOCAL_MACHINE\\{SWITCH}) and restart"
    )


def _long_paths_allowed() -> bool:
    """Return whether the system's switch for long paths is on."""
    if sys.platform == "win32":
        import winreg  # noqa: PLC0415  # no other system has it

        with (
            contextlib.suppress(OSError),  # a Windows that is older than the switch
            winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, SWITCH) as key,
        ):
            return bool(winreg.QueryValueEx(key, SWITCH_VALUE)[0])
    return False
