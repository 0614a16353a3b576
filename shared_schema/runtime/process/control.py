"""Requests to a running supervisor for a restart or a stop, as files in ``artifacts/run``.

``<package>.json`` is the run file: the supervisor writes it at every change, again if others change
it, and removes it when it exits. ``<package>.<random>.request`` is a request: the supervisor, which
wakes four times a second anyway, reads and removes it. The run file is the answer. There is no port
and no signal, so it works in the same way on every platform.

Rules
-----
* A request contains the random id of the supervisor instance that it is for. The next supervisor
  removes requests to a dead one without executing them. Only readers of the run file know the id.
* A restart request contains the number of starts in the run file: one start answers all requests
  made before it, and none is answered twice.
* Every request has a name of its own, so that none overwrites another.
* A client that stops waiting removes its request.
* A full disk has room for an empty file: then the name says what the content would, and whoever may
  list the folder sees the id for a moment.
"""

import contextlib
import os
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

import msgspec
import psutil
from msgspec import Struct

from shared_schema import START_THEM
from shared_schema.decoding import UNREADABLE
from shared_schema.layout import is_folder, moved_into_place
from shared_schema.small_files import UnfitFile, content_of, require_own

ANSWER_TIMEOUT_S: Final = 10.0
POLL_INTERVAL_S: Final = 0.05
# Of a run file, whose refusal is a line, and of a request.
MAX_BYTES: Final = 16_384
# Always this long, so that a run file can be overwritten on a full disk: twice the longest refusal,
# of which JSON may escape each character, and a long command line.
RUN_FILE_BYTES: Final = 8192
# The end of the name of a request without content.
_NAMED: Final = re.compile(
    r"\.([0-9a-f]{32})\.(restart|stop)\.([0-9]{1,9})\.[0-9a-f]{32}\.request\Z"
)

Action = Literal["restart", "stop"]
T = TypeVar("T")


class RunFile(Struct, frozen=True, kw_only=True, rename="camel"):
    """The state of a supervisor.

    Attributes
    ----------
    instance : str
        A random id; a later supervisor has another, even with the same process id.
    command : str
        The supervisor's command line: another program that has its process id now has another.
    server_pid : int or None
        None between two servers.
    starts : int
        How many servers it has started.
    listening : bool
        Whether the server accepts requests.
    refusal : str
        Why the last server could not start; empty while starts succeed.
    """

    package: str
    instance: str
    supervisor_pid: int
    command: str = ""
    server_pid: int | None = None
    starts: int = 0
    listening: bool = False
    refusal: str = ""
    ending: bool = False


class Request(Struct, frozen=True, kw_only=True, rename="camel"):
    """A request to one supervisor; `after_starts` is for a restart."""

    instance: str
    action: Action
    after_starts: int = 0


class Restarted(Struct, frozen=True, kw_only=True):
    """The new server process was started; `old_pid` is None if none was running."""

    old_pid: int | None
    new_pid: int


class RequestFailed(Exception):
    """The request failed; the message is one line with the reason and the remedy."""


class NoSupervisor(RequestFailed):
    """No supervisor runs for this package and artifacts folder; the message has the remedy."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}: {START_THEM}")
        self.reason = reason


def run_file(run_dir: Path, package: str) -> Path:
    """Return the path of the package's run file."""
    return run_dir / f"{package}.json"


class Control:
    """The supervisor's side; for the main thread only."""

    def __init__(self, package: str, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._pattern = f"{package}.*.request"
        me = psutil.Process()
        self._run = RunFile(
            package=package,
            instance=uuid.uuid4().hex,
            supervisor_pid=me.pid,
            command=_command_line(me),
        )
        self._path = run_file(run_dir, package)
        # What the file system says of the run file as it was written; None if it was not.
        self._written: tuple[int, ...] | None = None
        self._closed = False

    def publish(self, **changes: int | str | None) -> None:
        """Write the run file with these fields changed; after a failure `requests` tries again.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._run = msgspec.structs.replace(self._run, **changes)
        self._written = None
        content = msgspec.json.encode(self._run).ljust(RUN_FILE_BYTES)
        try:
            _write_private(self._path, content)
        except OSError:
            if not self._overwritten(content):
                raise
        self._written = _traits(self._path)

    def requests(self) -> list[Request]:
        """Return the requests to this supervisor, and remove all requests.

        Writes the run file again if it is not as it was written: emptied, overwritten, or an older
        one, because its folder was moved away and back.
        """
        with contextlib.suppress(OSError):
            if not self._closed and (self._written is None or _traits(self._path) != self._written):
                if is_folder(self._path):
                    self._path.rmdir()  # a file cannot take its place, nor one that is not empty
                self.publish()
        taken = []
        with contextlib.suppress(OSError):  # the folder is gone
            for path in sorted(self._run_dir.glob(self._pattern)):
                with contextlib.suppress(OSError):  # open elsewhere (Windows): next time
                    request = _read_request(path)
                    path.unlink(missing_ok=True)
                    if request is not None and request.instance == self._run.instance:
                        taken.append(request)
        return taken

    def _overwritten(self, content: bytes) -> bool:
        """Write into the run file that is there, which takes no more room; return success."""
        with contextlib.suppress(OSError):
            require_own(self._path)
            with self._path.open("r+b") as file:
                if os.fstat(file.fileno()).st_size >= len(content):
                    file.write(content)
                    file.flush()
                    return True
        return False

    def close(self) -> None:
        """Remove the run file, and late requests."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._closed = True
        self.requests()


def running(package: str, run_dir: Path) -> RunFile:
    """Return the state of the package's supervisor.

    Raises
    ------
    NoSupervisor
        If none runs.
    RequestFailed
        If that is not known, because the run file cannot be read.
    """
    path = run_file(run_dir, package)
    try:
        run = _read_run_file(path)
    except FileNotFoundError:
        reason = f"no supervisor of {package} is running ({path} is missing)"
        raise NoSupervisor(reason) from None
    except (OSError, *UNREADABLE) as error:
        remedy = "remove it and ask again: a supervisor that runs writes it anew"
        raise RequestFailed(f"{path} cannot be read ({error}): {remedy}") from error
    if not _is_alive(run):
        reason = f"the supervisor of {package} (pid {run.supervisor_pid}) is no longer running"
        raise NoSupervisor(reason)
    return run


def request_restart(
    package: str, run_dir: Path, *, timeout_s: float = ANSWER_TIMEOUT_S
) -> Restarted:
    """Request a restart, and wait until the new server process has started.

    It listens later.

    Raises
    ------
    NoSupervisor
        If no supervisor runs.
    RequestFailed
        If the supervisor refused or did not answer within `timeout_s`.
    """
    before = running(package, run_dir)

    def answer() -> Restarted | None:
        now = _read_again(package, run_dir, before)
        if now is None:
            raise RequestFailed(f"the supervisor of {package} has exited meanwhile")
        if now.ending:
            raise RequestFailed(f"the supervisor of {package} refused: it is stopping")
        if now.starts > before.starts and now.server_pid is not None:
            return Restarted(old_pid=before.server_pid, new_pid=now.server_pid)
        if not _is_alive(now):
            running(package, run_dir)  # raises
        return None

    return _send_request(before, run_dir, "restart", answer, timeout_s)


def request_stop(package: str, run_dir: Path, *, timeout_s: float = ANSWER_TIMEOUT_S) -> RunFile:
    """Stop the package's supervisor and its server; return its last state once it is gone.

    Raises
    ------
    NoSupervisor
        If no supervisor runs.
    RequestFailed
        If it does not exit within `timeout_s`.
    """
    before = running(package, run_dir)
    return _send_request(
        before, run_dir, "stop", lambda: None if _is_alive(before) else before, timeout_s
    )


def _send_request(
    before: RunFile,
    run_dir: Path,
    action: Action,
    answer: Callable[[], T | None],
    timeout_s: float,
) -> T:
    """Write a request, wait for the answer, and remove the request if there is none."""
    path = _write_request(before, run_dir, action)
    give_up_at = time.monotonic() + timeout_s
    who = f"the supervisor of {before.package} (pid {before.supervisor_pid})"
    try:
        while (found := answer()) is None:
            if time.monotonic() >= give_up_at:
                if path.exists():
                    raise RequestFailed(f"{who} did not answer within {timeout_s:g} s")
                late = "exit" if action == "stop" else "start a server"
                raise RequestFailed(f"{who} did not {late} within {timeout_s:g} s")
            time.sleep(POLL_INTERVAL_S)
        return found
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _write_request(before: RunFile, run_dir: Path, action: Action) -> Path:
    """Write a request and return its path; on a full disk all of it is in the name."""
    unique = uuid.uuid4().hex
    path = run_dir / f"{before.package}.{unique}.request"
    request = Request(instance=before.instance, action=action, after_starts=before.starts)
    try:
        _write_private(path, msgspec.json.encode(request))
    except OSError as error:
        said = f"{request.instance}.{action}.{request.after_starts}"
        named = run_dir / f"{before.package}.{said}.{unique}.request"
        try:
            named.touch(mode=0o600, exist_ok=False)
        except OSError:
            by_hand = f"end process {before.supervisor_pid}, which ends its server as well"
            message = f"cannot write {path}: {error.strerror or error}; to stop it, {by_hand}"
            raise RequestFailed(message) from error
        return named
    return path


def _read_again(package: str, run_dir: Path, before: RunFile) -> RunFile | None:
    """Return the current run file; None if it is gone or another supervisor's."""
    try:
        now = _read_run_file(run_file(run_dir, package))
    except FileNotFoundError:
        return None
    except (OSError, *UNREADABLE):
        return before  # it is being replaced (Windows), or was overwritten and will be right again
    return now if now.instance == before.instance else None


def _read_run_file(path: Path) -> RunFile:
    return msgspec.json.decode(content_of(path, max_bytes=MAX_BYTES), type=RunFile)


def _is_alive(run: RunFile) -> bool:
    """Return whether the supervisor runs, and no other program has its process id."""
    try:
        process = psutil.Process(run.supervisor_pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return _command_line(process) in {"", run.command}
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


def _command_line(process: psutil.Process) -> str:
    """Return a process's command line as text, whatever is in it; nothing if it is not known."""
    try:
        command = process.cmdline()
    except psutil.AccessDenied:
        return ""
    return ascii(command) if command else ""


def _read_request(path: Path) -> Request | None:
    """Return a request; None if the file is not a valid one."""
    try:
        content = content_of(path, max_bytes=MAX_BYTES)
        if not content and (said := _NAMED.search(path.name)):
            instance, action, after_starts = said.groups()
            return Request(
                instance=instance, action=cast(Action, action), after_starts=int(after_starts)
            )
        return msgspec.json.decode(content, type=Request)
    except (UnfitFile, *UNREADABLE):
        return None


def _traits(path: Path) -> tuple[int, ...] | None:
    """Return what differs if a file was replaced or written to; None if there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns)


def _write_private(path: Path, content: bytes) -> None:
    """Write a file, completely or not at all, readable by this user only (POSIX)."""
    with moved_into_place(path, sync=False) as partial:
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content + b"\n")
