"""A stand-in for TouchDesigner: operators, parameters and ``run``, with every call noted.

Time is the stage's own: `advance` lets what was scheduled happen, in its order. The stage refuses
what TouchDesigner refuses (an unknown parameter or menu entry, a name that a custom parameter may
not have, an operator that is not there), and it notices when a callback touches another operator
in the frame in which it was called, and a player that starts or stops while it can be heard.
"""

import re
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

FRAME_MS: Final = 1000 / 60
KIT: Final = Path(__file__).parents[2] / "touchdesigner"

PARAMETERS: Final = {
    "baseCOMP": "",
    "textDAT": "file syncfile",
    "tableDAT": "file",
    "websocketDAT": "active netaddress port timeout callbacks clamp maxlines reset",
    "executeDAT": "active start",
    "timerCHOP": "initialize start length lengthunits cycle cyclelimit callbacks",
    "audiofileinCHOP": "file reloadpulse play playmode cue cuepulse repeat opentimeout volume",
    "infoCHOP": "op iscope",
    "mathCHOP": "chanop chopop match preoff gain postoff",
    "mergeCHOP": "align duplicate",
    "outCHOP": "",
    "renameCHOP": "renamefrom renameto",
    "resampleCHOP": "method rate",
    "limitCHOP": "type min max",
}
PARAMETERS["audiofileinCHOP"] += " mono"
MENUS: Final = {
    "playmode": {"locked", "specify", "sequential"},
    "repeat": {"off", "on"},
    "lengthunits": {"samples", "frames", "seconds"},
    "chopop": {"off", "add", "sub", "mul"},
    "match": {"index", "name"},
    "type": {"off", "clamp", "loop", "zigzag"},
}
# How a custom parameter may be called.
CUSTOM_NAME: Final = re.compile(r"[A-Z][a-z0-9]*")


class Par:
    """One parameter."""

    def __init__(self, owner: "Op", name: str) -> None:
        self._owner = owner
        self._name = name
        self.value: Any = 0
        self.menuNames: list[str] = []
        self.menuLabels: list[str] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def val(self) -> Any:
        return self.value

    @val.setter
    def val(self, value: Any) -> None:
        assert not self.menuNames or value in self.menuNames
        self.value = value

    def pulse(self) -> None:
        self._owner.stage.note(f"{self._owner.name}.{self._name}.pulse")
        self._owner.changed(self._name)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return str(self.value)


class Page:
    """A page of custom parameters."""

    def __init__(self, owner: "Op", name: str) -> None:
        self.name = name
        self._owner = owner

    def _append(self, name: str) -> list[Par]:
        assert CUSTOM_NAME.fullmatch(name), f"{name} is no name of a custom parameter"
        par = Par(self._owner, name)
        self._owner.par.add(name, par)
        self._owner.customPars.append(par)
        return [par]

    appendMenu = appendStr = appendInt = appendFloat = _append


class Channel:
    """A channel of a CHOP."""

    def __init__(self, name: str, value: float = 0.0) -> None:
        self.name = name
        self._value = value

    def __getitem__(self, index: int) -> float:
        return self._value


class Pars:
    """The parameters of an operator; others than its kind has do not exist."""

    def __init__(self, owner: "Op") -> None:
        names = PARAMETERS[owner.kind].split()
        object.__setattr__(self, "_all", {name: Par(owner, name) for name in names})
        object.__setattr__(self, "_owner", owner)

    def __getattr__(self, name: str) -> Par:
        try:
            par: Par = self.__dict__["_all"][name]
        except KeyError:
            raise AttributeError(f"no parameter {name}") from None
        return par

    def __setattr__(self, name: str, value: Any) -> None:
        par = self.__getattr__(name)
        owner = self.__dict__["_owner"]
        allowed = par.menuNames or MENUS.get(name)
        assert not allowed or value in allowed, f"{owner.name}.{name} has no entry {value!r}"
        if owner.kind == "audiofileinCHOP" and name == "play" and par.value != value:
            heard = owner.par.volume.value
            assert heard == 0, f"{owner.name} is told to play or stop at the volume {heard}"
        par.value = value
        if name == "volume":
            owner.stage.volumes.append((owner.stage.now_ms, owner.name, value))
            return
        shown = value.name if isinstance(value, Op) else value
        owner.stage.note(f"{owner.name}.{name} = {shown}")
        owner.changed(name)

    def add(self, name: str, par: Par) -> None:
        self.__dict__["_all"][name] = par

    def forget(self, name: str) -> None:
        """Become an older build, which lacks this parameter."""
        del self.__dict__["_all"][name]


class Connector:
    """Where another operator's output can be plugged in."""

    def __init__(self) -> None:
        self.source: Op | None = None

    def connect(self, source: "Op") -> None:
        self.source = source


class Op:
    """One operator."""

    def __init__(self, stage: "Stage", kind: str, name: str, parent: "Op | None") -> None:
        self.stage = stage
        self.kind = kind
        self.name = name
        self.text = ""
        self.par = Pars(self)
        self.rows: list[list[Any]] = []
        self.children: dict[str, Op] = {}
        self.inputConnectors = [Connector() for _ in range(20)]
        self.customPages: list[Page] = []
        self.customPars: list[Par] = []
        self.rate = 8000.0
        self._opens_at_ms = float("inf")
        self.sent: list[str] = []
        self.pongs: list[bytes] = []
        self.on_change: Callable[[str], None] | None = None
        self._parent = parent
        self._storage: dict[str, Any] = {}
        self._module: types.ModuleType | None = None

    @property
    def path(self) -> str:
        return (self._parent.path if self._parent else "") + "/" + self.name

    @property
    def module(self) -> types.ModuleType:
        """The DAT's text as a module, compiled once."""
        if self._module is None:
            self._module = types.ModuleType(self.name)
            exec(compile(self.text, self.name, "exec"), self._module.__dict__)  # noqa: S102
        return self._module

    @property
    def appendCustomPage(self) -> Callable[[str], Page]:
        if self.stage.without_pages:
            raise AttributeError("appendCustomPage")

        def append(name: str) -> Page:
            self.customPages.append(Page(self, name))
            return self.customPages[-1]

        return append

    # A CHOP

    def chans(self) -> list[Channel]:
        if self.kind == "infoCHOP":
            return [Channel(name) for name in ("open", "opening", "open_failed")]
        sources = [each.source for each in self.inputConnectors if each.source is not None]
        if self.kind == "renameCHOP":
            return [Channel(name) for name in str(self.par.renameto).split()]
        if self.kind == "audiofileinCHOP" or not sources:
            return [Channel("chan1")]
        if self.kind == "mathCHOP":
            return sources[0].chans()
        return [channel for source in sources for channel in source.chans()]

    def __getitem__(self, name: str) -> Channel | None:
        """A channel of an Info CHOP, about the player that it watches."""
        if self.kind != "infoCHOP" or not self.stage.has_info:
            return None
        player = self._parent.the(str(self.par.op)) if self._parent is not None else self
        failed = str(player.par.file) in self.stage.unreadable
        open_now = self.stage.now_ms >= player._opens_at_ms
        states = {
            "open": open_now and not failed,
            "opening": not open_now,
            "open_failed": open_now and failed,
        }
        return Channel(name, float(states[name])) if name in states else None

    def changed(self, name: str) -> None:
        if self.kind == "audiofileinCHOP" and name == "reloadpulse":
            self._opens_at_ms = self.stage.now_ms + self.stage.open_ms
        if self.on_change is not None:
            self.on_change(name)

    def parent(self) -> "Op":
        assert self._parent is not None
        return self._parent

    def op(self, name: str) -> "Op | None":
        return self.children.get(name)

    def the(self, name: str) -> "Op":
        """Return a child that must be there."""
        return self.children[name]

    def create(self, kind: str, name: str) -> "Op":
        assert name not in self.children
        self.children[name] = Op(self.stage, kind, name, self)
        return self.children[name]

    def store(self, key: str, value: Any) -> None:
        self._storage[key] = value

    def fetch(self, key: str, default: Any = None, *, search: bool = True) -> Any:
        return self._storage.get(key, default)

    # A WebSocket DAT

    def sendText(self, text: str) -> None:
        self.sent.append(text)

    def sendPong(self, contents: bytes) -> None:
        self.pongs.append(contents)

    # A Table DAT

    @property
    def numRows(self) -> int:
        return len(self.rows)

    def clear(self) -> None:
        self.rows.clear()

    def row(self, key: Any) -> list[Any] | None:
        if isinstance(key, int):
            return self.rows[key]
        return next((row for row in self.rows if row[0] == key), None)

    def appendRow(self, cells: list[Any]) -> None:
        self.stage.touched(self)
        self.rows.append([str(cell) for cell in cells])

    def deleteRow(self, number: int) -> None:
        del self.rows[number]

    def __setitem__(self, place: tuple[str, int], value: Any) -> None:
        self.stage.touched(self)
        row = self.row(place[0])
        assert row is not None
        row[place[1]] = str(value)

    def value(self, key: str) -> Any:
        row = self.row(key)
        return row[1] if row else None


class Stage:
    """TouchDesigner as far as the kit sees it."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.calls: list[tuple[int, str]] = []
        self.in_callback = False
        # Files that TouchDesigner cannot open, and how long it takes to open the others.
        self.unreadable: set[str] = set()
        self.open_ms = 25.0
        # Builds without Info CHOP channels, and without custom parameters.
        self.has_info = True
        self.without_pages = False
        self.volumes: list[tuple[float, str, float]] = []
        self.root = Op(self, "baseCOMP", "project1", None)
        self._runs: list[tuple[float, int, Callable[[], None]]] = []
        self.td = types.ModuleType("td")
        self.td.__dict__.update({kind: kind for kind in PARAMETERS})
        self.td.__dict__.update(op=self._find, run=self.run, absTime=self)
        self.td.__dict__["app"] = types.SimpleNamespace(version="2025", build="32050")
        self.project = types.SimpleNamespace(cookRate=60.0, folder="")
        self.td.__dict__["project"] = self.project

    @property
    def seconds(self) -> float:
        """TouchDesigner's absolute time."""
        return self.now_ms / 1000

    @property
    def home(self) -> Op:
        return self.root.the("reflective_resonance")

    @property
    def socket(self) -> Op:
        return self.home.the("events_socket")

    @property
    def callbacks(self) -> Any:
        """The functions of the kit, as the WebSocket DAT calls them."""
        return self.home.the("callbacks").module

    def status(self, key: str) -> Any:
        return self.home.the("status").value(key)

    def build(self, *, edit: Callable[[str], str] = lambda text: text) -> None:
        """Paste the two lines into the Textport; `edit` changes the callbacks afterwards."""
        text = (KIT / "build.py").read_text("utf-8")
        exec(compile(text, "<textport>", "exec"), {"RR": str(KIT)})  # noqa: S102
        callbacks = self.home.the("callbacks")
        callbacks.text = edit(callbacks.text)

    def call(self, name: str, *arguments: Any) -> None:
        """Call the kit as TouchDesigner does."""
        self.in_callback = True
        try:
            getattr(self.callbacks, name)(*arguments)
        finally:
            self.in_callback = False

    def run(
        self,
        script: str,
        *args: Any,
        delayFrames: float = 0,
        delayMilliSeconds: float = 0,
    ) -> None:
        due = self.now_ms + delayFrames * FRAME_MS + delayMilliSeconds
        self._runs.append((due, len(self._runs), lambda: eval(script, {"args": args})))

    def advance(self, by_ms: float = FRAME_MS) -> None:
        """Let time pass."""
        until = self.now_ms + by_ms
        while self._runs:
            due, _, script = first = min(self._runs, key=lambda run: run[:2])
            if due > until:
                break
            self._runs.remove(first)
            self.now_ms = max(self.now_ms, due)
            script()
        self.now_ms = until

    def note(self, call: str) -> None:
        self.calls.append((round(self.now_ms), call))

    def touched(self, operator: Op) -> None:
        assert not self.in_callback, f"a callback touched {operator.name} in its own frame"

    def of_players(self) -> list[tuple[int, str]]:
        """Return when each player was told what, from files to silence."""
        told = re.compile(r"(?:voice\d|slot\d[AB]|mood)\.(?:file|play) = ")
        return [(at, call) for at, call in self.calls if told.match(call)]

    def _find(self, path: str) -> Op | None:
        found: Op | None = self.root
        for name in path.removeprefix("/project1").split("/")[1:]:
            found = found.op(name) if found is not None else None
        return found if path.startswith("/project1") else None


@contextmanager
def touchdesigner() -> Iterator[Stage]:
    """Yield a stage on which ``import td`` works."""
    stage = Stage()
    sys.modules["td"] = stage.td
    try:
        yield stage
    finally:
        del sys.modules["td"]
