"""Builds Reflective Resonance in TouchDesigner: operators, tables, watchdog and players.

Paste these two lines into the Textport (Alt+T), with the path of this folder on your machine::

    RR = 'C:/shows/reflective-resonance/touchdesigner'
    exec(open(RR + '/build.py', encoding='utf-8').read())

It can be pasted again at any time: what is there stays, your DAT ``show``, your tables and your
settings untouched, and only the parameters below are set anew. A parameter that your build does not
know is named and left alone.
"""

from pathlib import Path
from typing import Any

import td  # TouchDesigner's own module

HOST = globals().get("RR_HOST", "localhost")
PORT = globals().get("RR_PORT", 8000)
NAME = "reflective_resonance"
SLOTS = (1, 2, 3, 4, 5, 6)
VOICES = [f"voice{slot}" for slot in SLOTS]
WAVES = [f"slot{slot}{letter}" for slot in SLOTS for letter in "AB"]
PLAYERS = [*VOICES, *WAVES, "mood"]
PLACES = [f"place{slot}" for slot in SLOTS]
# DATs with the kit's code, and the file of each.
CODE = {
    "callbacks": "reflective_resonance.py",
    "player": "player.py",
    "sound": "sound.py",
    "selftest": "selftest.py",
}
SILENCE = "silence.wav"
PAGE = "Show"
MENUS = {"Sound": ["mix", "waves"], "Turn1": ["together", "inturn"]}
SETTINGS = {
    "Host": HOST,
    "Port": PORT,
    "Sound": "mix",
    "Turn1": "together",
    "Gap": 0.0,
    "Maxage": 30.0,
}
WAVE_RATE_HZ = 8000
OUTPUT_RATE_HZ = 48000
# The limiter clamps: whatever is above the waves' own ceiling.
LIMIT = 0.98

Op = Any  # TouchDesigner's objects have no types of their own

SHOW = '''# Yours. Each function may be deleted; a newer kit does not touch this DAT.
# The waves play without a line here; return False from onTurn1, onDialogue, onSummary or
# onSentiment to play them yourself.


def onTurn1(event):
    """Turn 1 of a session is ready: event["payload"]["slots"]."""


def onDialogue(event):
    """A dialogue is ready: event["payload"]["commenters"], ["respondent"], ["playOrder"]."""


def onUtterance(wave, role, event):
    """A voice begins: wave["slotId"], ["text"], ["durationMs"], ["voiceProfile"]; role says why."""


def onSentiment(event):
    """The mood of what the visitor said: event["payload"]["sentiment"]."""


def onSummary(event):
    """The summary is ready: event["payload"]["text"]."""


def onSilence():
    """Everything that came has been played."""


def onStopped(event):
    """A session was stopped and fades out: event["sessionId"]."""


def onHush(on):
    """The technician's Quiet was switched on or off."""


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
    missing = [name for name in (*CODE.values(), SILENCE) if not (Path(folder) / name).is_file()]
    if missing:
        raise RuntimeError(
            f"no {missing[0]} in {folder}: set RR to the folder that build.py lies in"
        )
    root = root or td.op("/project1") or td.op("/")
    home = _have(root, td.baseCOMP, NAME)
    home.store("rr_parameters", {})
    for name, file in CODE.items():
        code = _have(home, td.textDAT, name)
        _set(code, file=(Path(folder) / file).as_posix(), syncfile=1)
        code.text = (Path(folder) / file).read_text("utf-8")
    callbacks = home.op("callbacks")
    if home.op("show") is None:
        _have(home, td.textDAT, "show").text = SHOW

    _settings(home)
    _table(home, "status", ["name", "value"])
    _table(home, "events", ["time", "type", "session", "seq", "status", "what"])
    moods = [[mood, ""] for mood in ("positive", "neutral", "negative")]
    _table(home, "moods", ["mood", "file"], moods)
    _table(home, "places", ["place", "gain", "mute", "output"], [[n, 1, 0, n] for n in SLOTS])
    # With it the players begin, so that each has its channel at once.
    silence = (Path(folder) / SILENCE).as_posix()
    home.store("rr_silence", silence)
    for name in PLAYERS:
        _player(home, name, silence)
    _outputs(home)

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


def _settings(home: Op) -> None:
    """Make the component's own parameters (Page Class: appendMenu, appendStr, ...), or a table."""
    if not hasattr(home, "appendCustomPage"):
        _table(home, "settings", ["name", "value"], [list(row) for row in SETTINGS.items()])
        return
    page = next((each for each in home.customPages if each.name == PAGE), None)
    page = page or home.appendCustomPage(PAGE)
    for name, value in SETTINGS.items():
        if hasattr(home.par, name):
            continue
        if name in MENUS:
            par = page.appendMenu(name)[0]
            par.menuNames = par.menuLabels = MENUS[name]
        elif isinstance(value, float):
            par = page.appendFloat(name)[0]
        else:
            par = page.appendInt(name)[0] if isinstance(value, int) else page.appendStr(name)[0]
        par.val = value
    # What was set before the two lines counts also for a component that is there.
    home.par.Host, home.par.Port = HOST, PORT


def _player(home: Op, name: str, silence: str) -> None:
    """An Audio File In CHOP that plays when it is told to, and the Info CHOP that watches it."""
    player = _have(home, td.audiofileinCHOP, name)
    # Under "Locked to Timeline" Play does nothing. A mood repeats until Turn 1.
    repeat = "on" if name == "mood" else "off"
    _set(player, playmode="sequential", repeat=repeat, volume=0, play=0, cue=0, mono=1)
    _set(player, file=silence)
    _set(_have(home, td.infoCHOP, f"info_{name}"), op=name)


def _outputs(home: Op) -> None:
    """The three outputs: the six mixes, the twelve waves, and the six places with their gains."""
    for number, (merged, players) in enumerate({"voices": VOICES, "waves": WAVES}.items(), start=1):
        chops = [home.op(name) for name in players]
        named = _renamed(home, f"{merged}_named", _merged(home, merged, chops), players)
        _connect(_have(home, td.outCHOP, f"out{number}"), named)
    # Moods may be sounds of any rate; a place adds what has the rate of the waves.
    mood = _have(home, td.resampleCHOP, "mood_8k")
    _set(mood, rate=WAVE_RATE_HZ)
    _connect(mood, home.op("mood"))
    for slot in SLOTS:
        place = _have(home, td.mathCHOP, f"place{slot}")
        _set(place, chopop="add", match="index")
        _connect(place, *[home.op(name) for name in (f"voice{slot}", f"slot{slot}A")])
        _connect(place, home.op(f"slot{slot}B"), mood, first=2)
    merged = _merged(home, "places_merged", [home.op(name) for name in PLACES])
    faster = _have(home, td.resampleCHOP, "places_48k")
    _set(faster, rate=OUTPUT_RATE_HZ)
    _connect(faster, merged)
    named = _renamed(home, "places_named", faster, PLACES)
    limiter = _have(home, td.limitCHOP, "limiter")
    _set(limiter, type="clamp", min=-LIMIT, max=LIMIT)
    _connect(limiter, named)
    _connect(_have(home, td.outCHOP, "out3"), limiter)


def _merged(home: Op, name: str, sources: list[Op]) -> Op:
    merged = _have(home, td.mergeCHOP, name)
    _connect(merged, *sources)
    return merged


def _renamed(home: Op, name: str, source: Op, names: list[str]) -> Op:
    renamed = _have(home, td.renameCHOP, name)
    _set(renamed, renamefrom="*", renameto=" ".join(names))
    _connect(renamed, source)
    return renamed


def _connect(operator: Op, *sources: Op, first: int = 0) -> None:
    for number, source in enumerate(sources, start=first):
        operator.inputConnectors[number].connect(source)


def _table(home: Op, name: str, head: list[str], rows: list[list[Any]] | None = None) -> None:
    """Make a table; one with the right head keeps its rows."""
    table = _have(home, td.tableDAT, name)
    if table.numRows == 0 or [str(cell) for cell in table.row(0)] != head:
        table.clear()
        for row in [head, *(rows or [])]:
            table.appendRow(row)


def _have(parent: Op, kind: Op, name: str) -> Op:
    """Return the operator of this name, made if it is missing."""
    return parent.op(name) or parent.create(kind, name)


def _set(operator: Op, **values: Any) -> None:
    """Set parameters; those that this build lacks are named. The self-test looks at all of them."""
    home = operator.parent()
    used = dict(home.fetch("rr_parameters", {}, search=False))
    used[operator.name] = [*used.get(operator.name, []), *values]
    home.store("rr_parameters", used)
    for name, value in values.items():
        if not hasattr(operator.par, name):
            print(f"{operator.path}: this build has no parameter '{name}'; set it by hand")
            continue
        setattr(operator.par, name, value)


def _place(home: Op) -> None:
    """Lay the operators out, left to right by what they are for."""
    columns = (
        ("events_socket", *CODE, "show", "watchdog", "starter"),
        ("status", "events", "moods", "places"),
        PLAYERS,
        [f"info_{name}" for name in PLAYERS],
        ("voices", "waves", "mood_8k", *PLACES),
        ("voices_named", "waves_named", "places_merged"),
        ("out1", "out2", "places_48k", "places_named", "limiter", "out3"),
    )
    for column, names in enumerate(columns):
        for row, name in enumerate(names):
            operator = home.op(name)
            operator.nodeX, operator.nodeY = column * 250, -row * 130


if "RR" in globals():
    build(globals()["RR"])
elif __name__ == "__main__" or "__file__" not in globals():
    print("first say where this folder is: RR = 'C:/.../touchdesigner', then run it again")
