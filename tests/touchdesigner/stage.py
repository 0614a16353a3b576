"""A stand-in for TouchDesigner: operators, parameters and ``run``, with every call noted.

Time is the stage's own: `advance` lets what was scheduled happen, in its order. The stage refuses
what TouchDesigner refuses (an unknown parameter, an operator that is not there), and it notices
when a callback touches another operator in the frame in which it was called.
"""

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
    "mergeCHOP": "",
    "outCHOP": "",
}


class Par:
    """One parameter."""

    def __init__(self, owner: "Op", name: str) -> None:
        self._owner = owner
        self._name = name
        self.value: Any = 0

    def pulse(self) -> None:
        self._owner.stage.note(f"{self._owner.name}.{self._name}.pulse")
        self._owner.changed(self._name)

    def __bool__(self) -> bool:
        return bool(self.value)


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
        self.__getattr__(name).value = value
        owner = self.__dict__["_owner"]
        shown = value.name if isinstance(value, Op) else value
        owner.stage.note(f"{owner.name}.{name} = {shown}")
        owner.changed(name)

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
        self.inputConnectors = [Connector() for _ in range(9)]
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

    def changed(self, name: str) -> None:
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
        self.rows.append(list(cells))

    def deleteRow(self, number: int) -> None:
        del self.rows[number]

    def __setitem__(self, place: tuple[str, int], value: Any) -> None:
        self.stage.touched(self)
        row = self.row(place[0])
        assert row is not None
        row[place[1]] = value

    def value(self, key: str) -> Any:
        row = self.row(key)
        return row[1] if row else None


class Stage:
    """TouchDesigner as far as the kit sees it."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.calls: list[tuple[int, str]] = []
        self.in_callback = False
        self.root = Op(self, "baseCOMP", "project1", None)
        self._runs: list[tuple[float, int, Callable[[], None]]] = []
        self.td = types.ModuleType("td")
        self.td.__dict__.update({kind: kind for kind in PARAMETERS})
        self.td.__dict__.update(op=self._find, run=self.run)

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

    def of_voices(self) -> list[tuple[int, str]]:
        """Return when each voice was told what, from files to silence."""
        wanted = (".file = ", ".play = ")
        return [
            (at, call)
            for at, call in self.calls
            if call.startswith("voice") and any(word in call for word in wanted)
        ]

    def _find(self, path: str) -> Op | None:
        return self.root if path == "/project1" else None


@contextmanager
def touchdesigner() -> Iterator[Stage]:
    """Yield a stage on which ``import td`` works."""
    stage = Stage()
    sys.modules["td"] = stage.td
    try:
        yield stage
    finally:
        del sys.modules["td"]
