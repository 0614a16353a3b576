"""What a run left behind: half-written files, recordings, temporary files, and its logs."""

import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from benchmarks.report import table, verdict
from benchmarks.soak.show import Show
from shared_schema.layout import HEARING_ROOT, PARTIAL_SUFFIX

_TRACEBACK: Final = "Traceback (most recent call last)"
_WARNING: Final = re.compile(r" (?:warning|error) +(\w+) +(.*?)(?:  |$)")
_SHOWN: Final = 20


class Remains:
    """Looks at an installation when its show is over; `before` is what its temp folder held."""

    def __init__(self, show: Show, before: set[Path]) -> None:
        self._show = show
        partial = [
            path
            for path in show.artifacts.rglob("*")
            if PARTIAL_SUFFIX in path.name or path.name.startswith(".")
        ]
        new = sorted(set(show.temporary.rglob("*")) - before)
        recordings = list((show.artifacts / HEARING_ROOT).rglob("*"))
        left = partial + new + recordings
        self.files = [path.relative_to(show.folder).as_posix() for path in left]
        self.log = show.log.read_text("utf-8", errors="replace")
        self._lines = self.log.splitlines()
        self.tracebacks = [place for place, line in enumerate(self._lines) if _TRACEBACK in line]

    @property
    def wrong(self) -> bool:
        """Whether anything is there that should not be."""
        return bool(self.files or self.tracebacks)

    @property
    def text(self) -> str:
        """The warnings and errors, and what was left."""
        lines = [_warnings(self._lines), ""]
        lines.append(
            f"Files left half-written, or more in the temp folder: {none(len(self.files))}"
        )
        lines += [f"* {path}" for path in self.files[:_SHOWN]]
        lines.append(f"Tracebacks in the logs: {none(len(self.tracebacks))}")
        for place in self.tracebacks[:5]:
            lines += [f"    {line}" for line in self._lines[place : place + 25]]
        return "\n".join(lines)

    def keep_log(self, name: str) -> None:
        """Keep the log in the system's temp folder, and say so."""
        kept = Path(tempfile.gettempdir()) / name
        shutil.copy(self._show.log, kept)
        print(f"The log is kept as {kept}.")


def none(count: int) -> str:
    """Return a number that must be 0, with its verdict."""
    return f"{count}, {verdict(count, 0)}"


def _warnings(log: list[str]) -> str:
    found = Counter(
        f"{match[1]}: {match[2]}" for line in log if (match := _WARNING.search(line)) is not None
    )
    return table(("warnings and errors in the logs", "count"), found.most_common(15))
