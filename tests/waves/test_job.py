"""From file to files."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from msgspec import structs

from shared_schema.facts import DecomposeJob, WaveReady
from shared_schema.layout import WAVE_MIX, WAVE_NAMES, WavePart, wave_path
from shared_schema.water import WaterMap
from tests.support.platforms import make_link, posix
from tests.support.speechlike import speech_like
from waves import decompose_file, run_job
from waves.job import existing_result

MakeJob = Callable[..., DecomposeJob]


def wave_files(job: DecomposeJob, root: Path) -> dict[WavePart, Path]:
    """Return where a job's four files must be."""
    return {part: root / wave_path(job.input_path, part) for part in (*WAVE_NAMES, WAVE_MIX)}


def test_a_job_makes_four_sound_files(tmp_path: Path, make_job: MakeJob) -> None:
    """8 kHz PCM_16 of the speech's length; the mix is the sum; nothing else is left lying."""
    job = make_job()
    result = run_job(job, tmp_path).result
    files = wave_files(job, tmp_path)
    waves = {part: soundfile.read(path, dtype="int16") for part, path in files.items()}
    assert set(files[WAVE_MIX].parent.iterdir()) == set(files.values())
    for part, path in files.items():
        info = soundfile.info(path)
        assert (info.samplerate, info.subtype, info.channels) == (8_000, "PCM_16", 1), part
        assert info.frames == 16_000
    total = sum(waves[part][0].astype(np.int32) for part in WAVE_NAMES)
    assert np.abs(waves[WAVE_MIX][0] - total).max() <= 2
    assert result.success
    assert result.utterance.mix_path == wave_path(job.input_path, WAVE_MIX)
    assert result.wave_mix_path == wave_path(job.input_path, WAVE_MIX)
    assert (job.turn_index, result.audio_duration_ms) == (1, 2_000)


def test_a_job_says_in_which_range_and_where_each_wave_plays(
    tmp_path: Path, make_job: MakeJob
) -> None:
    """Each wave keeps to the range of its place, and the result repeats the places."""
    water = WaterMap(
        ranges_hz=((80, 100), (50, 70), (20, 40), None, None, None), wave2=(3, 4, 5, 6, 1, 2),
        wave3="none",
    )  # fmt: skip
    job = structs.replace(make_job(), waves=water.waves_of(1))
    made = run_job(job, tmp_path)
    assert isinstance(made.result.utterance.wave, WaveReady)
    assert made.result.utterance.wave.places == (1, 3, None)
    for part, (low_hz, high_hz) in zip(WAVE_NAMES, ((80, 100), (20, 40), (80, 100)), strict=True):
        samples, rate_hz = soundfile.read(wave_files(job, tmp_path)[part])
        power = np.abs(np.fft.rfft(samples)) ** 2
        hertz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
        inside = power[(hertz >= low_hz - 12) & (hertz <= high_hz + 12)].sum()
        assert inside >= 0.99 * power.sum(), part
    found = existing_result(job, tmp_path)
    assert found is not None
    assert found.result.utterance == made.result.utterance


def test_a_result_carries_its_figures(tmp_path: Path, make_job: MakeJob) -> None:
    """Length, rate, time and truth are told with a success."""
    result = run_job(make_job(), tmp_path).result
    assert isinstance(result.utterance.wave, WaveReady)
    assert result.utterance.wave.audio_duration_ms == 2_000
    assert result.utterance.wave.sample_rate_hz == 8_000
    assert result.duration_ms > 0
    assert result.real_time_factor == pytest.approx(result.duration_ms / 2_000)
    assert result.rmse is not None
    assert 0 < result.rmse < 0.5
    assert result.envelope_correlation is not None
    assert result.envelope_correlation > 0.98
    assert result.level_error_db is not None
    assert result.level_error_db < 0.6


@pytest.mark.parametrize("speech", [None, b"", b"text, not sound", b"RIFF\x00\x00\x00\x00WAVEfmt "])
def test_a_bad_file_is_a_failed_job(
    tmp_path: Path, make_job: MakeJob, speech: bytes | None
) -> None:
    """The result names the file and the trouble, and no wave file appears."""
    job = make_job(speech=speech)
    result = run_job(job, tmp_path).result
    assert not result.success
    assert result.stage == "waves"
    assert result.error is not None
    assert "slot-1_gpt-4o_calm_soothing.wav cannot be read" in result.error
    assert not any(path.exists() for path in wave_files(job, tmp_path).values())


def test_a_folder_that_cannot_be_written_is_a_failed_job(tmp_path: Path, make_job: MakeJob) -> None:
    """A file where the folder should be is reported, not raised."""
    (tmp_path / "waves").write_text("in the way")
    result = run_job(make_job(), tmp_path).result
    assert not result.success
    assert result.error


def test_a_path_outside_the_artifacts_is_a_failed_job(tmp_path: Path, make_job: MakeJob) -> None:
    """A link that leads out of the folder is not followed."""
    job = make_job()
    outside = tmp_path.with_name(tmp_path.name + "-outside.wav")
    (tmp_path / job.input_path).replace(outside)
    make_link(tmp_path / job.input_path, outside)
    result = run_job(job, tmp_path).result
    assert not result.success
    assert "leads out of the artifacts folder" in str(result.error)


FULL_DISK = """
import resource, sys
from pathlib import Path
import msgspec
from shared_schema.facts import DecomposeJob
from waves import run_job
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
job = msgspec.json.decode(sys.argv[1], type=DecomposeJob)
result = run_job(job, Path(sys.argv[2])).result
assert not result.success and "large" in result.error, result
"""


@posix("limit on the size of files")
def test_a_disk_that_takes_no_more_is_a_failed_job(tmp_path: Path, make_job: MakeJob) -> None:
    """When writing stops in the middle, the reason is told and no partial file is left."""
    job = make_job()
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", FULL_DISK, msgspec.json.encode(job), tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert list((tmp_path / "waves").rglob("*.*")) == []


def test_a_finished_mix_is_found(tmp_path: Path, make_job: MakeJob) -> None:
    """A success that nobody could tell of is read from the files; a failure is not."""
    job, other = make_job(1), make_job(2)
    made = run_job(job, tmp_path)
    found = existing_result(job, tmp_path)
    assert found is not None
    assert found.job == job
    assert found.result.success
    assert found.result.utterance == made.result.utterance
    assert existing_result(other, tmp_path) is None
    wave_files(other, tmp_path)[WAVE_MIX].write_bytes(b"")
    assert existing_result(other, tmp_path) is None


def test_any_file_can_be_decomposed(tmp_path: Path) -> None:
    """Outside a session, too: the files get the name of the sound."""
    soundfile.write(tmp_path / "hello.flac", speech_like(seed=1, duration_s=1.0).samples, 8_000)
    done = decompose_file(tmp_path / "hello.flac", tmp_path / "out")
    assert done.mix_path == tmp_path / "out" / "hello_v3_wave_mix.wav"
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert done.duration_s == 1.0
    assert done.real_time_factor == done.processing_s
