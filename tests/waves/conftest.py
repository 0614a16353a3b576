"""What the tests of files and of the pool have in common."""

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import soundfile
import zmq

from shared_schema.bus import MAX_MESSAGE_BYTES, TOPIC_WAVES, WavesFinished, decode_message
from shared_schema.facts import DecomposeJob, JobResult, Utterance, WavePending, WavesJobResult
from shared_schema.ids import new_session_id
from shared_schema.layout import speech_path
from shared_schema.sockets import BusAddress, open_subscriber
from tests.support.processes import free_port
from tests.support.speechlike import speech_like
from waves.workers.pool import WavePool

DEADLINE_S = 20.0


class Results:
    """What a pool said, and a way to wait for it."""

    def __init__(self) -> None:
        self._heard = threading.Condition()
        self._results: list[WavesJobResult] = []

    def __call__(self, result: JobResult) -> None:
        assert isinstance(result, WavesJobResult)
        with self._heard:
            self._results.append(result)
            self._heard.notify_all()

    def wait_for(self, count: int, *, within_s: float = DEADLINE_S) -> list[WavesJobResult]:
        """Return all results as soon as there are `count`."""
        with self._heard:
            self._heard.wait_for(lambda: len(self._results) >= count, timeout=within_s)
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


class Gateway:
    """A bound subscriber that reads all the time, as the gateway's does.

    It greets newcomers only while it is being read, so a thread of its own does that.
    """

    def __init__(self) -> None:
        self.url = f"tcp://127.0.0.1:{free_port()}"
        self._heard: queue.SimpleQueue[list[bytes]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._ready.wait(DEADLINE_S)

    def _read(self) -> None:
        with zmq.Context[zmq.Socket[bytes]]() as context:
            subscriber = open_subscriber(
                context, BusAddress(self.url), max_message_bytes=MAX_MESSAGE_BYTES
            )
            subscriber.subscribe(TOPIC_WAVES)
            self._ready.set()
            while not self._stop.is_set():
                if subscriber.poll(50):
                    self._heard.put(subscriber.recv_multipart())
            subscriber.close(linger=0)

    def payload(self) -> bytes:
        """Return the next message on the bus."""
        topic, payload = self._heard.get(timeout=DEADLINE_S)
        assert topic == TOPIC_WAVES
        return payload

    def completion(self) -> WavesFinished:
        """Return the next completion of an utterance."""
        message = decode_message(self.payload())
        assert isinstance(message, WavesFinished)
        return message

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._reader.join()


def hang(job: DecomposeJob, root: Path) -> DecomposeJob:
    """Replace a job's speech by a pipe, so that its worker waits in it for ever."""
    file = root / job.input_path
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    return job


def wait_until_reading(job: DecomposeJob, root: Path) -> int:
    """Return a pipe's writing end as soon as a worker reads from it."""
    opened = -1

    def open_end() -> bool:
        nonlocal opened
        try:
            opened = os.open(root / job.input_path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False  # nobody reads yet
        return True

    eventually(open_end)
    return opened


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
    one_session = new_session_id()

    def make(
        slot_id: int = 1, *, speech: bytes | None = speech_bytes, session_id: str = one_session
    ) -> DecomposeJob:
        path = speech_path(session_id, 1, slot_id, "gpt-4o", "calm_soothing")
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if speech is not None:
            file.write_bytes(speech)
        return DecomposeJob(
            session_id=session_id,
            utterance=Utterance(
                turn_index=1,
                slot_id=slot_id,
                agent_id="gpt-4o",
                voice_profile="calm_soothing",
                text="The water listens.",
                speech_path=path,
                wave=WavePending(),
            ),
        )

    return make


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """What stands in for the gateway."""
    one = Gateway()
    yield one
    one.close()


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
        dask_scheduler: str | None = None,
    ) -> WavePool:
        pool = WavePool(
            artifacts_dir=tmp_path,
            bus=bus,
            epoch="test-epoch",
            max_workers=max_workers,
            queue_max_size=queue_max_size,
            job_timeout_s=job_timeout_s,
            on_result=results,
            dask_scheduler=dask_scheduler,
        )
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        pool.close(2.0)
    assert workers_of(psutil.Process()) == []
