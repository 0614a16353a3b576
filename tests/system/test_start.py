"""A double click on ``start.cmd`` or ``start.command``, and an update beside the old version."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import httpx

from tests.support.local_http import LOCAL
from tests.support.processes import Process, System, connects, system, until
from tests.support.visitor import post

ROOT = Path(__file__).parents[2]
PACKAGES = ("chat_backend", "event_gateway", "shared_schema", "waves")
FILES = ("Procfile", "requirements.txt", "start.cmd", "start.command")
MESSAGE = {"message": "Who holds the key?", "slots": [{"slotId": 1, "agentId": "gpt-4o"}]}


def installed(folder: Path) -> Path:
    """Make a prepared installation, whose packages are those of this Python."""
    folder.mkdir()
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    venv.EnvBuilder(with_pip=False).create(folder / ".venv")
    (packages,) = (folder / ".venv").rglob("site-packages")
    (packages / "packages.pth").write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    shutil.copy(folder / "requirements.txt", folder / ".venv" / "prepared")
    return folder


def started(it: System, folder: Path) -> Process:
    """Start an installation as its user does; return when both servers listen."""
    script = folder / ("start.cmd" if sys.platform == "win32" else "start.command")
    output = it.folder / f"start-{len(it.processes)}.log"
    with output.open("wb") as sink:
        popen = subprocess.Popen(
            [str(script), "--unattended"],
            env=it.environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    process = Process("start", popen, output)
    it.processes.append(process)
    it.wait_ready(process, f"{it.gateway_url}/readyz")
    it.wait_ready(process, f"{it.chat_url}/v1/health")
    return process


def test_an_update_is_a_second_folder_and_going_back_works(tmp_path: Path) -> None:
    """Each version in its own folder, on the same artifacts; no network is needed."""
    old, new = installed(tmp_path / "Bühne 1"), installed(tmp_path / "Bühne 2")
    sessions: list[str] = []
    with system(tmp_path) as it:
        for folder in (old, new, old):
            process = started(it, folder)
            sessions.append(post(it.chat_url, MESSAGE).session_id)

            def listed() -> bool:
                recordings = httpx.get(f"{it.gateway_url}/v1/recordings", **LOCAL).text
                return all(session in recordings for session in sessions)

            until(listed, "all sessions of both versions")
            stopping = it.start("stop", "-m", "event_gateway", "stop")
            assert stopping.wait() == 0
            assert process.wait() == 0, process.log
            it.processes.remove(process)
            assert not connects(it.gateway_port)
            assert not connects(it.chat_port)


def test_a_folder_that_is_not_prepared_says_what_is_missing(tmp_path: Path) -> None:
    """Without any Python on the PATH."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    if sys.platform == "win32":
        command, path = [str(tmp_path / "start.cmd"), "--unattended"], r"C:\Windows\system32"
    else:
        command, path = [str(tmp_path / "start.command")], ""
    done = subprocess.run(
        command,
        env={"PATH": path, "SystemRoot": r"C:\Windows"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 1
    assert b"install one from python.org" in done.stdout
