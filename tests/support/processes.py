"""Real processes for tests: their settings, their start, their end, and what they left behind."""

import contextlib
import errno
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from chat_backend.providers.keys import KEY_VARIABLES
from shared_schema.layout import session_file
from shared_schema.session_document import SessionDocument, read_document
from tests.support.local_http import LOCAL

START_WITHIN_S = 120.0
END_WITHIN_S = 120.0
LOOK_EVERY_S = 0.05


def free_port() -> int:
    """Return a port that is free on both loopbacks now, and that nobody else is given.

    Below those that systems hand out for outgoing connections, and from a part of them that belongs
    to this process, so that tests in parallel do not take each other's before they use it.
    """
    for port in itertools.islice(_ports, 500):
        if not any(_taken(family, (host, port)) for family, host in _LOOPBACKS):
            return port
    raise RuntimeError("no port is free")


def _own_ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PARTS
    size = (_PORTS.stop - _PORTS.start) // _PARTS
    part = _PORTS[worker * size : (worker + 1) * size]
    # Two runs at the same time begin at different places.
    return itertools.islice(itertools.cycle(part), os.getpid() % size, None)


def _taken(family: socket.AddressFamily, address: tuple[str, int]) -> bool:
    try:
        with socket.socket(family) as one:
            one.bind(address)
    except OSError as error:
        # A machine may be without IPv6; then nobody listens there either.
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return False


_LOOPBACKS: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_PORTS: Final = range(20_000, 32_000)
_PARTS: Final = 8
_ports = _own_ports()

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Run in the background of a shell, we ignore Ctrl-C, and what we start would as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def connects(port: int) -> bool:
    """Return whether somebody listens at a port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return True
    except OSError:
        return False


def until(
    condition: Callable[[], Any],
    what: str,
    *,
    within_s: float = START_WITHIN_S,
    every_s: float = LOOK_EVERY_S,
) -> Any:
    """Return the condition's first true value; fail after the limit."""
    give_up_at = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > give_up_at:
            raise AssertionError(f"{what}: not within {within_s:g} s")
        time.sleep(every_s)


def runs(process: psutil.Process) -> bool:
    """Return whether a process has not ended; on POSIX a zombie has."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Process:
    """One process of the system, its output in a file."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], output: Path) -> None:
        self.name = name
        self.popen = popen
        self.output = output
        self._seen: dict[int, psutil.Process] = {}
        self.note_children()

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def log(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def until_logged(self, text: str) -> None:
        """Wait until it has logged something: a server's log is written beside its work."""
        until(lambda: text in self.log, f"{text!r} in the log of {self.name}")

    def note_children(self) -> list[psutil.Process]:
        """Remember the processes below this one, so that none is left behind unnoticed."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            for each in [process, *process.children(recursive=True)]:
                self._seen[each.pid] = each
        return [each for each in self._seen.values() if each.pid != self.pid]

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it alone: SIGKILL, or on Windows TerminateProcess."""
        self.popen.kill()

    def suspend(self) -> None:
        """Stop it, on every system, until `resume`."""
        psutil.Process(self.pid).suspend()

    def resume(self) -> None:
        psutil.Process(self.pid).resume()

    def wait(self, within_s: float = END_WITHIN_S) -> int:
        try:
            return self.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end:\n{self.log}") from None

    def stop(self) -> int:
        """End it as an operator would, and see that nothing of it is left."""
        self.note_children()
        if self.popen.poll() is None:
            self.popen.terminate()
        code = self.wait()
        try:
            until(lambda: not self.left(), f"all of {self.name} gone", within_s=END_WITHIN_S)
        except AssertionError as error:
            raise AssertionError(f"{error}: {list(map(str, self.left()))}\n{self.log}") from None
        return code

    def left(self) -> list[psutil.Process]:
        """Return what of it still runs."""
        return [each for each in self._seen.values() if runs(each)]

    def kill_all(self) -> None:
        """End whatever is left, by id."""
        for each in self.left():
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(getattr(signal, "SIGCONT", signal.SIGTERM))
                each.kill()
        self.popen.wait(END_WITHIN_S)


class System:
    """A private installation: own folder, own ports. Leaves no process behind."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.artifacts = folder / "artifacts"
        self.gateway_port = free_port()
        self.chat_port = free_port()
        self.bus_url = f"tcp://127.0.0.1:{free_port()}"
        self.settings: dict[str, str] = {
            "RR_ARTIFACTS_DIR": str(self.artifacts),
            "RR_GATEWAY_PORT": str(self.gateway_port),
            "RR_CHAT_PORT": str(self.chat_port),
            "RR_BUS_URL": self.bus_url,
            # It would load a model in every backend; tests of hearing switch it on.
            "RR_STT": "off",
            **{f"RR_{key.upper()}": str(value) for key, value in settings.items()},
        }
        self.processes: list[Process] = []

    @property
    def gateway_url(self) -> str:
        return f"http://localhost:{self.gateway_port}"

    @property
    def chat_url(self) -> str:
        return f"http://localhost:{self.chat_port}"

    @property
    def events_url(self) -> str:
        return f"ws://localhost:{self.gateway_port}/v1/events"

    def allow_pages(self) -> None:
        """Let the pages of both servers read the gateway's streams, at the ports of this one."""
        self.settings["RR_ALLOWED_ORIGINS"] = f"{self.gateway_url},{self.chat_url}"

    def environment(self) -> dict[str, str]:
        # Nor a developer's own keys: a test must not talk to anybody outside. Without bytecode each
        # start would compile all that it imports, which takes as long as the rest of it.
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("RR_")
            and key not in KEY_VARIABLES
            and key != "PYTHONDONTWRITEBYTECODE"
        }
        return {**kept, **self.settings, "PYTHONUNBUFFERED": "1"}

    def prepend_to_path(self, folder: Path) -> None:
        """Let the processes that are started from now on import from a folder first."""
        before = self.environment().get("PYTHONPATH", "")
        self.settings["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), before)))

    def start(self, name: str, *arguments: str) -> Process:
        """Start a command of ours, e.g. ``start("gateway", "-m", "event_gateway")``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        output = self.folder / f"{name}-{len(self.processes)}.log"
        with output.open("wb") as sink:
            popen = subprocess.Popen(
                [sys.executable, *arguments],
                env=self.environment(),
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        process = Process(name, popen, output)
        self.processes.append(process)
        return process

    def gateway(self) -> Process:
        """Start a gateway and wait until it is ready."""
        process = self.start("gateway", "-m", "event_gateway")
        self.wait_ready(process, f"{self.gateway_url}/readyz")
        return process

    def chat(self, *arguments: str) -> Process:
        """Start a chat backend and wait until it takes visitors.

        Our own has one wave worker unless a test says otherwise: each takes a while to start.
        """
        if not arguments:
            self.settings.setdefault("RR_WAVES_MAX_WORKERS", "1")
        process = self.start("chat", *(arguments or ("-m", "chat_backend")))
        self.wait_ready(process, f"{self.chat_url}/v1/health")
        process.note_children()
        return process

    def command(self, package: str, *arguments: str) -> Process:
        """Run a command of a package to its end."""
        process = self.start(package, "-m", package, *arguments)
        process.wait()
        return process

    def settled(self, session_id: str) -> SessionDocument:
        """Return session.json when the session is over and its last wave job has ended."""
        path = self.artifacts / session_file(session_id)

        def document() -> SessionDocument | None:
            found = read_document(path)
            return found if found is not None and found.settled else None

        settled: SessionDocument = until(document, f"{path} settled")
        return settled

    def wait_ready(self, process: Process, url: str) -> None:
        def answers() -> bool:
            if process.popen.poll() is not None:
                raise AssertionError(f"{process.name} ended early:\n{process.log}")
            try:
                return httpx.get(url, timeout=2.0, **LOCAL).status_code == httpx.codes.OK
            except httpx.HTTPError:
                return False

        until(answers, f"{process.name} ready")

    def close(self) -> None:
        """Stop all, and fail if anything would not go or is left."""
        stubborn = []
        for process in reversed(self.processes):
            try:
                process.stop()
            except AssertionError as error:
                stubborn.append(str(error))
                process.kill_all()
        assert not stubborn, stubborn


@contextlib.contextmanager
def system(folder: Path, **settings: object) -> Iterator[System]:
    """Yield an installation, and end all of it."""
    it = System(folder, **settings)
    try:
        yield it
    finally:
        it.close()
