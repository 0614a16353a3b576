"""A summary's job: six files, the last one last, and no mix."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec import structs

from shared_schema.bus import SummaryFinished, decode_message
from shared_schema.facts import JobResult, Summary, SummaryJob, SummaryJobResult, WavePending
from shared_schema.ids import new_session_id
from shared_schema.layout import summary_speech_path
from shared_schema.sockets import BusAddress
from shared_schema.water import DEFAULT_WATER, Range
from tests.waves.conftest import Gateway, eventually
from waves import run_job
from waves.job import existing_result
from waves.workers.pool import WavePool

DOME: tuple[Range, ...] = ((80, 100), (50, 70), (20, 40), (20, 40), (50, 70), (80, 100))


@pytest.fixture
def job(tmp_path: Path, speech_bytes: bytes) -> SummaryJob:
    """A job and its speech."""
    session = new_session_id()
    speech = summary_speech_path(session, "calm_soothing")
    (tmp_path / speech).parent.mkdir(parents=True)
    (tmp_path / speech).write_bytes(speech_bytes)
    return SummaryJob(
        session_id=session,
        summary=Summary(
            text="What remained.",
            voice_profile="calm_soothing",
            speech_path=speech,
            wave=WavePending(),
        ),
        ranges_hz=DEFAULT_WATER.ranges_hz,
    )


def samples(job: SummaryJob, root: Path) -> list[np.ndarray[tuple[int], np.dtype[np.int16]]]:
    return [soundfile.read(root / path, dtype="int16")[0] for path in job.summary.wave_paths]


def test_a_summary_has_six_different_waves(tmp_path: Path, job: SummaryJob) -> None:
    """In the summary's folder, each as long as the speech, and nothing beside them."""
    result = run_job(job, tmp_path)
    assert result.summary.state == "ready"
    folder = tmp_path / "waves" / "sessions" / job.session_id / "summary"
    names = [f"summary_calm_soothing_v3_wave{number}.wav" for number in range(1, 7)]
    assert [tmp_path / path for path in job.summary.wave_paths] == [folder / name for name in names]
    assert sorted(path.name for path in folder.iterdir()) == names
    waves = samples(job, tmp_path)
    assert {len(wave) for wave in waves} == {16_000}
    assert len({wave.tobytes() for wave in waves}) == 6
    assert existing_result(job, tmp_path) == structs.replace(result, duration_ms=0.0)


def test_each_wave_keeps_to_the_range_of_its_slot(tmp_path: Path, job: SummaryJob) -> None:
    """By the water map that the job carries."""
    run_job(structs.replace(job, ranges_hz=DOME), tmp_path)
    for wave, (low_hz, high_hz) in zip(samples(job, tmp_path), DOME, strict=True):
        power = np.abs(np.fft.rfft(wave.astype(np.float64))) ** 2
        hertz = np.fft.rfftfreq(len(wave), 1 / 8000)
        inside = power[(hertz >= low_hz - 12) & (hertz <= high_hz + 12)].sum()
        assert inside >= 0.99 * power.sum()


def test_a_summary_that_cannot_be_read_is_a_failed_job(tmp_path: Path, job: SummaryJob) -> None:
    """The result names the file; nothing is found of it."""
    (tmp_path / job.input_path).write_bytes(b"no sound")
    result = run_job(job, tmp_path)
    assert result.summary.state == "failed"
    assert "summary_calm_soothing.wav cannot be read" in str(result.summary.wave)
    assert existing_result(job, tmp_path) is None


def test_a_worker_publishes_a_summarys_completion(tmp_path: Path, job: SummaryJob) -> None:
    """Straight from its process, and the pool returns the same."""
    gateway, results = Gateway(), list[JobResult]()
    pool = WavePool(
        artifacts_dir=tmp_path,
        bus=BusAddress(gateway.url),
        epoch="test-epoch",
        max_workers=1,
        queue_max_size=1,
        job_timeout_s=60.0,
        on_result=results.append,
    )
    try:
        pool.submit(job)
        eventually(lambda: bool(results))
        (result,) = results
        assert isinstance(result, SummaryJobResult)
        assert result.summary.state == "ready"
        message = decode_message(gateway.payload())
        assert isinstance(message, SummaryFinished)
        assert (message.epoch, message.result) == ("test-epoch", result)
        pool.submit(job)
        pool.submit(job)
        pool.submit(job)
    finally:
        pool.close(2.0)
        gateway.close()
    eventually(lambda: len(results) == 4)
    lost = {each.summary.state for each in results if isinstance(each, SummaryJobResult)}
    assert lost <= {"ready", "failed"}
