"""The project as it was before it was made faster, for figures that are ratios to then."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.document import ROOT
from tests.support.processes import System, system

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


@contextmanager
def servers(root: Path, **settings: object) -> Iterator[System]:
    """Yield an installation whose two servers are those of the checkout at `root`."""
    with (
        tempfile.TemporaryDirectory(prefix="session-") as folder,
        system(Path(folder), **settings) as show,
    ):
        if root != ROOT:
            del show.settings["RR_STT"]  # unknown then, so they would not start
        show.prepend_to_path(root)
        # Without the working directory, which would come first.
        gateway = show.start("gateway", "-P", "-m", "event_gateway")
        show.wait_ready(gateway, f"{show.gateway_url}/readyz")
        show.chat("-P", "-m", "chat_backend")
        yield show


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, cwd=ROOT)  # noqa: S607  # git is on the path
