"""What the tests of files and of the pool have in common."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import soundfile

from shared_schema.ids import new_session_id
from shared_schema.jobs import DecomposeJob, WavesJobResult
from shared_schema.layout import speech_path
from shared_schema.sockets import BusAddress
from tests.waves.speechlike import speech_like
from waves.pool import WavePool

DEADLINE_S = 20.0


class Results:
    """What a pool said, and a way to wait for it."""

    def __init__(self) -> None:
        self._heard = threading.Condition()
        self._results: list[WavesJobResult] = []

    def __call__(self, result: WavesJobResult) -> None:
        with self._heard:
            self._results.append(result)
            self._heard.notify_all()

    def wait_for(self, count: int) -> list[WavesJobResult]:
        """Return all results as soon as there are `count`."""
        with self._heard:
            self._heard.wait_for(lambda: len(self._results) >= count, timeout=DEADLINE_S)
            assert len(self._results) == count
            return list(self._results)

    def now(self) -> list[WavesJobResult]:
        """Return the results so far."""
        with self._heard:
            return list(self._results)


def eventually(condition: Callable[[], bool], *, within_s: float = DEADLINE_S) -> None:
    """Wait until something that cannot be waited for otherwise is true; fail if it never is."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def workers_of(process: psutil.Process) -> list[psutil.Process]:
    """Return the pool workers among a process's children (Python's resource tracker is none)."""
    found = []
    for child in process.children():
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            pass
    return found


@pytest.fixture(scope="session")
def speech_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A WAV file of two seconds of speech."""
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    soundfile.write(path, speech_like(seed=0, duration_s=2.0).samples, 8_000)
    return path.read_bytes()


@pytest.fixture
def make_job(tmp_path: Path, speech_bytes: bytes) -> Callable[..., DecomposeJob]:
    """Return a function that makes a job and, in `tmp_path`, the speech that it is about."""
    session_id = new_session_id()

    def make(slot_id: int = 1, *, speech: bytes | None = speech_bytes) -> DecomposeJob:
        path = speech_path(session_id, 1, slot_id, "gpt-4o", "calm_soothing")
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if speech is not None:
            file.write_bytes(speech)
        return DecomposeJob(
            session_id=session_id,
            turn_index=1,
            slot_id=slot_id,
            agent_id="gpt-4o",
            voice_profile="calm_soothing",
            text="The water listens.",
            input_path=path,
        )

    return make


@pytest.fixture
def results() -> Results:
    """What the pool of this test says."""
    return Results()


@pytest.fixture
def make_pool(tmp_path: Path, results: Results) -> Iterator[Callable[..., WavePool]]:
    """Return a function that makes a pool, closed after the test."""
    pools: list[WavePool] = []

    def make(
        *,
        bus: BusAddress | None = None,
        max_workers: int = 1,
        queue_max_size: int = 256,
        job_timeout_s: float = 60.0,
    ) -> WavePool:
        pool = WavePool(
            artifacts_dir=tmp_path,
            bus=bus,
            epoch="test-epoch",
            max_workers=max_workers,
            queue_max_size=queue_max_size,
            job_timeout_s=job_timeout_s,
            on_result=results,
        )
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.close(2.0)
    assert workers_of(psutil.Process()) == []
