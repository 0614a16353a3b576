"""The stage's WebSocket DAT, really connected."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.touchdesigner.stage import Stage

LOOK_EVERY_S: Final = 0.01
CONDITION_WITHIN_S: Final = 20.0


class ConnectedDat:
    """Connects when Active is on, as TouchDesigner does: no code, no reason, no retry."""

    def __init__(self, stage: Stage, heard: Callable[[str], None]) -> None:
        self.stage = stage
        self._heard = heard
        self.connections = 0
        self._task: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        stage.socket.on_change = self._changed

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Let TouchDesigner's frames pass until it is so."""
        give_up_at = time.monotonic() + CONDITION_WITHIN_S
        while not condition():
            assert time.monotonic() < give_up_at, f"{what}: not within {CONDITION_WITHIN_S:g} s"
            await self.frame()

    async def frame(self) -> None:
        """One frame: the watchdog, what is due, and what was said."""
        self.stage.callbacks.onCycle(self.stage.home.the("watchdog"), 0, 0)
        self.stage.advance()
        await self.send_what_was_said()
        await asyncio.sleep(LOOK_EVERY_S)

    async def said(self) -> None:
        """Let the gateway read all that was said: it answers a ping after it."""
        await self.send_what_was_said()
        if self._socket is not None:
            await (await self._socket.ping())

    async def close(self) -> None:
        """Quit TouchDesigner."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _changed(self, name: str) -> None:
        if name not in ("active", "reset"):
            return
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self.stage.socket.par.active:
            self._task = asyncio.create_task(self._connection(), name="websocket dat")

    async def _connection(self) -> None:
        dat = self.stage.socket
        where = f"ws://{dat.par.netaddress.value}:{dat.par.port.value}/"
        dat.sent.clear()
        try:
            async with connect(where, compression=None, proxy=None) as self._socket:
                self.connections += 1
                self.stage.call("onConnect", dat)
                async for message in self._socket:
                    self._heard(str(message))
                    self.stage.call("onReceiveText", dat, 0, message)
        except (OSError, InvalidHandshake, ConnectionClosed):
            pass
        finally:
            self._socket = None
        self.stage.call("onDisconnect", dat)

    async def send_what_was_said(self) -> None:
        """Let the socket send, as it does between two frames."""
        while self._socket is not None and self.stage.socket.sent:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(self.stage.socket.sent.pop(0))


@asynccontextmanager
async def connected(
    stage: Stage, port: int, *, heard: Callable[[str], None] = lambda _: None
) -> AsyncIterator[ConnectedDat]:
    """Switch the kit's DAT on, at this port; `heard` has each message before the kit."""
    dat = ConnectedDat(stage, heard)
    stage.home.par.Port = port
    stage.socket.par.port = port
    stage.callbacks.RETRY_FIRST_S = stage.callbacks.RETRY_MOST_S = 0.2
    stage.callbacks.KIT.retry_s = 0.2
    stage.socket.par.active = 1
    try:
        yield dat
    finally:
        await dat.close()
