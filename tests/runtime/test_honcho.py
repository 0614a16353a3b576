"""Under the real honcho, whose every process would end with the first that ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

from .toys import PLAIN, ROOT, SUPERVISOR, Toys, gone, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


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
        pid = toys.answering_pid(within_s=10)
        other = toys.answering_pid(port=other_port, within_s=10)
        started = psutil.Process(honcho.pid).children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        toys.answering_pid(other_than=pid, within_s=10)
        assert toys.answering_pid(port=other_port) == other
        honcho.terminate()
        assert honcho.wait(5) == 128 + signal.SIGTERM
    for process in started:
        wait_for(lambda pid=process.pid: gone(pid) or None, within_s=1, what="end of all")  # type: ignore[misc]
