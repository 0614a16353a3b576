"""Writes down what a real TouchDesigner says of the kit: please send us the file.

``build.py`` puts this file into the DAT ``selftest``. In the Textport::

    op('/project1/reflective_resonance/callbacks').module.selftest()
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import td  # TouchDesigner's own module

FILE = "reflective_resonance_selftest.json"
OUTPUTS = ("out1", "out2", "out3")
OPEN_WITHIN_S = 5.0
# What the kit sets later than build.py, or pulses.
SET_LATER = {
    "events_socket": ("reset",),
    "voice1": ("file", "reloadpulse", "cuepulse", "play", "volume"),
    "watchdog": ("initialize", "start"),
}

Op = Any


def run(home: Op, silence: str, done: Callable[[str], None]) -> None:
    """Measure, and call `done` with the path of the file, or with the reason why there is none."""
    report: dict[str, Any] = {
        "version": str(td.app.version),
        "build": str(td.app.build),
        "cookRate": float(td.project.cookRate),
        "parameters": parameters(home),
        "outputs": {name: output(home.op(name)) for name in OUTPUTS},
        "infoChannels": channels(home.op("info_voice1")),
        "customParameters": [str(each.name) for each in getattr(home, "customPars", [])],
    }
    voice, begun = home.op("voice1"), td.absTime.seconds
    voice.par.file = silence
    voice.par.reloadpulse.pulse()
    info = home.op("info_voice1")

    def look() -> None:
        took_s = td.absTime.seconds - begun
        opened = info is not None and info["open"] is not None and float(info["open"][0]) > 0
        if not opened and took_s < OPEN_WITHIN_S:
            td.run("args[0]()", look, delayFrames=1)
            return
        report["openedAfterS"] = round(took_s, 4) if opened else None
        path = Path(str(td.project.folder)) / FILE
        try:
            path.write_text(json.dumps(report, indent=2), "utf-8")
        except OSError as error:
            done(f"selftest: {path} cannot be written: {error}")
            return
        done(f"selftest: written to {path.as_posix()}; please send it to us")

    td.run("args[0]()", look, delayFrames=2)


def parameters(home: Op) -> dict[str, dict[str, str]]:
    """Return the value of each parameter that the kit uses, or 'missing'."""
    used: dict[str, list[str]] = home.fetch("rr_parameters", {}, search=False)
    for name, later in SET_LATER.items():
        used = {**used, name: [*used.get(name, []), *later]}
    found: dict[str, dict[str, str]] = {}
    for name, names in used.items():
        operator = home.op(name)
        found[name] = {
            each: str(getattr(operator.par, each)) if hasattr(operator.par, each) else "missing"
            for each in names
        }
    return found


def output(operator: Op) -> dict[str, Any]:
    """Return the channels and the sample rate of an output."""
    return {"channels": channels(operator), "rate": float(operator.rate)}


def channels(operator: Op) -> list[str]:
    """Return the names of a CHOP's channels."""
    return [str(each.name) for each in operator.chans()] if operator is not None else []
