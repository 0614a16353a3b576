"""The players of Reflective Resonance: they open files together, start, and fade.

``build.py`` puts this file into the DAT ``sound``. A player is an Audio File In CHOP with an Info
CHOP ``info_<player>`` beside it. Its Play changes only while its Volume is zero, so nothing clicks;
players that belong together start in the same frame, when the last of them has opened its file.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import td  # TouchDesigner's own module

SLOTS = (1, 2, 3, 4, 5, 6)
VOICES = tuple(f"voice{slot}" for slot in SLOTS)
WAVES = tuple(f"slot{slot}{letter}" for slot in SLOTS for letter in "AB")
MOOD = "mood"
PLAYERS = (*VOICES, *WAVES, MOOD)

# A file that is not open after this is taken for one that cannot be opened.
OPEN_WITHIN_S = 5.0
# Up at the start, down at the end of a file, which is silent there; down when it is cut short.
ATTACK_S = 0.03
RELEASE_S = 0.05
FADE_S = 0.4

Op = Any
# Called when players have started, with the reasons why others have not.
Started = Callable[[dict[str, str]], None]


class Sound:
    """All players of the component."""

    def __init__(self, near: Callable[[str], Op]) -> None:
        self.near = near
        # Player: volume at the beginning, at the end, when it began, and how long it takes.
        self.ramps: dict[str, tuple[float, float, float, float]] = {}
        self.running = False
        # Grows when all is cut short, so that files that open afterwards do not start.
        self.round = 0

    def start(self, files: dict[str, str], started: Started) -> None:
        """Open a file in each player, and start them together when all are open."""
        failed: dict[str, str] = {}
        for name, path in files.items():
            if self.near(name) is None:
                failed[name] = f"the player {name} is missing: run build.py again"
            elif not Path(path).is_file():
                failed[name] = f"no such file here: {path}; is the gateway on this machine?"
            else:
                self.open(name, path)
        waiting = [name for name in files if name not in failed]
        give_up_at = td.absTime.seconds + OPEN_WITHIN_S
        this_round = self.round

        def look() -> None:
            if self.round != this_round:
                return
            states = {name: self.state(name) for name in waiting if name not in failed}
            for name, state in states.items():
                if state == "failed":
                    failed[name] = f"cannot be opened: {files[name]}"
                elif state == "opening" and td.absTime.seconds > give_up_at:
                    failed[name] = f"not open after {OPEN_WITHIN_S:g} s: {files[name]}"
            if any(state == "opening" and name not in failed for name, state in states.items()):
                later(look)
                return
            for name in waiting:
                if name not in failed:
                    self.near(name).par.play = 1
                    self.ramp(name, 1.0, ATTACK_S)
            started(failed)

        # Not before the players have noticed their new files.
        later(look, frames=2)

    def open(self, name: str, path: str) -> None:
        """Let a silent player open a file at its beginning."""
        player = self.near(name)
        self.ramps.pop(name, None)
        player.par.volume = 0
        player.par.play = 0
        player.par.file = path
        # The same path again would not be loaded again.
        player.par.reloadpulse.pulse()
        player.par.cuepulse.pulse()

    def state(self, name: str) -> str:
        """Return whether a player's file is open, opening or failed, by its Info CHOP."""
        info = self.near(f"info_{name}")
        if _channel(info, "open_failed", 0):
            return "failed"
        if _channel(info, "opening", 0) or not _channel(info, "open", 1):
            return "opening"
        return "open"

    def fade(self, name: str) -> None:
        """Let a player fade out."""
        self.release(name, FADE_S)

    def release(self, name: str, within_s: float = RELEASE_S) -> None:
        """Let a player fall silent, then stop it."""
        player = self.near(name)
        if player is not None and (player.par.play or name in self.ramps):
            self.ramp(name, 0.0, within_s)

    def fade_all(self) -> None:
        """Let everything fall silent, and start nothing that is still opening."""
        self.round += 1
        for name in PLAYERS:
            self.fade(name)

    def set_places(self, rows: list[list[str]]) -> str:
        """Set each place's gain, and its channel of ``out3``; return what is wrong with the table.

        A row is place, gain, mute (0 or 1) and output, which is the channel, from 1.
        """
        try:
            places = [(int(row[0]), float(row[1]), int(row[2]), int(row[3])) for row in rows]
        except (ValueError, IndexError):
            return "places: each row needs place, gain, mute (0 or 1), output; nothing was changed"
        for column, what in ((0, "place"), (3, "output")):
            if sorted(row[column] for row in places) != list(SLOTS):
                return f"places: each {what} from 1 to 6 is needed once; nothing was changed"
        merged, named = self.near("places_merged"), self.near("places_named")
        for place, gain, mute, output in places:
            mixed = self.near(f"place{place}")
            mixed.par.gain = 0 if mute else gain
            merged.inputConnectors[output - 1].connect(mixed)
        order = sorted(places, key=lambda row: row[3])
        named.par.renameto = " ".join(f"place{row[0]}" for row in order)
        return ""

    def ramp(self, name: str, volume: float, within_s: float) -> None:
        """Move a player's volume, a step each frame."""
        now = float(self.near(name).par.volume)
        self.ramps[name] = (now, volume, td.absTime.seconds, within_s)
        if not self.running:
            self.running = True
            later(self.step)

    def step(self) -> None:
        """Move all volumes by one frame; stop the players that are silent."""
        for name, (begin, end, since, within_s) in list(self.ramps.items()):
            player = self.near(name)
            done = min(1.0, (td.absTime.seconds - since) / within_s)
            if player is None:
                del self.ramps[name]
            elif float(player.par.volume) == 0 and end == 0:
                # Silent since the frame before: now it may stop.
                player.par.play = 0
                del self.ramps[name]
            else:
                player.par.volume = begin + (end - begin) * (1 - math.cos(math.pi * done)) / 2
                if done == 1.0 and end > 0:
                    del self.ramps[name]
        self.running = bool(self.ramps)
        if self.running:
            later(self.step)


def later(call: Callable[[], None], frames: int = 1) -> None:
    """Call in a later frame."""
    td.run("args[0]()", call, delayFrames=frames)


def _channel(info: Op, name: str, missing: float) -> float:
    """Return a channel of an Info CHOP, or `missing` where the build has none."""
    channel = info[name] if info is not None else None
    return missing if channel is None else float(channel[0])
