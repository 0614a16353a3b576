"""The twenty most expensive functions of a whole session, by process and thread."""

import os
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import psutil

from benchmarks.profile import sampled, sampler
from benchmarks.profile.sampler import Spent
from benchmarks.report import machine, table
from benchmarks.session.listener import Listener
from benchmarks.session.whole import session
from tests.support.processes import system, until

SHOWN_FUNCTIONS: Final = 20
WRITTEN_WITHIN_S: Final = 10.0

Function = tuple[str, str, str]  # process, thread, function
Names = TypeVar("Names", bound=tuple[str, ...])


def run(*, sessions: int) -> int:
    """Print the tables; nothing must be reached."""
    if not Path("/proc/self/task").exists():
        print("The time of single threads is read from Linux's /proc, which is not there.")
        return 0
    print(machine("hibari-tts", "onnxruntime", "numpy"), f"load {os.getloadavg()[0]:.1f}")
    print(flush=True)
    own, everything = _spent(_measure(sessions))
    whole_s = sum(own.values())

    def share(seconds: float) -> tuple[str, str]:
        return f"{1e3 * seconds / sessions:.1f}", f"{seconds / whole_s:.1%}"

    threads: dict[tuple[str, str], float] = defaultdict(float)
    for (process, thread, _), seconds in own.items():
        threads[process, thread] += seconds
    print(
        f"{sessions} sessions on the embedded default: {1e3 * whole_s / sessions:.0f} ms of "
        f"processors for each. Sampled every {1e3 * sampler.EVERY_S:g} ms; what computes in C "
        "counts for the function of Python's that called it.\n"
    )
    rows = [(*names, *share(seconds)) for names, seconds in _by_cost(threads)]
    print(table(("process", "thread", "ms a session", "share"), rows))
    print(f"\nThe {SHOWN_FUNCTIONS} most expensive functions.\n")
    most_expensive = [
        (*function, *share(seconds), share(everything[function])[0])
        for function, seconds in _by_cost(own)[:SHOWN_FUNCTIONS]
    ]
    header = ("process", "thread", "function", "own ms a session", "share", "with what it calls")
    print(table(header, most_expensive))
    return 0


def _measure(sessions: int) -> list[Spent]:
    """Run sessions with both servers and the wave workers sampled, after one that is not."""
    with tempfile.TemporaryDirectory(prefix="profile-") as name, system(Path(name)) as show:
        folder = Path(name)
        switch = folder / sampler.SWITCH
        show.settings[sampled.FOLDER] = name
        gateway = show.start("gateway", "-m", sampled.__name__, "gateway")
        show.wait_ready(gateway, f"{show.gateway_url}/readyz")
        chat = show.chat("-m", sampled.__name__, "chat")
        with Listener(show.gateway_port) as client:
            session(show, client)
            workers = [
                each for each in chat.note_children() if "multiprocessing.spawn" in _line(each)
            ]
            switch.touch()
            for _ in range(sessions):
                session(show, client)
            switch.unlink()
        files = until(
            lambda: _all_of(folder, 2 + len(workers)), "every process", within_s=WRITTEN_WITHIN_S
        )
        return [each for file in files for each in _read(file)]


def _by_cost(seconds: dict[Names, float]) -> list[tuple[Names, float]]:
    return sorted(seconds.items(), key=lambda each: -each[1])


def _line(process: psutil.Process) -> str:
    """Return a process's command line."""
    return " ".join(process.cmdline())


def _all_of(folder: Path, processes: int) -> list[Path]:
    """Return the files of so many processes, or nothing."""
    files = list(folder.glob("*.json"))
    return files if len(files) >= processes else []


def _read(file: Path) -> list[Spent]:
    return msgspec.json.decode(file.read_bytes(), type=list[Spent])


def _spent(rows: list[Spent]) -> tuple[dict[Function, float], dict[Function, float]]:
    """Return each function's own time and that with what it calls, of all processes of a kind."""
    own: dict[Function, float] = defaultdict(float)
    everything: dict[Function, float] = defaultdict(float)
    for each in rows:
        function = (each.process, each.thread, each.function)
        own[function] += each.own_s
        everything[function] += each.all_s
    return own, everything
