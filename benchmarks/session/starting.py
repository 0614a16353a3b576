"""How soon both servers are ready, where the time goes, and what the first visitor waits for.

A start is measured from the process's birth to the first 200 of ``/readyz`` and ``/v1/health``. The
port is bound before anything else and the first request waits in it, so one connection sees the
moment; it costs the server nothing meanwhile. Beside each pair of starts an empty program that
imports starlette and uvicorn is started: times are judged, ratios travel.

"Warm" is what a machine is after the first start: the files are in the cache, and Python has kept
the bytecode. An environment with PYTHONDONTWRITEBYTECODE compiles all sources at each start; what
that costs is measured too and not judged.
"""

import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import machine, median, percentile, table, verdict
from benchmarks.session.bytecode import bytecode
from benchmarks.session.visitor import ask, visit
from shared_schema.chat import SlotAudio
from tests.support.processes import Process, System, system

GATEWAY_S = 0.5
CHAT_S = 2.0
FLOOR = "import starlette, uvicorn"
READY = 200
LOOK_EVERY_S = 0.002
GIVE_UP_AFTER_S = 60.0
SESSIONS = 5
# Of a chat's start: what the first visitor may wait longer than the fifth. Above it, something is
# loaded by the first visitor that a start should have loaded.
LOADED_LATER = 0.05
IMPORTS = {
    "gateway": "import shared_schema.runtime.process.plain, event_gateway.server",
    "chat": "import shared_schema.runtime.process.plain, chat_backend.server",
}
HEAVIEST = 8
# Starts without bytecode, which are not judged.
COMPILING = 3
_IMPORT_TIME = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")


def ready(show: System, name: str, module: str, port: int, path: str) -> tuple[float, Process]:
    """Start a server; return how long until it answers, in seconds, and its process."""
    begun = time.monotonic()
    process = show.start(name, "-m", module)
    while ask(port, "GET", path)[0] != READY:
        assert process.popen.poll() is None, process.log
        assert time.monotonic() - begun < GIVE_UP_AFTER_S, f"{name} is not ready"
        time.sleep(LOOK_EVERY_S)
    took = time.monotonic() - begun
    process.note_children()
    return took, process


def floor() -> float:
    """Return how long the empty program takes, in seconds."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", FLOOR], check=True)
    return time.monotonic() - begun


Took = dict[str, list[float]]


def measure(starts: int, *, sounds: bool = True) -> tuple[Took, list[list[float]]]:
    """Return the starts, and of each fresh chat the waits for the first sound, in seconds."""
    took: Took = {"floor": [], "gateway": [], "chat": []}
    waits = []
    for _ in range(starts):
        with (
            tempfile.TemporaryDirectory(prefix="starting-") as folder,
            system(Path(folder), seed=7) as show,
        ):
            took["floor"].append(floor())
            for name, module, port, path in (
                ("gateway", "event_gateway", show.gateway_port, "/readyz"),
                ("chat", "chat_backend", show.chat_port, "/v1/health"),
            ):
                took[name].append(ready(show, name, module, port, path)[0])
            if sounds:
                waits.append([_first_sound(show) for _ in range(SESSIONS)])
    return took, waits


def _first_sound(show: System) -> float:
    """Return how long one slot's first sound takes, in seconds; each time the same text."""
    assert ask(show.chat_port, "POST", "/v1/reset")[0] == http.client.OK
    told = visit(show.chat_port, slots=1)
    return min(told.at(SlotAudio).values()) - told.sent_at


def heaviest(code: str) -> tuple[float, list[tuple[str, float]]]:
    """Return the import time of everything and the packages that take most, in seconds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], check=True, capture_output=True, text=True
    )
    packages: dict[str, float] = {}
    for own_us, module in _IMPORT_TIME.findall(done.stderr):
        package = module.partition(".")[0].lstrip("_")
        packages[package] = packages.get(package, 0.0) + int(own_us) / 1e6
    ordered = sorted(packages.items(), key=lambda each: -each[1])
    return sum(packages.values()), ordered[:HEAVIEST]


def report(took: Took, waits: list[list[float]]) -> str:
    """Return the tables."""
    middle = {name: median(values) for name, values in took.items()}
    rows = [
        (
            {"floor": f'python -c "{FLOOR}"'}.get(name, f"{name}, ready"),
            len(values),
            f"{middle[name]:.2f}",
            f"{percentile(values, 0.95):.2f}",
            f"{middle[name] / middle['floor']:.1f}",
        )
        for name, values in took.items()
    ]
    parts = []
    for name, code in IMPORTS.items():
        everything, packages = heaviest(code)
        shares = ", ".join(f"{package} {own / everything:.0%}" for package, own in packages)
        parts.append(f"* what the {name} imports before it opens anything: {shares}")
    sounds = [[wait[number] for wait in waits] for number in range(SESSIONS)]
    return "\n".join(
        [
            table(("", "starts", "median in s", "p95 in s", "x floor"), rows),
            "",
            "By Python's own account (`-X importtime`; it makes imports slower):",
            "",
            *parts,
            "",
            "A fresh chat backend, one slot, the same text; from the message to its first sound:",
            "",
            table(
                ("session", *map(str, range(1, SESSIONS + 1))),
                [("median in ms", *(f"{1e3 * median(each):.0f}" for each in sounds))],
            ),
        ]
    )


def run(*, starts: int) -> int:
    """Print everything; return 0 if all that must be reached is."""
    print(machine("uvicorn", "starlette", "hibari-tts"), f"load {os.getloadavg()[0]:.1f}")
    print(flush=True)
    with tempfile.TemporaryDirectory(prefix="bytecode-") as folder, bytecode(Path(folder)):
        measure(1)  # reads the files, and keeps the bytecode, also of what visitors make it load
        took, waits = measure(starts)
        print(report(took, waits), end="\n\n", flush=True)
    with bytecode(None):
        compiling, _ = measure(COMPILING, sounds=False)
    slower = {name: median(compiling[name]) / median(took[name]) for name in took}
    print(
        "With PYTHONDONTWRITEBYTECODE, where all sources are compiled at each start: "
        + ", ".join(f"{name} {ratio:.1f} times as long" for name, ratio in slower.items())
        + ".\n"
    )
    gateway, chat = median(took["gateway"]), median(took["chat"])
    later = median([wait[0] - wait[-1] for wait in waits]) / chat
    rows = [
        ("gateway ready, median", f"<= {GATEWAY_S} s", f"{gateway:.2f} s", gateway, GATEWAY_S),
        ("chat ready, median", f"<= {CHAT_S} s", f"{chat:.2f} s", chat, CHAT_S),
        (
            "first sound of session 1 later than of session 5, as a share of the chat's start",
            f"<= {LOADED_LATER:.0%}",
            f"{later:.1%}",
            later,
            LOADED_LATER,
        ),
    ]
    told = [(*row[:3], verdict(row[3], row[4])) for row in rows]
    print(table(("figure", "must", "reached", "verdict"), told))
    return 1 if any("MISSED" in row[3] for row in told) else 0
