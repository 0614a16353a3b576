"""Reflective Resonance in TouchDesigner: callbacks of the WebSocket DAT and of the watchdog timer.

``build.py`` puts this file behind a WebSocket DAT (``events_socket``) and a Timer CHOP
(``watchdog``), beside the DATs ``player`` (what plays when) and ``sound`` (the players), and the
tables ``status``, ``events``, ``moods`` and ``places``. Nothing here needs to be edited: what you
write into the DAT ``show`` (``onTurn1``, ``onDialogue``, ``onUtterance``, ``onSilence``, ...) is
called at the right moment, and outlives a newer version of this file.

Rules
-----
* What the gateway sends is taken once by (``sessionId``, ``seq``), also after a reconnect.
* A callback of the DAT touches no other operator; all that is done a frame later.
* After a reconnect, sessions whose Turn 1 is older than `Maxage` are left out; one that plays goes
  on.
* Another TouchDesigner that takes the place over is respected: nothing reconnects until
  ``reconnect()`` is called or Active is switched on again by hand.
"""

import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import td  # TouchDesigner's own module

VERSION = "1.1"

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
# The function of the DAT `show` for each event that can be played.
HOOKS = {
    "turn1.waves.ready": "onTurn1",
    "dialogue.waves.ready": "onDialogue",
    "final_summary.ready": "onSummary",
    "user_sentiment": "onSentiment",
}
OLDER_COMPONENT = "this kit is newer than its component: paste the two lines of build.py again"
# Custom parameters are called with one capital letter at the beginning.
DEFAULTS = {"Sound": "mix", "Turn1": "together", "Gap": "0", "Maxage": "30"}

# TouchDesigner's objects have no types of their own; an event is the JSON that the gateway sent.
Op = Any
Event = dict[str, Any]


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
        self.reports = False
        # Events that come now because they were missed.
        self.replay_left = 0
        self.places: list[list[str]] = []
        self._player: Any = None

    @property
    def player(self) -> Any:
        """What plays, made from the DATs beside this one."""
        if self._player is None:
            sound, player = self.near("sound"), self.near("player")
            if sound is None or player is None:
                self.show_status(problem=OLDER_COMPONENT)
                raise RuntimeError(OLDER_COMPONENT)
            self._player = player.module.Player(self, sound.module.Sound(self.near))
        return self._player

    # The connection

    def opened(self, dat: Op) -> None:
        """Greet the gateway, and say what is here already."""
        self.dat = dat
        self.connected = True
        self.replaced = False
        self.pinged = False
        self.replay_left = 0
        self.heard_at = time.monotonic()
        # A gateway that is quiet says so after this.
        self.defer(self.hush, False)
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
        self.apply_settings()
        self.player.tick()
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
        if kind in HOOKS:
            replayed = self.replay_left > 0
            self.replay_left = max(0, self.replay_left - 1)
            if self.is_new(event):
                self.defer(self.session_event, event, replayed)
        elif kind == "hello.ack":
            self.retry_s = RETRY_FIRST_S
            self.reports = "playback" in event.get("capabilities", ())
            self.replay_left = event.get("replayCount", 0)
            self.defer(self.greeted, event)
        elif kind == "session.stopped":
            self.defer(self.stopped, event)
        elif kind == "hush":
            self.defer(self.hush, event.get("on") is True)
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

    def session_event(self, event: Event, replayed: bool = False) -> None:
        """Write an event down, tell the show, and play it."""
        what = _summary(event)
        table = self.near("events")
        if table is not None:
            status = event["payload"].get("status", "")
            table.appendRow(
                [_clock(), event["type"], event["sessionId"], event["seq"], status, what]
            )
            while table.numRows > EVENT_ROWS_MAX + 1:
                table.deleteRow(1)
        self.show_status(last_event=f"{_clock()} {what}")
        if replayed and self.too_old(event):
            self.show_status(left_out=f"session {event['sessionId'][:8]} is too old (Maxage)")
            self.player.drop(event["sessionId"])
        if self.hook(HOOKS[event["type"]], event) is False:
            return
        if event["type"] == "user_sentiment":
            self.begin_mood(event)
        else:
            self.player.add(event)

    def too_old(self, event: Event) -> bool:
        """Return whether an event that was missed is not to be played any more."""
        for session in (self.player.current, self.player.waiting):
            if session is not None and session.id == event["sessionId"]:
                return False
        at = datetime.fromisoformat(event["ts"].replace("Z", "+00:00")).timestamp()
        return time.time() - at > float(self.setting("Maxage"))

    def begin_mood(self, event: Event) -> None:
        """Play the file of a mood, if the table `moods` has one."""
        table = self.near("moods")
        row = table.row(event["payload"]["sentiment"]) if table is not None else None
        path = str(row[1]) if row is not None else ""
        if path:
            self.player.begin_mood(event, path)

    def stopped(self, event: Event) -> None:
        """A session was stopped."""
        self.player.stop_session(event["sessionId"])
        self.hook("onStopped", event)

    def hush(self, on: bool) -> None:
        """Rest, or play again."""
        if on != self.player.hushed:
            self.player.hush(on)
            self.hook("onHush", on)

    def send(self, report: Event) -> None:
        """Tell the gateway what plays."""
        if self.connected and self.reports:
            self.dat.sendText(json.dumps(report))

    # The component's own parameters and tables

    def setting(self, name: str) -> str:
        """Return a custom parameter, or its row in the table `settings` where there are none."""
        home = self.dat.parent()
        if hasattr(home.par, name):
            return str(getattr(home.par, name))
        table = self.near("settings")
        row = table.row(name) if table is not None else None
        return str(row[1]) if row is not None else DEFAULTS.get(name, "")

    def apply_settings(self) -> None:
        """Follow the parameters Host and Port, and the table `places`."""
        host, port = self.setting("Host"), self.setting("Port")
        par = self.dat.par
        if host and port and (str(par.netaddress), str(par.port)) != (host, port):
            par.netaddress, par.port = host, int(port)
            self.retry_at = 0.0
            self.connected = False
        table = self.near("places")
        if table is None:
            return
        rows = [[str(cell) for cell in table.row(n)] for n in range(1, table.numRows)]
        if rows != self.places:
            self.places = rows
            wrong = self.player.sound.set_places(rows)
            if wrong:
                self.problem(wrong)

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

    def name(self, event: Event) -> str:
        """Return what an event is, for the table `status`."""
        return _summary(event) + (" (rehearsal)" if event["payload"].get("rehearsal") else "")

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


def selftest() -> None:
    """Write what this TouchDesigner says of the kit to a file beside the project."""
    home = KIT.dat.parent() if KIT.dat is not None else td.op("/project1/reflective_resonance")
    silence = str(home.fetch("rr_silence", "", search=False))
    home.op("selftest").module.run(home, silence, print)


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


def _summary(event: Event) -> str:
    payload = event["payload"]
    if event["type"] == "turn1.waves.ready":
        return f"turn 1: {payload['slotsReady']} of {payload['slotsExpected']} slots"
    if event["type"] == "user_sentiment":
        return f"mood: {payload['sentiment']}"
    if event["type"] == "final_summary.ready":
        return "summary"
    return f"{payload['dialogueId']}: " + " > ".join(
        str(step["slotId"]) for step in payload["playOrder"]
    )


def _clock() -> str:
    return time.strftime("%H:%M:%S")
