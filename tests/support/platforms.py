"""Marks for tests of what only some systems have."""

import sys

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
