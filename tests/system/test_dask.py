"""Wave jobs on a real Dask cluster on the loopback: a scheduler and two worker processes."""

import asyncio
import os
import queue
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile

from shared_schema.ids import new_session_id
from shared_schema.jobs import DecomposeJob, WavesJobResult
from shared_schema.layout import speech_path
from shared_schema.sockets import BusAddress
from tests.system.client import listening, turn1_of
from tests.system.processes import Process, System, free_port, system, until
from tests.system.visitor import post
from tests.waves.speechlike import speech_like
from tests.waves.test_pool import Gateway, hang, wait_until_reading
from waves.pool import WavePool

pytestmark = [
    pytest.mark.skipif(
        find_spec("distributed") is None, reason="the extra `dask` is not installed"
    ),
    pytest.mark.skipif(sys.platform != "linux", reason="POSIX pipes, and who reads them in /proc"),
]

SESSIONS = 4
JOBS = 6 * SESSIONS
WITHIN_S = 40.0
Told = queue.SimpleQueue[WavesJobResult]
MakePool = Callable[..., WavePool]
ROOT = Path(__file__).parents[2]


class Cluster:
    """A scheduler and its workers."""

    def __init__(self, host: System) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        quiet = ("--no-dashboard", "--host", "127.0.0.1")
        self._host = host
        self.scheduler = host.start("scheduler", "-m", "dask", "scheduler", "--port", port, *quiet)
        self.workers = [self._worker(place, quiet) for place in range(2)]
        until(lambda: self.scheduler.log.count("Register worker") >= 2, "both workers known")

    def _worker(self, place: int, quiet: tuple[str, ...]) -> Process:
        # Without a nanny, nobody starts it again when it is killed.
        options = ("--nthreads", "1", "--no-nanny", *quiet)
        return self._host.start(f"worker{place}", "-m", "dask", "worker", self.address, *options)

    def reader_of(self, path: Path) -> Process:
        """Return the worker that has a file open, as soon as it is past the opening."""
        reader: Process = until(lambda: self._reader_of(path), f"somebody reads {path}")
        return reader

    def _reader_of(self, path: Path) -> Process | None:
        for worker in self.workers:
            links = Path(f"/proc/{worker.pid}/fd")
            if any(os.path.realpath(link) == str(path) for link in links.iterdir()):
                return worker
        return None


def jobs_of_a_session(root: Path) -> list[DecomposeJob]:
    """Return six jobs and write the speech that they are about."""
    session_id = new_session_id()
    jobs = []
    for slot in range(1, 7):
        path = speech_path(session_id, 1, slot, "gpt-4o", "calm_soothing")
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / path, speech_like(seed=slot, duration_s=1.0).samples, 8_000)
        job = DecomposeJob(
            session_id=session_id,
            turn_index=1,
            slot_id=slot,
            agent_id="gpt-4o",
            voice_profile="calm_soothing",
            text="The water listens.",
            input_path=path,
        )
        jobs.append(job)
    return jobs


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """An installation whose processes find our packages."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with system(tmp_path / "host", seed=3) as it:
        yield it


@pytest.fixture
def bus() -> Iterator[Gateway]:
    """What listens where the gateway does."""
    one = Gateway()
    yield one
    one.close()


@pytest.fixture
def told() -> Told:
    """What the pool says."""
    return queue.SimpleQueue()


@pytest.fixture
def make_pool(tmp_path: Path, told: Told) -> Iterator[MakePool]:
    """Return a function that opens a pool on a cluster, closed after the test."""
    pools: list[WavePool] = []

    def make(scheduler: str, *, bus_url: str | None, job_timeout_s: float = WITHIN_S) -> WavePool:
        pool = WavePool(
            artifacts_dir=tmp_path,
            bus=BusAddress(bus_url) if bus_url else None,
            epoch="dask-epoch",
            max_workers=2,
            queue_max_size=64,
            job_timeout_s=job_timeout_s,
            on_result=told.put,
            dask_scheduler=scheduler,
        )
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.close(4.0)


def test_a_worker_killed_during_a_batch_costs_no_job(
    tmp_path: Path, host: System, bus: Gateway, told: Told, make_pool: MakePool
) -> None:
    """Its job is done by the other one; each job is told of once, and its completion published."""
    cluster = Cluster(host)
    pool = make_pool(cluster.address, bus_url=bus.url)
    jobs = [job for _ in range(SESSIONS) for job in jobs_of_a_session(tmp_path)]
    held = jobs[0]
    file = tmp_path / held.input_path
    speech = file.read_bytes()
    hang(held, tmp_path)
    for job in jobs:
        pool.submit(job)
    end = wait_until_reading(held, tmp_path)
    victim = cluster.reader_of(file)
    first = told.get(timeout=WITHIN_S)
    # From now on the file is what it was; only the victim still waits in the pipe.
    whole = file.with_suffix(".new")
    whole.write_bytes(speech)
    whole.replace(file)
    victim.popen.kill()
    results = [first, *(told.get(timeout=WITHIN_S) for _ in jobs[1:])]
    os.close(end)
    assert [one.result.error for one in results if not one.result.success] == []
    names = sorted(job.input_path for job in jobs)
    assert sorted(one.job.input_path for one in results) == names
    # What the victim published may be lost with it; the backend tells that of its future.
    published = [bus.completion() for _ in jobs[2:]]
    assert {message.epoch for message in published} == {"dask-epoch"}
    assert held in [message.result.job for message in published]
    assert told.empty()


def test_jobs_of_a_cluster_without_workers_fail_by_name(
    tmp_path: Path, host: System, told: Told, make_pool: MakePool
) -> None:
    """Within the time limit, whether both workers are killed or there is no scheduler at all."""
    cluster = Cluster(host)
    before, after, elsewhere, *_ = jobs_of_a_session(tmp_path)
    make_pool(cluster.address, bus_url=None).submit(before)
    assert told.get(timeout=WITHIN_S).result.success
    pool = make_pool(cluster.address, bus_url=None, job_timeout_s=3.0)
    for worker in cluster.workers:
        worker.popen.kill()
        worker.popen.wait()
    pool.submit(after)
    make_pool(f"tcp://127.0.0.1:{free_port()}", bus_url=None, job_timeout_s=3.0).submit(elsewhere)
    for _ in range(2):
        failed = told.get(timeout=WITHIN_S).result
        assert (failed.success, failed.stage) == (False, "waves")
        assert "RR_WAVES_JOB_TIMEOUT_S" in str(failed.error)


async def test_a_session_on_a_cluster_reaches_the_client(host: System) -> None:
    """A real backend and a real gateway: the six waves of turn 1, made by the cluster."""
    cluster = Cluster(host)
    host.settings |= {"RR_WAVES_EXECUTOR": "dask", "RR_DASK_SCHEDULER": cluster.address}
    host.gateway()
    host.chat()
    async with listening(host.events_url) as client:
        stream, event = await asyncio.gather(
            asyncio.to_thread(post, host.chat_url, {"message": "Who counts the waves?"}),
            client.session_event(within_s=WITHIN_S),
        )
    turn1 = turn1_of([event])
    assert turn1.session_id == stream.session_id
    assert len(turn1.payload.slots) == 6
    assert all(Path(slot.wave_mix_path_abs).is_file() for slot in turn1.payload.slots)
