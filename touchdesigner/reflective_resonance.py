"""Reflective Resonance in TouchDesigner: callbacks of the WebSocket DAT and of the watchdog timer.

``build.py`` puts this file behind a WebSocket DAT (``events_socket``) and a Timer CHOP
(``watchdog``), beside the tables ``status`` and ``events`` and the players ``voice1`` to
``voice6``. Nothing here needs to be edited: what you write into the DAT ``show`` (``onTurn1``,
``onDialogue``, ``onUtterance``, ``onSilence``, ``onConnected``, ``onReplaced``, ``onProblem``) is
called at the right moment, and outlives a newer version of this file.

Rules
-----
* What the gateway sends is taken once by (``sessionId``, ``seq``), also after a reconnect.
* A callback of the DAT touches no other operator; all that is done a frame later.
* Turn 1 plays on all its slots together. A dialogue plays ``playOrder`` step by step, each for its
  ``durationMs``. What comes while something plays waits for its turn; a rehearsal never keeps the
  live show waiting.
* Another TouchDesigner that takes the place over is respected: nothing reconnects until
  ``reconnect()`` is called or Active is switched on again by hand.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import td  # TouchDesigner's own module

VERSION = "1.0"
SLOTS = (1, 2, 3, 4, 5, 6)

# On the first connection also ask for what came in the last minutes (the gateway's replay window).
CATCH_UP_AT_START = True
# Between two attempts to connect, in seconds; doubles from the first to the second.
RETRY_FIRST_S = 2.0
RETRY_MOST_S = 30.0
# The gateway pings every 20 s: a connection that pinged once and then is silent so long is dead.
SILENCE_S = 65.0
EVENT_ROWS_MAX = 100
SESSIONS_REMEMBERED = 200
QUOTE_CHARS = 60

# TouchDesigner's objects have no types of their own; an event is the JSON that the gateway sent.
Op = Any
Event = dict[str, Any]


class Player:
    """Plays one thing at a time: Turn 1, or a dialogue; the rest waits."""

    def __init__(self, kit: "Kit") -> None:
        self.kit = kit
        self.queue: list[Event] = []
        self.now: Event | None = None
        # Grows when something is cut short, so that what was scheduled for it does nothing.
        self.round = 0

    def add(self, event: Event) -> None:
        """Take an event that can be played."""
        live = not event["payload"].get("rehearsal")
        if live and self.now is not None and self.now["payload"].get("rehearsal"):
            self.stop()
        if live:
            self.queue = [each for each in self.queue if not each["payload"].get("rehearsal")]
        self.queue.append(event)
        if self.now is None:
            self.play_next()

    def stop(self) -> None:
        """Silence everything that plays; what waits stays."""
        self.round += 1
        self.now = None
        for slot in SLOTS:
            self.kit.silence(slot)

    def play_next(self) -> None:
        """Begin with what waits longest, or rest."""
        self.now = self.queue.pop(0) if self.queue else None
        self.kit.show_status(playing=_name(self.now) if self.now else "")
        if self.now is None:
            self.kit.hook("onSilence")
            return
        payload = self.now["payload"]
        if self.now["type"] == "turn1.waves.ready":
            waves = payload["slots"]
            for wave in waves:
                self.start(wave, "response")
            longest_ms = max((wave["durationMs"] for wave in waves), default=0)
            self.later(longest_ms, self.end, [wave["slotId"] for wave in waves])
        else:
            self.step(self.now, 0)

    def step(self, event: Event, number: int) -> None:
        """Play one step of a dialogue, and come back for the next when it is over."""
        payload = event["payload"]
        if number >= len(payload["playOrder"]):
            self.play_next()
            return
        step = payload["playOrder"][number]
        wave = _wave_of(payload, step)
        self.start(wave, step["role"])
        self.later(wave["durationMs"], self.next_step, event, wave["slotId"], number + 1)

    def next_step(self, event: Event, slot: int, number: int) -> None:
        """End a step and begin the next."""
        self.kit.silence(slot)
        self.step(event, number)

    def end(self, slots: list[int]) -> None:
        """End Turn 1."""
        for slot in slots:
            self.kit.silence(slot)
        self.play_next()

    def start(self, wave: Event, role: str) -> None:
        """Let a slot's voice play its file."""
        self.kit.sound(wave)
        self.kit.hook("onUtterance", wave, role, self.now)

    def later(self, delay_ms: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call after a time, unless everything was cut short meanwhile."""
        this_round = self.round

        def due() -> None:
            if self.round == this_round:
                call(*arguments)

        td.run("args[0]()", due, delayMilliSeconds=max(int(delay_ms), 1))


class Kit:
    """What is known of the connection, and the way to the operators around the DAT."""

    def __init__(self) -> None:
        self.dat: Op = None
        self.connected = False
        self.replaced = False
        self.retry_s = RETRY_FIRST_S
        self.retry_at = 0.0
        self.heard_at = 0.0
        self.pinged = False
        self.player = Player(self)

    # The connection

    def opened(self, dat: Op) -> None:
        """Greet the gateway, and say what is here already."""
        self.dat = dat
        self.connected = True
        self.replaced = False
        self.pinged = False
        self.heard_at = time.monotonic()
        hello: Event = {"type": "hello", "client": "touchdesigner", "version": VERSION}
        seen = self.seen()
        if seen:
            hello["resume"] = seen
        elif CATCH_UP_AT_START:
            hello["resume"] = "recent"
        dat.sendText(json.dumps(hello))
        self.defer(self.show_status, state="connected", since=_clock(), problem="")

    def closed(self, dat: Op) -> None:
        """Note the end; the watchdog tries again unless another client took the place over."""
        self.dat = dat
        self.connected = False
        self.retry_at = time.monotonic() + self.retry_s
        if not self.replaced:
            self.defer(self.show_status, state="waiting for the gateway", since=_clock())

    def tick(self, dat: Op) -> None:
        """Look after the connection, once a second."""
        self.dat = dat
        now = time.monotonic()
        if self.replaced:
            return
        if self.connected and self.pinged and now - self.heard_at > SILENCE_S:
            self.connected = False
            self.retry_at = now
        if self.connected or now < self.retry_at:
            return
        self.retry_at = now + self.retry_s
        self.retry_s = min(self.retry_s * 2, RETRY_MOST_S)
        self.show_status(state="waiting for the gateway")
        self.open_again()

    def open_again(self) -> None:
        """Make the DAT connect anew."""
        if self.dat.par.active and hasattr(self.dat.par, "reset"):
            self.dat.par.reset.pulse()
            return
        self.dat.par.active = 0
        self.defer(setattr, self.dat.par, "active", 1)

    def receive(self, dat: Op, message: str) -> None:
        """Take one message of the gateway."""
        self.dat = dat
        self.heard_at = time.monotonic()
        # Some builds report no connect; a message proves it.
        self.connected = True
        try:
            event = json.loads(message)
            kind = event["type"]
        except (ValueError, KeyError, TypeError, RecursionError):
            self.defer(self.problem, f"not an event: {message[:QUOTE_CHARS]}")
            return
        if kind in ("turn1.waves.ready", "dialogue.waves.ready"):
            if self.is_new(event):
                self.defer(self.session_event, event)
        elif kind == "hello.ack":
            self.retry_s = RETRY_FIRST_S
            self.defer(self.greeted, event)
        elif kind == "session.replaced":
            self.replaced = True
            self.defer(self.leave, event)
        elif kind == "error":
            self.defer(self.problem, f"the gateway says: {event.get('message', '')}")
        # Anything else is of a newer gateway, and not for this kit.

    # Taken once

    def seen(self) -> dict[str, int]:
        """Return the last seq of each session; kept by the component, so that edits keep it."""
        seen: dict[str, int] = self.dat.parent().fetch("rr_seen", {}, search=False)
        return seen

    def is_new(self, event: Event) -> bool:
        """Return whether an event was not here before, and remember it."""
        seen = dict(self.seen())
        session, seq = event["sessionId"], event["seq"]
        if seq <= seen.get(session, 0):
            return False
        seen.pop(session, None)
        seen[session] = seq
        while len(seen) > SESSIONS_REMEMBERED:
            del seen[next(iter(seen))]
        self.dat.parent().store("rr_seen", seen)
        return True

    # What follows, a frame later

    def greeted(self, event: Event) -> None:
        """The gateway is there."""
        self.show_status(
            state="connected", server=f"{event.get('server', '')} {event.get('version', '')}"
        )
        self.hook("onConnected", event)

    def leave(self, event: Event) -> None:
        """Another client took the place over: stay away."""
        self.dat.par.active = 0
        self.show_status(
            state="replaced by another client; call reconnect() to take the place back",
            since=_clock(),
        )
        self.hook("onReplaced", event)

    def session_event(self, event: Event) -> None:
        """Write an event down, tell the show, and play it."""
        payload = event["payload"]
        what = _summary(event)
        table = self.near("events")
        if table is not None:
            table.appendRow(
                [_clock(), event["type"], event["sessionId"], event["seq"], payload["status"], what]
            )
            while table.numRows > EVENT_ROWS_MAX + 1:
                table.deleteRow(1)
        self.show_status(last_event=f"{_clock()} {what}")
        name = "onTurn1" if event["type"] == "turn1.waves.ready" else "onDialogue"
        if self.hook(name, event) is not False:
            self.player.add(event)

    def sound(self, wave: Event) -> None:
        """Let the slot's voice begin its file."""
        path = wave["waveMixPathAbs"]
        if not Path(path).is_file():
            self.problem(f"no such file here: {path}; is the gateway on this machine?")
            return
        voice = self.near(f"voice{wave['slotId']}")
        if voice is None:
            return
        voice.par.file = path
        # The same path again would not be loaded again.
        voice.par.reloadpulse.pulse()
        voice.par.cuepulse.pulse()
        voice.par.play = 1

    def silence(self, slot: int) -> None:
        """End a slot's voice."""
        voice = self.near(f"voice{slot}")
        if voice is not None:
            voice.par.play = 0

    def problem(self, text: str) -> None:
        """Show what went wrong."""
        self.show_status(problem=text)
        self.hook("onProblem", text)

    def hook(self, name: str, *arguments: Any) -> Any:
        """Call a function of the DAT ``show`` if it is there; its mistakes do not stop the show."""
        show = self.near("show")
        function = getattr(show.module, name, None) if show is not None else None
        if function is None:
            return None
        try:
            return function(*arguments)
        except Exception as error:  # an artist's code may fail in any way
            self.show_status(problem=f"show.{name}: {type(error).__name__}: {error}")
            return None

    def show_status(self, **values: str) -> None:
        """Write into the table ``status``."""
        table = self.near("status")
        if table is None:
            return
        for key, value in values.items():
            if table.row(key) is None:
                table.appendRow([key, value])
            else:
                table[key, 1] = value

    def near(self, name: str) -> Op:
        """Return the operator of this name beside the DAT, or None."""
        return self.dat.parent().op(name) if self.dat is not None else None

    def defer(self, call: Callable[..., None], *arguments: Any, **options: Any) -> None:
        """Call in the next frame: a callback must not cook other operators itself."""
        td.run("args[0]()", lambda: call(*arguments, **options), delayFrames=1)


KIT = Kit()


def reconnect() -> None:
    """Take the place back after another client took it over: op('callbacks').module.reconnect()."""
    KIT.replaced = False
    KIT.retry_s = RETRY_FIRST_S
    KIT.retry_at = 0.0
    if KIT.dat is not None:
        KIT.open_again()


# Callbacks of the WebSocket DAT


def onConnect(dat: Op) -> None:
    """TouchDesigner has connected."""
    KIT.opened(dat)


def onDisconnect(dat: Op) -> None:
    """The connection is gone."""
    KIT.closed(dat)


def onReceiveText(dat: Op, rowIndex: int, message: str) -> None:
    """A message came."""
    KIT.receive(dat, message)


def onReceivePing(dat: Op, contents: bytes) -> None:
    """The gateway asks whether we are there; without this line nothing breaks."""
    KIT.heard_at = time.monotonic()
    KIT.pinged = True
    dat.sendPong(contents)


# Callback of the watchdog, a Timer CHOP that cycles every second


def onCycle(timerOp: Op, segment: int, cycle: int) -> None:
    """A second has passed."""
    dat = timerOp.parent().op("events_socket")
    if dat is not None:
        KIT.tick(dat)


def _wave_of(payload: Event, step: Event) -> Event:
    waves: list[Event] = payload["commenters"]
    if step["role"] == "respondent":
        waves = [payload["respondent"]]
    return next(wave for wave in waves if wave["slotId"] == step["slotId"])


def _name(event: Event) -> str:
    return _summary(event) + (" (rehearsal)" if event["payload"].get("rehearsal") else "")


def _summary(event: Event) -> str:
    payload = event["payload"]
    if event["type"] == "turn1.waves.ready":
        return f"turn 1: {payload['slotsReady']} of {payload['slotsExpected']} slots"
    return f"{payload['dialogueId']}: " + " > ".join(
        str(step["slotId"]) for step in payload["playOrder"]
    )


def _clock() -> str:
    return time.strftime("%H:%M:%S")
