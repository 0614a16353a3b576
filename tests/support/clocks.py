"""A wall clock that a test sets, for every Python process that it starts."""

from tests.support.processes import System

# `site` imports it at the start of each process. Files keep their true times.
_SHIM = """
import os
import time

_FILE = os.path.join(os.path.dirname(__file__), "ahead_s")
_LOOK_EVERY_S = 0.02
_time, _time_ns, _monotonic = time.time, time.time_ns, time.monotonic
_looked_at, _ahead_s = -1.0, 0.0


def _ahead():
    global _looked_at, _ahead_s
    now = _monotonic()
    if now - _looked_at >= _LOOK_EVERY_S:
        _looked_at = now
        try:
            with open(_FILE, encoding="ascii") as file:
                _ahead_s = float(file.read() or _ahead_s)
        except OSError:
            pass
    return _ahead_s


time.time = lambda: _time() + _ahead()
time.time_ns = lambda: _time_ns() + int(_ahead() * 1e9)
"""


class ShiftedClock:
    """The wall clock of an installation's processes, those that run and those to come."""

    def __init__(self, show: System) -> None:
        folder = show.folder / "shim"
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(_SHIM, "utf-8")
        self._file = folder / "ahead_s"
        show.prepend_to_path(folder)

    def set_ahead(self, seconds: float) -> None:
        """Let the clock be that far ahead of the true one; negative: behind."""
        partial = self._file.with_suffix(".new")
        partial.write_text(str(seconds), "ascii")
        partial.replace(self._file)
