"""The house as it was before it was made faster, for figures that are ratios to then."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.document import ROOT

COMMIT: Final = "eb00a66"


@contextmanager
def checkout() -> Iterator[Path]:
    """Yield a folder with the repository at `COMMIT`, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="before-") as name:
        folder = Path(name) / COMMIT
        _git("worktree", "add", "--quiet", "--detach", str(folder), COMMIT)
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, cwd=ROOT)  # noqa: S607  # git is on the path
