"""Builds Reflective Resonance in TouchDesigner: operators, tables, watchdog and six voices.

Paste these two lines into the Textport (Alt+T), with the path of this folder on your machine::

    RR = 'C:/shows/reflective-resonance/touchdesigner'
    exec(open(RR + '/build.py', encoding='utf-8').read())

It can be pasted again at any time: what is there stays, your DAT ``show`` untouched, and only the
parameters below are set anew. A parameter that your build does not know is named and left alone.
"""

from pathlib import Path
from typing import Any

import td  # TouchDesigner's own module

HOST = globals().get("RR_HOST", "localhost")
PORT = globals().get("RR_PORT", 8000)
NAME = "reflective_resonance"
SLOTS = (1, 2, 3, 4, 5, 6)

Op = Any  # TouchDesigner's objects have no types of their own

SHOW = '''# Yours. Each function may be deleted; a newer kit does not touch this DAT.
# The waves play without a line here; return False from onTurn1 or onDialogue to play them yourself.


def onTurn1(event):
    """Turn 1 of a session is ready: event["payload"]["slots"]."""


def onDialogue(event):
    """A dialogue is ready: event["payload"]["commenters"], ["respondent"], ["playOrder"]."""


def onUtterance(wave, role, event):
    """A voice begins: wave["slotId"], ["text"], ["durationMs"], ["voiceProfile"]; role says why."""


def onSilence():
    """Everything that came has been played."""


def onConnected(ack):
    """The gateway is there."""


def onReplaced(event):
    """Another client took this place over."""


def onProblem(text):
    """Something went wrong; the table status says it too."""
'''

# Starts the watchdog when the project opens.
STARTER = """def onStart():
    op("watchdog").par.initialize.pulse()
    op("watchdog").par.start.pulse()
"""


def build(folder: str, root: Op = None) -> Op:
    """Build everything below `root` (default ``/project1``) and return the component."""
    kit = Path(folder) / "reflective_resonance.py"
    if not kit.is_file():
        raise RuntimeError(f"no kit at {kit}: set RR to the folder that build.py lies in")
    root = root or td.op("/project1") or td.op("/")
    home = _have(root, td.baseCOMP, NAME)

    callbacks = _have(home, td.textDAT, "callbacks")
    _set(callbacks, file=kit.as_posix(), syncfile=1)
    callbacks.text = kit.read_text("utf-8")
    if home.op("show") is None:
        _have(home, td.textDAT, "show").text = SHOW

    _table(home, "status", ["name", "value"])
    _table(home, "events", ["time", "type", "session", "seq", "status", "what"])

    voices = [_voice(home, slot) for slot in SLOTS]
    merged = _have(home, td.mergeCHOP, "voices")
    out = _have(home, td.outCHOP, "out1")
    for place, voice in enumerate(voices):
        merged.inputConnectors[place].connect(voice)
    out.inputConnectors[0].connect(merged)

    watchdog = _have(home, td.timerCHOP, "watchdog")
    _set(watchdog, lengthunits="seconds", length=1, cycle=1, cyclelimit=0, callbacks=callbacks)
    starter = _have(home, td.executeDAT, "starter")
    starter.text = STARTER
    _set(starter, active=1, start=1)

    socket = _have(home, td.websocketDAT, "events_socket")
    _set(socket, netaddress=HOST, port=PORT, callbacks=callbacks, clamp=1, maxlines=100)
    _place(home)
    # Last: now everything that a message needs is there.
    _set(socket, active=1)
    watchdog.par.initialize.pulse()
    watchdog.par.start.pulse()
    print(f"built {home.path}: it listens to ws://{HOST}:{PORT}/; see its table 'status'")
    return home


def _voice(home: Op, slot: int) -> Op:
    """An Audio File In CHOP that plays when it is told to, once, from the start."""
    voice = _have(home, td.audiofileinCHOP, f"voice{slot}")
    # Under "Locked to Timeline" Play does nothing.
    _set(voice, playmode="sequential", repeat="off", play=0, cue=0, volume=1)
    return voice


def _table(home: Op, name: str, head: list[str]) -> None:
    table = _have(home, td.tableDAT, name)
    if table.numRows == 0 or [str(cell) for cell in table.row(0)] != head:
        table.clear()
        table.appendRow(head)


def _have(parent: Op, kind: Op, name: str) -> Op:
    """Return the operator of this name, made if it is missing."""
    return parent.op(name) or parent.create(kind, name)


def _set(operator: Op, **values: Any) -> None:
    for name, value in values.items():
        if not hasattr(operator.par, name):
            print(f"{operator.path}: this build has no parameter '{name}'; set it by hand")
            continue
        setattr(operator.par, name, value)


def _place(home: Op) -> None:
    """Lay the operators out, left to right by what they are for."""
    columns = (
        ("events_socket", "callbacks", "show", "watchdog", "starter"),
        ("status", "events"),
        tuple(f"voice{slot}" for slot in SLOTS),
        ("voices", "out1"),
    )
    for column, names in enumerate(columns):
        for row, name in enumerate(names):
            operator = home.op(name)
            operator.nodeX, operator.nodeY = column * 250, -row * 130


if "RR" in globals():
    build(globals()["RR"])
elif __name__ == "__main__" or "__file__" not in globals():
    print("first say where this folder is: RR = 'C:/.../touchdesigner', then run it again")
