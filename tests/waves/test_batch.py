"""The batch tool as a person and as a script use it."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
import soundfile

from shared_schema.foreign_text import shown_lines
from tests.support.platforms import posix
from tests.support.speechlike import speech_like
from waves.batch import batch
from waves.batch.batch import Outcome, Task

ROOT = Path(__file__).parents[2]
RATE_HZ = 8_000

Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def speech(tmp_path: Path) -> list[Path]:
    """Two sound files, one of them FLAC."""
    paths = [tmp_path / "one.wav", tmp_path / "two.flac"]
    for seed, path in enumerate(paths):
        soundfile.write(path, speech_like(seed=seed, duration_s=1.0).samples, RATE_HZ)
    return paths


def decompose(*arguments: str | Path, path: str = "") -> Ended:
    """Run the command, its output in pipes."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "waves", "decompose", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
    )


def test_good_files_are_done_and_bad_ones_named(tmp_path: Path, speech: list[Path]) -> None:
    """A table of what was made on stdout, a line for each failure on stderr, and exit code 1."""
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    ended = decompose(*speech, bad, tmp_path / "gone.wav", "--out", tmp_path / "out")
    assert ended.returncode == 1
    header, *rows = [line.split("\t") for line in ended.stdout.splitlines()]
    assert header == ["file", "seconds", "correlation", "level error dB", "ms", "x real time"]
    assert [row[:2] for row in rows] == [["one.wav", "1.00"], ["two.flac", "1.00"]]
    assert all(float(row[2]) > 0.98 and float(row[3]) < 0.6 for row in rows)
    first, second = ended.stderr.splitlines()
    assert first.startswith(f"failed: {bad}: bad.wav cannot be read as sound")
    assert second.startswith(f"failed: {tmp_path / 'gone.wav'}: gone.wav cannot be read")
    assert len(list((tmp_path / "out").iterdir())) == 8


def test_a_machine_gets_json(tmp_path: Path, speech: list[Path]) -> None:
    """One array in the order of the files, errors in it, and nothing else on stdout."""
    ended = decompose("--json", "--workers", "1", *speech, tmp_path / "gone.wav")
    assert ended.returncode == 1
    one, two, gone = msgspec.json.decode(ended.stdout, type=list[Outcome])
    assert (one.error, two.error) == (None, None)
    assert one.mix == str(tmp_path / "one_v3_wave_mix.wav")
    assert Path(one.mix).is_file()
    assert one.metrics is not None
    assert one.real_time_factor == pytest.approx(one.processing_s)
    assert gone.error is not None


def test_all_good_is_exit_code_zero(speech: list[Path]) -> None:
    """And stderr is empty."""
    ended = decompose(speech[0])
    assert (ended.returncode, ended.stderr) == (0, "")


def test_files_that_would_replace_each_other_are_refused(
    tmp_path: Path, speech: list[Path]
) -> None:
    """The second one of a name fails by name before anything is begun."""
    twin = tmp_path / "one.flac"
    first, second = batch.tasks_of([speech[0], twin], None, plot=False)
    assert isinstance(first, Task)
    assert isinstance(second, Outcome)
    assert second.error == f"its waves would replace those of {speech[0]}"
    assert all(isinstance(one, Task) for one in batch.tasks_of(speech, None, plot=False))


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="the extra `plot` is not installed")
def test_a_picture_is_drawn(tmp_path: Path, speech: list[Path]) -> None:
    """A PNG beside the mix, also of a sound without any voice in it."""
    soundfile.write(tmp_path / "silence.wav", [0.0] * 800, RATE_HZ)
    ended = decompose("--plot", speech[0], tmp_path / "silence.wav")
    assert (ended.returncode, ended.stderr) == (0, "")
    for name in ("one", "silence"):
        assert (tmp_path / f"{name}_v3_waves.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_error_names_the_remedy(tmp_path: Path, speech: list[Path]) -> None:
    """One line that names the extra, exit code 2, and nothing is made."""
    hide = "import sys; sys.modules['matplotlib'] = None; sys.argv[1:] = {arguments}; "
    run = "from waves.__main__ import app; app()"
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            hide.format(arguments=["decompose", "--plot", str(speech[0])]) + run,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == 2
    assert "uv sync --extra plot" in ended.stderr
    assert not list(tmp_path.glob("*_v3_*"))


def test_help_shows_an_example() -> None:
    """Each command shows how it is used."""
    ended = decompose("--help")
    assert ended.returncode == 0
    assert "python -m waves decompose recordings/*.wav" in ended.stdout


@posix("files whose names have control characters")
def test_a_file_name_steers_no_terminal(tmp_path: Path, speech: list[Path]) -> None:
    """Neither in the table, nor as JSON, nor in what failed."""
    nasty = "\x1b[2J\u202eevil\nforged"
    good, bad = tmp_path / f"{nasty}.wav", tmp_path / f"{nasty}-bad.wav"
    good.write_bytes(speech[0].read_bytes())
    bad.write_text("no sound")
    for form in ([], ["--json"]):
        ended = decompose(good, bad, "--out", tmp_path / "out", *form)
        for output in (ended.stdout, ended.stderr):
            cells = output.replace("\t", " ")
            assert shown_lines(cells) == cells
            assert not [line for line in output.splitlines() if line.startswith("forged")]
        if form:
            assert json.loads(ended.stdout)[0]["file"] == str(good)
