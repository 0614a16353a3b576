"""Adds up, within a process, the processor's time of each thread by the functions that it is in."""

import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec
from msgspec import Struct

EVERY_S: Final = 0.002
# In a folder that the sampled processes share: while this file is there, they are sampled.
SWITCH: Final = "on"
_NANOSECOND: Final = 1e-9
_TASKS: Final = Path("/proc/self/task")
# What runs in no thread of Python's, e.g. a library's own.
OTHER: Final = "(not Python's)"


class Spent(Struct, frozen=True, kw_only=True):
    """The seconds of one function in one kind of thread: its own, and with all that it calls."""

    process: str
    thread: str
    function: str
    own_s: float
    all_s: float


class Sampler:
    """Samples this process in a thread of its own while the folder's switch is there.

    A sample gives the time that a thread has spent since the last one to the functions on its
    stack; what computes in C counts for the function of Python's that called it. Each time the
    switch is gone, what was spent is written to a file of the folder.
    """

    def __init__(self, folder: Path, process: str) -> None:
        self._folder = folder
        self._process = process
        self._own: dict[tuple[str, str], float] = defaultdict(float)
        self._all: dict[tuple[str, str], float] = defaultdict(float)
        self._spent_before: dict[int, float] = {}
        self._all_before: float | None = None

    def start(self) -> None:
        """Begin, and end with the process."""
        threading.Thread(target=self._run, name="sampler", daemon=True).start()

    def _run(self) -> None:
        switch = self._folder / SWITCH
        while True:
            time.sleep(EVERY_S)
            if switch.exists():
                self._sample()
            elif self._all_before is not None:
                self._write()

    def _sample(self) -> None:
        frames = sys._current_frames()
        accounted_s = 0.0
        for thread in threading.enumerate():
            spent_s = _spent_s(thread.native_id)
            before_s = self._spent_before.get(thread.native_id or 0, spent_s)
            self._spent_before[thread.native_id or 0] = spent_s
            accounted_s += spent_s - before_s
            frame = frames.get(thread.ident or 0)
            if frame is not None and thread is not threading.current_thread():
                self._add(_kind(thread.name), frame, spent_s - before_s)
        all_s = time.process_time()
        if self._all_before is not None:
            self._own[OTHER, ""] += max(0.0, all_s - self._all_before - accounted_s)
        self._all_before = all_s

    def _add(self, thread: str, frame: FrameType | None, seconds: float) -> None:
        if seconds <= 0.0 or frame is None:
            return
        self._own[thread, _name(frame)] += seconds
        stack = set()
        while frame is not None:
            stack.add(_name(frame))
            frame = frame.f_back
        for name in stack:
            self._all[thread, name] += seconds

    def _write(self) -> None:
        rows = [
            Spent(
                process=self._process,
                thread=thread,
                function=function,
                own_s=own_s,
                all_s=self._all.get((thread, function), 0.0),
            )
            for (thread, function), own_s in self._own.items()
        ]
        self._own.clear()
        self._all.clear()
        self._spent_before.clear()
        self._all_before = None
        name = f"{self._process}-{time.monotonic_ns()}.json"
        partial = self._folder / f"{name}.tmp"
        partial.write_bytes(msgspec.json.encode(rows))
        partial.rename(self._folder / name)


def _spent_s(native_id: int | None) -> float:
    """Return the processor's time of a thread, in seconds; 0 for one that has just ended."""
    try:
        return int((_TASKS / str(native_id) / "schedstat").read_text().split()[0]) * _NANOSECOND
    except OSError:
        return 0.0


def _kind(thread: str) -> str:
    """Return a thread's name without its number."""
    return thread.rstrip("0123456789").rstrip("_- ") or thread


def _name(frame: FrameType) -> str:
    module = frame.f_globals.get("__name__", "?")
    return f"{module}.{frame.f_code.co_qualname}"
