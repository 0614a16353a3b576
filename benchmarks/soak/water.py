"""The kit on the stage that stands in for TouchDesigner, in real time, at the soak's connection."""

import asyncio
import contextlib
import sys
import time
from collections import Counter
from typing import Final

import msgspec

from tests.touchdesigner.stage import Stage, touchdesigner

# TouchDesigner's own frames; the watchdog cycles once a second.
_FRAME_S: Final = 1 / 60
_WATCHDOG_S: Final = 1.0


class Water:
    """Takes what the gateway sends as the kit takes it; `reports` counts what it says it plays."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._opened = contextlib.ExitStack()
        self._stage = self._built()
        self.reports: Counter[str] = Counter()
        self.left_out = 0
        self.faults: list[str] = []
        # Utterances that have started and not ended, in this life of TouchDesigner.
        self._playing: set[tuple[str, int, int]] = set()

    def close(self) -> None:
        """Quit TouchDesigner."""
        self._opened.close()

    def crash(self) -> None:
        """Quit without a word, and start again with nothing but the project's file."""
        self.left_out += self._left_out_now()
        self._opened.close()
        self._playing.clear()
        self._stage = self._built()

    def greet(self) -> list[str]:
        """Connect; return what the kit says first."""
        self._stage.socket.sent.clear()
        self._stage.call("onConnect", self._stage.socket)
        return self.said()

    def receive(self, text: str) -> None:
        """Let a frame of the gateway arrive."""
        self._stage.call("onReceiveText", self._stage.socket, 0, text)

    def lose(self) -> None:
        """Lose the connection: what plays goes on, and its end is not reported."""
        self.said()  # it is lost with the connection
        self._playing.clear()
        self._stage.call("onDisconnect", self._stage.socket)

    def said(self) -> list[str]:
        """Return what the kit has said since."""
        texts = list(self._stage.socket.sent)
        self._stage.socket.sent.clear()
        for text in texts:
            self._note(msgspec.json.decode(text))
        return texts

    async def run(self) -> None:
        """Let TouchDesigner's frames pass, for ever."""
        shown_at = watched_at = time.monotonic()
        while True:
            await asyncio.sleep(_FRAME_S)
            now = time.monotonic()
            if now - watched_at >= _WATCHDOG_S:
                watched_at = now
                self._stage.callbacks.onCycle(self._stage.home.the("watchdog"), 0, 0)
                # Both lists are for tests that end soon.
                self._stage.calls.clear()
                self._stage.volumes.clear()
            self._stage.advance(1000 * (now - shown_at))
            shown_at = now

    def counts(self) -> list[tuple[str, object]]:
        """Return what the kit has played, for a table."""
        left_out = self.left_out + self._left_out_now()
        return [
            *((f"utterances {state}", self.reports[state]) for state in sorted(self.reports)),
            ("sessions left out, since another one played", left_out),
        ]

    def _built(self) -> Stage:
        stage = self._opened.enter_context(touchdesigner())
        # What it says is for whoever waits, and no part of the account.
        with contextlib.redirect_stdout(sys.stderr):
            stage.build()
        stage.home.par.Port = stage.socket.par.port = self._port
        stage.home.par.Sound = "waves"
        return stage

    def _left_out_now(self) -> int:
        return int(self._stage.callbacks.KIT.player.left_out)

    def _note(self, said: dict[str, object]) -> None:
        if said.get("type") != "playback":
            return
        state = str(said["state"])
        key = (str(said["sessionId"]), int(str(said["turnIndex"])), int(str(said["slotId"])))
        self.reports[state] += 1
        match state:
            case "started":
                others = {each[0] for each in self._playing} - {key[0]}
                if others:
                    self.faults.append(f"{key[0]}: plays while {sorted(others)} play")
                self._playing.add(key)
            case "ended":
                self._playing.discard(key)
            case _:
                self.faults.append(f"{key[0]}: turn {key[1]}, slot {key[2]}: {said}")
