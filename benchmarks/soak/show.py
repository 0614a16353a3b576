"""The installation as ``honcho start`` runs it, and where its processes are."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, Literal

import httpx
import msgspec
import psutil

from shared_schema.layout import RUN_DIR
from shared_schema.runtime.process.control import RunFile, run_file
from tests.support.local_http import LOCAL
from tests.support.processes import Process, System

Package = Literal["chat_backend", "event_gateway"]
PACKAGES: Final[tuple[Package, ...]] = ("chat_backend", "event_gateway")
ROOT: Final = Path(__file__).parents[2]
PROCFILE: Final = ROOT / "Procfile"
# Another artwork, whose six voices play at the places of a dome.
DOME: Final = ROOT / "docs" / "shows" / "observatory"
# A limit against hanging; on a busy machine a start takes its time.
READY_WITHIN_S: Final = 180.0
_LOOK_EVERY_S: Final = 0.02
# No deadline shall decide here: what is due follows from what became ready, and from nothing else.
_TURN_TIMEOUT_S: Final = 60
_REPLAY_WINDOW_S: Final = 120
# Without a heartbeat for this long, the gateway looks for another backend.
SILENCE_S: Final = 3.0
# The command lines of the chat backend's children are alike; these libraries only they have loaded.
_LIBRARY_OF: Final = {"wave worker": "libzmq", "listening process": "libctranslate2"}
# How long the chat backend remembers a finished session; until then its memory has to grow.
KEPT_S: Final = _REPLAY_WINDOW_S + 2 * _TURN_TIMEOUT_S


class Show(System):
    """A private installation with both servers under their supervisors, and its own temp folder."""

    def __init__(self, folder: Path, *, additions: bool, everything: bool = False) -> None:
        """Use sentiment and summary, or also the dome, an ear and a page in a browser."""
        beside = {"show": str(DOME), "stt": "whisper"} if everything else {}
        super().__init__(
            folder,
            agents="offline",
            tts="hibari",
            events_turn1_timeout_s=_TURN_TIMEOUT_S,
            events_dialogue_timeout_s=_TURN_TIMEOUT_S,
            events_replay_window_s=_REPLAY_WINDOW_S,
            bus_silence_s=SILENCE_S,
            chat_sentiment=additions,
            chat_summary=additions,
            **beside,
        )
        self.allow_pages()
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        self.honcho: Process | None = None

    def environment(self) -> dict[str, str]:
        """Return the servers' environment; what they leave in a temp folder shall be seen."""
        inherited = super().environment()
        # The Procfile says `python`: it shall be this one.
        path = os.pathsep.join((str(Path(sys.executable).parent), inherited["PATH"]))
        return {**inherited, "PATH": path, "TMPDIR": str(self.temporary)}

    async def open(self) -> None:
        """Start both servers and wait until they are ready."""
        self.honcho = self.start("honcho", "-m", "honcho", "-f", str(PROCFILE), "start")
        for package in PACKAGES:
            await self.until_ready(package)

    @property
    def log(self) -> Path:
        """Everything that the supervisors, the servers and the workers wrote."""
        assert self.honcho is not None
        return self.honcho.output

    def server(self, package: Package) -> psutil.Process | None:
        """Return a server's process, if it runs now."""
        run = self._run_file(package)
        if run is None or run.server_pid is None:
            return None
        return _living(run.server_pid)

    def supervisor(self, package: Package) -> psutil.Process | None:
        """Return the small parent of a server."""
        run = self._run_file(package)
        return None if run is None else _living(run.supervisor_pid)

    def children(self) -> list[tuple[str, psutil.Process]]:
        """Return the chat backend's children with their roles, without those still starting."""
        chat = self.server("chat_backend")
        try:
            children = chat.children() if chat is not None else []
        except psutil.Error:
            return []
        return [(role, child) for child in children if (role := role_of(child))]

    def workers(self) -> list[psutil.Process]:
        """Return the wave workers."""
        return [child for role, child in self.children() if role == "wave worker"]

    async def until_ready(self, package: Package) -> None:
        """Wait until a server does its work."""
        paths = {
            "chat_backend": f"{self.chat_url}/v1/health",
            "event_gateway": f"{self.gateway_url}/readyz",
        }
        async with httpx.AsyncClient(**LOCAL, timeout=2.0) as http:

            async def answers() -> bool:
                if self.honcho is not None and self.honcho.popen.poll() is not None:
                    raise RuntimeError(f"the show ended:\n{self.honcho.log[-2000:]}")
                return await _answers(http, paths[package])

            await until(answers, f"{package} ready")

    async def until_backend_heard(self) -> None:
        """Wait until the gateway hears a backend, and nothing keeps it from its work."""
        async with httpx.AsyncClient(**LOCAL, timeout=2.0) as http:

            async def heard() -> bool:
                try:
                    health = (await http.get(f"{self.gateway_url}/healthz")).json()
                except (httpx.HTTPError, ValueError):
                    return False
                return bool(health["backendHeard"])

            await until(heard, "a backend heard")
        await self.until_ready("event_gateway")

    async def replaced(self, package: Package, old_pid: int) -> None:
        """Wait until another process than this one serves."""

        async def another() -> bool:
            server = self.server(package)
            return server is not None and server.pid != old_pid

        await until(another, f"another {package}")
        await self.until_ready(package)

    async def switch_quiet(self, *, on: bool) -> None:
        """Press the technician's button, again and again while the gateway is away."""
        async with httpx.AsyncClient(**LOCAL, timeout=5.0) as http:

            async def pressed() -> bool:
                try:
                    asked = await http.request(
                        "POST" if on else "DELETE", f"{self.gateway_url}/v1/quiet"
                    )
                except httpx.HTTPError:
                    return False
                return bool(asked.is_success)

            await until(pressed, f"quiet {'on' if on else 'off'}")

    async def ask_restart(self, package: Package) -> None:
        """Ask for a restart with the command that an operator uses."""
        asked = self.start("restart", "-m", package, "restart")
        code = await asyncio.to_thread(asked.wait, READY_WITHIN_S)
        self.processes.remove(asked)
        if code != 0:
            raise RuntimeError(f"{package} restart: {asked.log}")

    async def live_sessions(self) -> list[str]:
        """Return the sessions that are still open at the gateway."""
        live = msgspec.json.decode(await self._got("/v1/sessions"))["sessions"]
        return [each["sessionId"] for each in live]

    async def recorded(self, session_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return the frames of each session that are on the gateway's record."""
        return {
            session_id: [
                bytes(event).decode()
                for event in msgspec.json.decode(
                    await self._got(f"/v1/events/history?sessionId={session_id}"),
                    type=dict[str, list[msgspec.Raw]],
                )["events"]
            ]
            for session_id in session_ids
        }

    async def _got(self, path: str) -> bytes:
        async with httpx.AsyncClient(**LOCAL, timeout=20) as http:
            return (await http.get(self.gateway_url + path)).raise_for_status().content

    def _run_file(self, package: Package) -> RunFile | None:
        try:
            content = run_file(self.artifacts / RUN_DIR, package).read_bytes()
            return msgspec.json.decode(content, type=RunFile)
        except (OSError, msgspec.MsgspecError):
            return None


def role_of(child: psutil.Process) -> str | None:
    """Return what a child of the chat backend is; None while it starts, or if it is neither.

    Linux only tells which libraries a process has loaded.
    """
    try:
        mapped = Path(f"/proc/{child.pid}/maps").read_text("utf-8", "replace")
    except OSError:
        return None
    return next((role for role, library in _LIBRARY_OF.items() if library in mapped), None)


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, *, within_s: float = READY_WITHIN_S
) -> None:
    """Wait for a condition; raise `TimeoutError` after the limit."""
    give_up_at = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _living(pid: int) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None
