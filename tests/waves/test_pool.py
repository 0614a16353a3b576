"""The pool with real processes, a real bus and real signals."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from shared_schema.facts import DecomposeJob
from shared_schema.sockets import BusAddress
from tests.support.platforms import PIPES, SIGNALS
from tests.waves.conftest import (
    Gateway,
    Results,
    eventually,
    hang,
    wait_until_reading,
    workers_of,
)
from waves import run_job
from waves.workers.pool import WavePool
from waves.workers.processes import Processes

MakeJob = Callable[..., DecomposeJob]
MakePool = Callable[..., WavePool]


def the_worker() -> psutil.Process:
    """Return the only worker of this process."""
    (worker,) = workers_of(psutil.Process())
    return worker


def test_completions_are_published_by_the_worker(
    gateway: Gateway, make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """A success and a failure arrive on the bus as they are told to the backend."""
    pool = make_pool(bus=BusAddress(gateway.url))
    pool.warm()
    pool.submit(make_job(1))
    pool.submit(make_job(2, speech=b"no sound"))
    published = [gateway.completion() for _ in range(2)]
    assert [message.epoch for message in published] == ["test-epoch"] * 2
    assert [message.result for message in published] == results.wait_for(2)
    assert [message.result.result.success for message in published] == [True, False]


def test_the_last_message_leaves_before_the_worker(
    gateway: Gateway, make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """A pool that is closed the moment it heard of its jobs has published all of them."""
    pool = make_pool(bus=BusAddress(gateway.url), max_workers=2)
    jobs = [make_job(slot) for slot in range(1, 7)]
    for job in jobs:
        pool.submit(job)
    results.wait_for(6)
    pool.close(5.0)
    assert {gateway.completion().result.result.utterance.slot_id for _ in jobs} == set(range(1, 7))


def test_works_without_a_gateway(make_pool: MakePool, make_job: MakeJob, results: Results) -> None:
    """Nobody listens at the address: the jobs succeed all the same."""
    pool = make_pool(bus=BusAddress("tcp://127.0.0.1:9"), max_workers=2)
    for slot in range(1, 7):
        pool.submit(make_job(slot))
    told = results.wait_for(6)
    assert all(one.result.success for one in told)
    assert {one.result.utterance.slot_id for one in told} == set(range(1, 7))


@PIPES
def test_a_killed_worker_fails_only_its_own_job(
    tmp_path: Path, make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """The job in its hands fails by name; the one behind it succeeds in a new worker."""
    pool = make_pool()
    hanging = hang(make_job(1), tmp_path)
    pool.submit(hanging)
    pool.submit(make_job(2))
    end = wait_until_reading(hanging, tmp_path)
    the_worker().kill()
    failed, succeeded = sorted(results.wait_for(2), key=lambda one: one.result.utterance.slot_id)
    os.close(end)
    assert (failed.job, failed.result.success, failed.result.stage) == (hanging, False, "waves")
    assert failed.result.error == "the worker process died during the job (exit -9)"
    assert succeeded.result.success


@PIPES
def test_a_worker_killed_between_jobs_is_replaced(
    make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """The next job succeeds, and so do several deaths later those that follow."""
    pool = make_pool()
    for count in (1, 2, 3):
        pool.submit(make_job(count))
        assert results.wait_for(count)[-1].result.success
        the_worker().kill()


@PIPES
def test_a_job_ends_at_its_time_limit(
    tmp_path: Path, make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """The job is failed with the setting's name, its worker is gone, and the pool goes on."""
    pool = make_pool(job_timeout_s=0.5)
    hanging = hang(make_job(1), tmp_path)
    pool.submit(hanging)
    end = wait_until_reading(hanging, tmp_path)
    first = the_worker()
    pool.submit(make_job(2))
    failed, succeeded = results.wait_for(2)
    os.close(end)
    assert failed.job == hanging
    assert failed.result.stage == "waves"
    assert failed.result.error is not None
    assert "time limit of 0.5 s (RR_WAVES_JOB_TIMEOUT_S)" in failed.result.error
    assert not first.is_running()
    assert succeeded.result.success


@PIPES
def test_a_worker_that_died_after_its_work_counts_as_a_success(
    tmp_path: Path, make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """The finished mix is looked for before a job is called failed."""
    job = make_job()
    before = run_job(job, tmp_path)
    pool = make_pool()
    pool.submit(hang(job, tmp_path))
    end = wait_until_reading(job, tmp_path)
    the_worker().kill()
    (told,) = results.wait_for(1)
    os.close(end)
    assert told.result.success
    assert told.result.utterance == before.result.utterance


@PIPES
def test_a_full_queue_fails_the_job_at_once(
    tmp_path: Path, make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """One job in hand, one waiting: the third is told to be failed before submit returns."""
    pool = make_pool(queue_max_size=1)
    hanging = hang(make_job(1), tmp_path)
    pool.submit(hanging)
    pool.submit(make_job(2))
    pool.submit(make_job(3))
    (refused,) = results.now()
    assert refused.result.utterance.slot_id == 3
    assert (refused.result.success, refused.result.stage) == (False, "queue")
    assert refused.result.error is not None
    assert "RR_WAVES_QUEUE_MAX_SIZE" in refused.result.error
    os.close(wait_until_reading(hanging, tmp_path))  # the pipe ends, and so does the job
    assert {one.result.utterance.slot_id for one in results.wait_for(3)} == {1, 2, 3}


def test_a_closed_pool_refuses(make_pool: MakePool, make_job: MakeJob, results: Results) -> None:
    """Also one that never started; closing again does no harm."""
    pool = make_pool()
    pool.close(1.0)
    pool.close(1.0)
    pool.warm()
    pool.submit(make_job())
    (refused,) = results.now()
    assert refused.result.stage == "queue"
    assert refused.result.error == "the wave pool is closed"


def test_closing_waits_for_what_is_in_hand(
    make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """The job that a worker has is finished, and every job is told of exactly once."""
    pool = make_pool()
    pool.submit(make_job(1))
    results.wait_for(1)  # the worker is warm
    for slot in range(2, 7):
        pool.submit(make_job(slot))
    pool.close(5.0)
    told = results.now()
    assert sorted(one.result.utterance.slot_id for one in told) == list(range(1, 7))
    assert {one.result.stage for one in told if not one.result.success} <= {"stopped"}
    assert workers_of(psutil.Process()) == []


@PIPES
def test_closing_is_bounded_in_time(
    tmp_path: Path, make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """A job that hangs, and a worker that does not even end on request, do not hold it up."""
    pool = make_pool(max_workers=2)
    jobs = [hang(make_job(slot), tmp_path) for slot in (1, 2)]
    for job in jobs:
        pool.submit(job)
    ends = [wait_until_reading(job, tmp_path) for job in jobs]
    stopped, _ = workers_of(psutil.Process())
    stopped.suspend()
    pool.close(2.0)
    assert workers_of(psutil.Process()) == []
    told = results.now()
    assert {one.result.utterance.slot_id for one in told} == {1, 2}
    assert {one.result.stage for one in told} == {"stopped"}
    for end in ends:
        os.close(end)


WARM_AND_WORK = """
import sys
from pathlib import Path
import msgspec
from shared_schema.facts import DecomposeJob
from waves.job import run_job
from waves.workers.worker import warm_up

warm_up()
before = set(sys.modules)
result = run_job(msgspec.json.decode(sys.argv[2], type=DecomposeJob), Path(sys.argv[1]))
assert result.result.success, result
print(*sorted(set(sys.modules) - before))
"""


def test_a_warm_worker_loads_nothing_for_its_first_job(tmp_path: Path, make_job: MakeJob) -> None:
    """All imports are done by the warm-up that a worker does before it takes a job."""
    done = subprocess.run(
        [sys.executable, "-c", WARM_AND_WORK, tmp_path, msgspec.json.encode(make_job(1))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


PARENT = """
import sys
from pathlib import Path
import msgspec
from shared_schema.facts import DecomposeJob
from waves.workers.pool import WavePool
from waves.workers.processes import Processes

if __name__ == "__main__":
    pool = WavePool(
        artifacts_dir=Path(sys.argv[1]), bus=None, epoch="e", max_workers=2,
        queue_max_size=8, job_timeout_s=60, on_result=lambda result: print(result, flush=True),
    )
    pool.warm()
    for text in sys.argv[2:]:
        pool.submit(msgspec.json.decode(text, type=DecomposeJob))
    {then}
"""


def start_parent(root: Path, jobs: list[DecomposeJob], then: str) -> subprocess.Popen[str]:
    """Start a process that has a pool, in a process group of its own."""
    script = root / "parent.py"
    script.write_text(PARENT.replace("{then}", then))
    return subprocess.Popen(
        [sys.executable, "-W", "error", script, root, *(msgspec.json.encode(job) for job in jobs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


@PIPES
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_no_worker_outlives_a_killed_parent(
    tmp_path: Path, make_job: MakeJob, *, busy: bool
) -> None:
    """Not even one that waits in a file for ever."""
    jobs = [hang(make_job(1), tmp_path)] if busy else []
    parent = start_parent(tmp_path, jobs, "import time; time.sleep(60)")
    process = psutil.Process(parent.pid)
    eventually(lambda: len(workers_of(process)) == 2)
    workers = workers_of(process)
    ends = [wait_until_reading(job, tmp_path) for job in jobs]
    parent.kill()
    parent.communicate()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert alive == []
    for end in ends:
        os.close(end)


STOP_ON_SIGTERM = """
    import signal, threading
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("ready", flush=True)
    while not stop.wait(0.05):  # a handler that comes just before an endless wait is not run
        pass
    pool.close(3.0)
"""


@PIPES
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_sigterm_to_the_whole_group_ends_everything(
    tmp_path: Path, make_job: MakeJob, *, busy: bool
) -> None:
    """The parent ends its workers, and starts no others: no word, nothing left, exit code 0."""
    jobs = [hang(make_job(1), tmp_path)] if busy else []
    parent = start_parent(tmp_path, jobs, STOP_ON_SIGTERM.strip())
    process = psutil.Process(parent.pid)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    eventually(lambda: len(workers_of(process)) == 2)
    workers = workers_of(process)
    ends = [wait_until_reading(job, tmp_path) for job in jobs]
    os.killpg(parent.pid, signal.SIGTERM)
    known = {each.pid for each in workers}
    while parent.poll() is None:
        assert {each.pid for each in workers_of(process)} <= known
    out, err = parent.communicate(timeout=200)
    _, alive = psutil.wait_procs(workers, timeout=60)
    for end in ends:
        os.close(end)
    assert (parent.returncode, alive) == (0, [])
    assert err == ""
    assert out.count("WavesJobResult") == len(jobs)


@PIPES
def test_workers_leave_signals_to_the_parent(
    make_pool: MakePool, make_job: MakeJob, results: Results
) -> None:
    """Neither SIGINT nor SIGTERM does anything to a worker."""
    pool = make_pool()
    pool.submit(make_job(1))
    results.wait_for(1)
    worker = the_worker()
    worker.send_signal(signal.SIGINT)
    worker.send_signal(signal.SIGTERM)
    pool.submit(make_job(2))
    assert results.wait_for(2)[-1].result.success
    assert the_worker() == worker


def blocked_signals(_: None) -> set[int]:
    """Return the numbers of the signals that this thread does not receive."""
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


@SIGNALS
def test_signals_reach_no_worker_not_even_while_it_starts() -> None:
    """It begins with them blocked; the process that starts it receives them as before."""
    processes = Processes(count=1, initialiser=print, arguments=())
    try:
        blocked = processes.schedule(blocked_signals, None, timeout_s=60).result(60)
    finally:
        processes.end(5)
    assert {signal.SIGINT, signal.SIGTERM} <= blocked
    assert blocked_signals(None).isdisjoint({signal.SIGINT, signal.SIGTERM})
