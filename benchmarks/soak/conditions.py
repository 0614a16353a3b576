"""Conditions that come and pass: a full disk, a lost outbox, another backend, a clock that jumps.

Also 500 connections that say nothing, and a log that nobody reads for a while.
"""

import asyncio
import contextlib
import random
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Literal

import psutil

from benchmarks.soak.show import SILENCE_S, Show
from event_gateway.outbox import OUTBOX_FILE
from shared_schema.layout import GATEWAY_DIR
from tests.support.client import backend
from tests.support.clocks import ShiftedClock

Condition = Literal[
    "disk full",
    "outbox removed",
    "second backend",
    "clock jump",
    "idle connections",
    "log reader paused",
]
CONDITIONS: Final[tuple[Condition, ...]] = (
    "disk full",
    "outbox removed",
    "second backend",
    "clock jump",
    "idle connections",
    "log reader paused",
)
IDLE_CONNECTIONS: Final = 500
_LASTS_S: Final = (3.0, 8.0)
_FARTHEST_JUMP_S: Final = 40 * 86_400.0
_DISK_SIZE: Final = "8g"
_LEFT_BYTES: Final = 65_536
# Against hanging only: a few are refused when much is being written.
_RESIZES: Final = 1_000


class SmallDisk:
    """A file system of its own for the artifacts, whose size can be changed. Needs root, Linux."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        options = ("-t", "tmpfs", "-o", f"size={_DISK_SIZE}", "tmpfs", str(folder))
        self.mounted = _mount(*options)

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room in it."""
        # What is written between the look and the resize makes it too small to be allowed.
        if not any(
            self._resized(shutil.disk_usage(self._folder).used + _LEFT_BYTES)
            for _ in range(_RESIZES)
        ):
            raise RuntimeError(f"{self._folder} cannot be made small")
        try:
            yield
        finally:
            if not self._resized(_DISK_SIZE):
                raise RuntimeError(f"{self._folder} cannot be resized to {_DISK_SIZE}")

    def _resized(self, size: int | str) -> bool:
        return _mount("-o", f"remount,size={size}", str(self._folder))

    def close(self) -> None:
        """Unmount it, with all that is in it."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)  # noqa: S607


def _mount(*arguments: str) -> bool:
    mount = shutil.which("mount")
    if mount is None:
        return False
    return subprocess.run([mount, *arguments], capture_output=True, check=False).returncode == 0


class Conditions:
    """Lets each condition come and pass. `losses` says when the outbox was removed."""

    def __init__(self, show: Show, chance: random.Random) -> None:
        self._show = show
        self._chance = chance
        self._clock = ShiftedClock(show)
        self._disk = SmallDisk(show.artifacts)
        self._backends = 0
        self.losses: list[float] = []

    @property
    def possible(self) -> tuple[Condition, ...]:
        """The conditions that can be made here."""
        return CONDITIONS if self._disk.mounted else CONDITIONS[1:]

    async def pass_over(self, condition: Condition) -> None:
        """Let it come, last and pass."""
        match condition:
            case "disk full":
                with self._disk.full():
                    await self._last()
            case "outbox removed":
                self._remove_outbox()
            case "second backend":
                await self._second_backend()
            case "clock jump":
                farthest = self._chance.choice((600.0, _FARTHEST_JUMP_S))
                self._clock.set_ahead(self._chance.uniform(-farthest, farthest))
            case "idle connections":
                async with self._idle_connections():
                    await self._last()
            case "log reader paused":
                assert self._show.honcho is not None
                reader = psutil.Process(self._show.honcho.pid)
                reader.suspend()
                try:
                    await self._last()
                finally:
                    reader.resume()

    def close(self) -> None:
        """Give back what was taken from the system."""
        self._disk.close()

    async def _last(self) -> None:
        await asyncio.sleep(self._chance.uniform(*_LASTS_S))

    def _remove_outbox(self) -> None:
        self.losses.append(time.time())
        file, log = OUTBOX_FILE, f"{OUTBOX_FILE}-wal"
        for name in self._chance.choice(((file,), (log,), (file, log))):
            (self._show.artifacts / GATEWAY_DIR / name).unlink(missing_ok=True)

    async def _second_backend(self) -> None:
        """Let another backend answer for a while, and wait until the first is heard again."""
        self._backends += 1
        show = self._show
        async with backend(show.bus_url, show.artifacts, epoch=f"second {self._backends}"):
            await self._last()
        await asyncio.sleep(2 * SILENCE_S)
        await show.until_backend_heard()

    @asynccontextmanager
    async def _idle_connections(self) -> AsyncIterator[None]:
        """Open connections to both servers that say nothing; the servers may close some."""
        ports = (self._show.gateway_port, self._show.chat_port)
        with contextlib.ExitStack() as stack:
            for number in range(IDLE_CONNECTIONS):
                with contextlib.suppress(OSError):
                    address = ("127.0.0.1", ports[number % len(ports)])
                    connection = await asyncio.to_thread(socket.create_connection, address, 5.0)
                    stack.enter_context(connection)
            yield
