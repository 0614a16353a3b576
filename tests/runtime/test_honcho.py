"""Under the real honcho, whose every process would end with the first that ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

from shared_schema.layout import RUN_DIR
from shared_schema.runtime.process.control import request_restart, request_stop
from shared_schema.runtime.process.exits import CONFIGURATION
from tests.support.local_http import LOCAL
from tests.support.platforms import SIGNALS

from .toys import LIMIT_S, PLAIN, ROOT, SUPERVISOR, Toys, gone, wait_for

pytestmark = SIGNALS


def test_a_killed_server_leaves_the_others_alone_and_sigterm_ends_all(
    toys: Toys, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        other_port = free.getsockname()[1]
    procfile = tmp_path / "Procfile"
    other_dir = (tmp_path / "second").as_posix()
    procfile.write_text(
        f"first: python -m {SUPERVISOR} {PLAIN} {toys.run_dir.as_posix()}\n"
        f"second: TOY_PORT={other_port} python -m {SUPERVISOR} {PLAIN} {other_dir}\n"
    )
    command = [sys.executable, "-m", "honcho", "-d", str(ROOT), "-f", str(procfile), "start"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "TOY_PORT": str(toys.port)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=env) as honcho:
        pid = toys.answering_pid()
        other = toys.answering_pid(port=other_port)
        started = psutil.Process(honcho.pid).children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        toys.answering_pid(other_than=pid)
        assert toys.answering_pid(port=other_port) == other
        honcho.terminate()
        assert honcho.wait(LIMIT_S) == 128 + signal.SIGTERM
    for process in started:
        wait_for(lambda pid=process.pid: gone(pid) or None, what="end of all")  # type: ignore[misc]


# One folder's name, on POSIX; what honcho makes of it is `Bühne1art` or worse.
FOLDER = "Bühne 1\\art"


def without_settings() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RR_")}
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("arguments", [[], ["-e", "none"]], ids=["plain", "without-dotenv"])
def test_our_reading_of_dotenv_holds_and_the_shell_wins_over_it(
    arguments: list[str], toys: Toys, tmp_path: Path
) -> None:
    """A backslash, a space, an umlaut; and what was edited meanwhile is in force at a restart."""
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        f"RR_ARTIFACTS_DIR={FOLDER}\nRR_GATEWAY_PORT=1\nRR_EVENTS_WS_ENABLED=false\n", "utf-8"
    )
    (tmp_path / "Procfile").write_text("gateway: python -m event_gateway supervise\n")
    log = tmp_path / "log"
    env = {**without_settings(), "RR_GATEWAY_PORT": str(toys.port), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "honcho", *arguments, "start"]
    run_dir = tmp_path / FOLDER / RUN_DIR

    def listens() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return (
                httpx.get(f"http://127.0.0.1:{toys.port}/healthz", **LOCAL).status_code
                == httpx.codes.OK
            )
        return False

    with (
        log.open("wb") as out,
        subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=out, env=env) as honcho,
        contextlib.ExitStack() as ending,
    ):
        ending.callback(honcho.terminate)
        wait_for(listens, what="a gateway at the shell's port")
        dotenv.write_text(dotenv.read_text("utf-8") + "RR_LOG_FORMAT=json\n", "utf-8")
        request_restart("event_gateway", run_dir)
        wait_for(
            lambda: '"event":"listening"' in log.read_text("utf-8") or None,
            what="a gateway that has read the file anew",
        )
        request_stop("event_gateway", run_dir)
        assert honcho.wait(LIMIT_S) == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [FOLDER]


@pytest.mark.parametrize(
    "content",
    ["RR_SEED=7\n".encode("utf-16"), "RR_LLM_MODEL=ä\n".encode("cp1252"), b'RR_SEED="7\n'],
    ids=["utf-16", "cp1252", "quote"],
)
def test_a_dotenv_that_cannot_be_read_is_one_line_of_ours(content: bytes, tmp_path: Path) -> None:
    """Under honcho as it is started in the documents, where nobody else reads the file."""
    (tmp_path / ".env").write_bytes(content)
    (tmp_path / "Procfile").write_text("gateway: python -m event_gateway supervise\n")
    done = subprocess.run(
        [sys.executable, "-m", "honcho", "--no-prefix", "-e", "none", "start"],
        cwd=tmp_path,
        env=without_settings(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == CONFIGURATION
    (line,) = [line for line in done.stdout.splitlines() if ".env" in line]
    assert line.startswith("gateway: .env, line 1: ")
    assert "Traceback" not in done.stdout + done.stderr
