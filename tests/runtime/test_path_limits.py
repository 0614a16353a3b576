"""A folder too deep for Windows is refused at the start, and one that is not is used."""

import os
import subprocess
import sys
from pathlib import Path, PureWindowsPath

from shared_schema.layout import PARTIAL_SUFFIX, longest_path_chars, moved_into_place
from shared_schema.runtime.process.exits import CONFIGURATION
from shared_schema.runtime.process.path_limits import PATH_MAX_CHARS, too_long
from tests.support.platforms import windows

from .toys import ROOT

ROOT_MAX = PATH_MAX_CHARS - 1 - longest_path_chars()


def test_the_longest_folder_leaves_room_for_the_longest_file() -> None:
    just_fits = PureWindowsPath("C:/" + "x" * (ROOT_MAX - 3))
    assert too_long(just_fits) is None
    reason = too_long(just_fits.with_name(just_fits.name + "x"))
    assert reason is not None
    for part in ("RR_ARTIFACTS_DIR", f"{ROOT_MAX + 1} characters", "LongPathsEnabled"):
        assert part in reason


def test_a_file_that_is_being_written_has_no_longer_name_than_the_longest(tmp_path: Path) -> None:
    name = "x" * 80
    with moved_into_place(tmp_path / name) as partial:
        partial.write_bytes(b"x")
        assert len(partial.name) < 30
        assert partial.suffix == PARTIAL_SUFFIX
    assert (tmp_path / name).read_bytes() == b"x"


@windows("a limit on paths")
def test_a_folder_that_is_too_deep_stops_the_start_with_one_line(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 30)
    done = subprocess.run(
        [sys.executable, "-m", "event_gateway"],
        cwd=ROOT,
        env={**os.environ, "RR_ARTIFACTS_DIR": str(deep)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == CONFIGURATION
    (line,) = done.stderr.splitlines()
    assert line.startswith("gateway: RR_ARTIFACTS_DIR is ")
    assert not deep.exists()
