"""Marks for tests of what only some systems have."""

import os
import stat
import sys
from pathlib import Path

import pytest


def posix(what: str) -> pytest.MarkDecorator:
    """Return the mark of tests that need something Windows lacks."""
    return pytest.mark.skipif(sys.platform == "win32", reason=f"Windows has no {what}")


def linux(what: str) -> pytest.MarkDecorator:
    """Return the mark of tests that need something only Linux has."""
    return pytest.mark.skipif(sys.platform != "linux", reason=f"only Linux has {what}")


def windows(what: str) -> pytest.MarkDecorator:
    """Return the mark of tests that need something only Windows has."""
    return pytest.mark.skipif(sys.platform != "win32", reason=f"only Windows has {what}")


SIGNALS = posix("SIGKILL, SIGSTOP and SIGTERM for other processes")
PIPES = posix("named pipes, which make a job wait")


def make_link(path: Path, target: Path) -> None:
    """Make a link; skip the test where that needs a privilege, or where Wine only says so."""
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("links need a privilege here")
    if not path.is_symlink():
        pytest.skip("Wine makes no links")


def make_junction(path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a junction, on Windows; Wine 8 cannot: there an empty folder says that it is one."""
    if sys.platform == "win32":
        import _winapi  # noqa: PLC0415  # no other system has it

        try:
            _winapi.CreateJunction(str(target), str(path))
        except OSError:
            path.mkdir(exist_ok=True)  # Wine has made the folder, and then failed
            real = Path.lstat

            def lstat(each: Path) -> os.stat_result:
                found = real(each)
                tag = {"st_reparse_tag": stat.IO_REPARSE_TAG_MOUNT_POINT}
                return os.stat_result(tuple(found), tag) if each == path else found

            monkeypatch.setattr(Path, "lstat", lstat)
