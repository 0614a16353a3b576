"""Wave jobs on a real Dask cluster on the loopback: a scheduler and two worker processes."""

import asyncio
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from shared_schema.facts import DecomposeJob
from shared_schema.ids import new_session_id
from shared_schema.sockets import BusAddress
from tests.support.client import listening, turn1_of
from tests.support.platforms import linux
from tests.support.processes import Process, System, free_port, system, until
from tests.support.visitor import post
from tests.waves.conftest import Gateway, Results, eventually, hang, wait_until_reading
from waves.workers.pool import WavePool
from waves.workers.worker import Context

pytestmark = [
    pytest.mark.skipif(
        find_spec("distributed") is None, reason="the extra `dask` is not installed"
    ),
    linux("/proc, which shows who reads a named pipe"),
]

WITHIN_S = 40.0
MakeJob = Callable[..., DecomposeJob]
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


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """An installation whose processes find our packages."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with system(tmp_path / "host", seed=3) as it:
        yield it


def test_a_worker_killed_during_a_batch_costs_no_job(
    host: System,
    gateway: Gateway,
    make_job: MakeJob,
    results: Results,
    make_pool: MakePool,
) -> None:
    """Its job is done by the other one; each job is told of once, and its completion published."""
    cluster = Cluster(host)
    pool = make_pool(bus=BusAddress(gateway.url), max_workers=2, dask_scheduler=cluster.address)
    jobs = [make_job(slot, session_id=new_session_id()) for slot in range(1, 7) for _ in range(4)]
    held = jobs[0]
    root = host.folder.parent
    file = root / held.input_path
    speech = file.read_bytes()
    hang(held, root)
    for job in jobs:
        pool.submit(job)
    end = wait_until_reading(held, root)
    victim = cluster.reader_of(file)
    eventually(lambda: bool(results.now()), within_s=WITHIN_S)
    # From now on the file is what it was; only the victim still waits in the pipe.
    whole = file.with_suffix(".new")
    whole.write_bytes(speech)
    whole.replace(file)
    victim.popen.kill()
    told = results.wait_for(len(jobs), within_s=WITHIN_S)
    os.close(end)
    assert [one.result.error for one in told if not one.result.success] == []
    assert sorted(one.job.input_path for one in told) == sorted(job.input_path for job in jobs)
    # What the victim published may be lost with it; the backend tells that of its future.
    published = [gateway.completion() for _ in jobs[2:]]
    assert {message.epoch for message in published} == {"test-epoch"}
    assert held in [message.result.job for message in published]
    assert len(results.now()) == len(jobs)


def test_jobs_of_a_cluster_without_workers_fail_by_name(
    host: System, make_job: MakeJob, results: Results, make_pool: MakePool
) -> None:
    """Within the time limit: the workers are killed, nobody is there, or it speaks TLS only."""
    cluster = Cluster(host)
    make_pool(dask_scheduler=cluster.address).submit(make_job(1))
    assert results.wait_for(1, within_s=WITHIN_S)[0].result.success
    pool = make_pool(dask_scheduler=cluster.address, job_timeout_s=3.0)
    for worker in cluster.workers:
        worker.popen.kill()
        worker.popen.wait()
    pool.submit(make_job(2))
    nobody = f"tcp://127.0.0.1:{free_port()}"
    make_pool(dask_scheduler=nobody, job_timeout_s=3.0).submit(make_job(3))
    locked = cluster.address.replace("tcp:", "tls:")
    make_pool(dask_scheduler=locked, job_timeout_s=3.0).submit(make_job(4))
    for failed in results.wait_for(4, within_s=WITHIN_S)[1:]:
        assert (failed.result.success, failed.result.stage) == (False, "waves")
        assert "RR_WAVES_JOB_TIMEOUT_S" in str(failed.result.error)


def test_a_connection_that_was_closed_a_moment_ago_is_not_sound(
    tmp_path: Path, host: System, make_job: MakeJob
) -> None:
    """The pool takes RuntimeError for that, and would stop at any other error."""
    from waves.workers.cluster import Cluster as Workforce  # noqa: PLC0415  # needs the extra

    context = Context(artifacts=tmp_path, bus=None, epoch="test-epoch", max_duration_s=60.0)
    workforce = Workforce(Cluster(host).address, context)
    assert workforce.healthy
    workforce.end(2.0)
    with pytest.raises(RuntimeError):
        workforce.perform(make_job(), timeout_s=1.0)
    assert not workforce.healthy
    workforce.end(2.0)


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
