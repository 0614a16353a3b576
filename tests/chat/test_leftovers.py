"""Partial files of killed processes go; those that are being written stay."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chat_backend.storage.leftovers import NEWEST, sweep_newest, sweep_session, swept
from shared_schema.layout import SPEECH_ROOT, Artifacts
from shared_schema.settings import Settings
from tests.support.sessions import session_id

TURN = "waves/sessions/{}/turn_1"


@pytest.fixture(scope="module")
def dead_pid() -> int:
    """Return the id of a process that is over."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def put(root: Path, number: int, pid: int) -> Path:
    """Put a partial file into a session."""
    path = root / TURN.format(session_id(number)) / f"slot-1_v3_wave1.wav.{pid}.tmp"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half")
    return path


def test_what_a_dead_writer_left_goes(tmp_path: Path, dead_pid: int) -> None:
    """Its partial file is removed; whole files and those of the living are not."""
    left = put(tmp_path, 1, dead_pid)
    whole = left.with_name("slot-1_v3_wave1.wav")
    written_now = left.with_name(f"slot-2_v3_wave1.wav.{os.getpid()}.tmp")
    strange = left.with_name("notes.tmp")
    for path in (whole, written_now, strange):
        path.write_bytes(b"kept")
    assert sweep_session(Artifacts(tmp_path), session_id(1)) == 1
    assert sorted(left.parent.iterdir()) == sorted((whole, written_now, strange))


def test_a_session_without_files_has_no_leftovers(tmp_path: Path) -> None:
    """Nothing there, nothing wrong."""
    assert sweep_session(Artifacts(tmp_path), session_id(1)) == 0
    assert sweep_newest(Artifacts(tmp_path)) == 0


def test_at_the_start_only_the_newest_sessions_are_looked_at(tmp_path: Path, dead_pid: int) -> None:
    """However many sessions there are, only those are swept that may have been under way."""
    files = [put(tmp_path, number, dead_pid) for number in range(NEWEST + 1)]
    for age_s, path in enumerate(files):
        os.utime(path.parents[1], (1e9 - age_s, 1e9 - age_s))
    for path in files:  # as macOS leaves on foreign disks, and newer than all
        path.parents[1].with_name(f"._{path.parents[1].name}").touch()
    assert sweep_newest(Artifacts(tmp_path)) == NEWEST
    assert [path for path in files if path.exists()] == files[NEWEST:]


def test_what_a_cluster_writes_is_not_taken_for_abandoned(tmp_path: Path, dead_pid: int) -> None:
    """Its writers live on other machines, where their ids mean something else."""
    wave = put(tmp_path, 1, dead_pid)
    speech = tmp_path / SPEECH_ROOT / session_id(1) / f"slot-1.wav.{dead_pid}.tmp"
    speech.parent.mkdir(parents=True)
    speech.write_bytes(b"half")
    settings = Settings(waves_executor="dask", dask_scheduler="tcp://10.0.0.5:8786")
    assert sweep_newest(Artifacts(tmp_path), swept(settings)) == 1
    assert wave.exists()
    assert sweep_newest(Artifacts(tmp_path), swept(Settings())) == 1
    assert not wave.exists()
