"""The asking side of a restart."""

import socket
from pathlib import Path
from typing import Final

import msgspec

from shared_schema.runtime.process.control import (
    LOOPBACK,
    Answer,
    Refused,
    Request,
    Restarted,
    RunFile,
    read_line,
    run_file,
)

WITHIN_S: Final = 10.0
CONNECT_WITHIN_S: Final = 3.0


class RestartFailed(Exception):
    """No restart took place; the message says why and what to do, in one line."""


class NoSupervisor(RestartFailed):
    """Nobody supervises this package on this artifacts folder."""


def request_restart(package: str, run_dir: Path, *, within_s: float = WITHIN_S) -> Restarted:
    """Ask the package's supervisor for a restart and wait until the new server was started.

    Started means that its process runs; `on_listening` of the server comes later.

    Raises
    ------
    NoSupervisor
        If there is nobody to ask.
    RestartFailed
        If the supervisor refused or did not answer within `within_s`.
    """
    path = run_file(run_dir, package)
    remedy = f"start it with `python -m {package} supervise` or `honcho start`"
    try:
        run = msgspec.json.decode(path.read_bytes(), type=RunFile)
    except FileNotFoundError:
        raise NoSupervisor(
            f"no supervisor of {package} runs ({path} is missing): {remedy}"
        ) from None
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise NoSupervisor(f"{path} cannot be read ({error}): {remedy}") from error
    try:
        connection = socket.create_connection((LOOPBACK, run.port), timeout=CONNECT_WITHIN_S)
    except OSError:
        reason = f"the supervisor of {package} (pid {run.supervisor_pid}) does not run any more"
        raise NoSupervisor(f"{reason}: {remedy}") from None
    try:
        with connection:
            connection.sendall(msgspec.json.encode(Request(token=run.token)) + b"\n")
            answer: Answer = msgspec.json.decode(
                read_line(connection, within_s=within_s), type=Answer
            )
    except TimeoutError:
        pid = run.supervisor_pid
        raise RestartFailed(
            f"the supervisor of {package} (pid {pid}) did not answer within {within_s:g} s"
        ) from None
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise NoSupervisor(
            f"no supervisor of {package} answers at port {run.port}: {remedy}"
        ) from error
    if isinstance(answer, Refused):
        raise RestartFailed(f"the supervisor of {package} refused: {answer.reason}")
    return answer
