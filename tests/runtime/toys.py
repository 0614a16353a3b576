"""The toy processes of these tests, from the outside."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
import psutil  # type: ignore[import-untyped, unused-ignore]

from shared_schema.runtime.process.control import RunFile, run_file
from tests.support.local_http import LOCAL

ROOT = Path(__file__).parents[2]
SERVER = "tests.runtime.toy_server"
PLAIN = "tests.runtime.toy_plain"
SUPERVISOR = "tests.runtime.toy_supervisor"

# On Windows a Ctrl-Break is sent to a group of processes.
if sys.platform == "win32":
    GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    GROUP = 0

T = TypeVar("T")

# Against hanging only: a busy machine takes many times as long as a quiet one, Wine as well.
LIMIT_S = 60.0


def wait_for(look: Callable[[], T | None], *, what: str) -> T:
    """Return the first thing that `look` finds."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"not within {LIMIT_S:g} s: {what}"
        time.sleep(0.01)


class Toy:
    """One process in a session of its own, as honcho starts it, writing into a file."""

    def __init__(self, module: str, arguments: list[str], log: Path, env: Mapping[str, str]):
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **env},
                start_new_session=sys.platform != "win32",
                creationflags=GROUP,
            )
        self.pid = self.process.pid

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def lines(self) -> list[str]:
        return self.output().splitlines()

    def wait_for_line(self, part: str) -> None:
        wait_for(lambda: part in self.output() or None, what=f"{part!r} in log")

    def wait(self) -> int:
        """Return the exit code."""
        return self.process.wait(LIMIT_S)


class Toys:
    """The toys of one test: they share a port and a folder."""

    def __init__(self, *, port: int, folder: Path) -> None:
        self.port = port
        self.run_dir = folder / "run"
        # While this file is there a server refuses to start, with what is in it.
        self.refusal = folder / "refusal"
        self._folder = folder
        self._started: list[Toy] = []
        self._seen: dict[int, psutil.Process] = {}

    def server(self, *, mode: str = "", host: str = "localhost", **settings: object) -> Toy:
        return self._start(SERVER, [], mode=mode, host=host, **settings)

    def supervisor(self, server: str = PLAIN, *, mode: str = "") -> Toy:
        return self._start(SUPERVISOR, [server, str(self.run_dir)], mode=mode)

    def _start(
        self, module: str, arguments: list[str], *, mode: str, host: str = "", **settings: object
    ) -> Toy:
        log = self._folder / f"toy-{len(self._started)}.log"
        env = {"TOY_PORT": str(self.port), "TOY_MODE": mode, "TOY_HOST": host or "localhost"}
        env["TOY_REFUSAL"] = str(self.refusal)
        env |= {f"RR_{name.upper()}": str(value) for name, value in settings.items()}
        toy = Toy(module, arguments, log, env)
        self._started.append(toy)
        return toy

    def run_file(self, server: str = PLAIN) -> RunFile | None:
        with contextlib.suppress(OSError):
            content = run_file(self.run_dir, server).read_bytes()
            return msgspec.json.decode(content, type=RunFile)
        return None

    def answering_pid(self, *, other_than: int | None = None, port: int | None = None) -> int:
        """Return the process id of the server that answers, once it is not `other_than`."""
        url = f"http://127.0.0.1:{port or self.port}/"

        def look() -> int | None:
            with contextlib.suppress(httpx.TransportError):
                pid = int(httpx.get(url, timeout=5, **LOCAL).text)
                self._seen[pid] = psutil.Process(pid)
                return pid if pid != other_than else None
            return None

        return wait_for(look, what=f"a server other than {other_than}")

    def end_all(self) -> None:
        """Kill what is left: the toys, what they started, and servers that lost their parent."""
        left = list(self._seen.values())
        for toy in self._started:
            with contextlib.suppress(psutil.NoSuchProcess):
                left += psutil.Process(toy.pid).children(recursive=True)
            toy.process.kill()
            toy.process.wait()
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for process in left:
            wait_for(lambda pid=process.pid: gone(pid) or None, what="end")  # type: ignore[misc]


def gone(pid: int) -> bool:
    """Whether the process has ended."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def descendants() -> set[int]:
    """Return the process ids below this one."""
    return {int(child.pid) for child in psutil.Process().children(recursive=True)}
