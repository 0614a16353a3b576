"""A default start loads nothing of any provider, and nothing else that it has no use for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chat_backend.providers.keys import KEY_VARIABLES

HEAVY = {
    "anthropic",
    "elevenlabs",
    "faster_whisper",
    "google",
    "httpx",
    "httpx2",
    "openai",
    "opentelemetry",
    "pydantic",
    "pydantic_ai",
    "stamina",
    "tenacity",
}
IMPORTED = "import chat_backend.server"
STARTED = """
import asyncio, pathlib
from chat_backend.server import open_chat
from shared_schema.settings import Settings

async def start():
    settings = Settings(
        artifacts_dir=pathlib.Path("artifacts"), events_ws_enabled=False, waves_enabled=False
    )
    async with open_chat(settings):
        pass

asyncio.run(start())
"""


@pytest.mark.parametrize("what", [IMPORTED, STARTED], ids=["imported", "started"])
def test_no_providers_library_is_loaded(what: str, tmp_path: Path) -> None:
    """Neither by the import of the server nor by a whole start with the embedded voice."""
    loaded = loaded_by(what, tmp_path)
    assert "chat_backend" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("server", ["chat_backend.server", "event_gateway.server"])
def test_a_server_loads_nothing_for_people_at_a_console(server: str, tmp_path: Path) -> None:
    """No commands, and nothing that only a supervisor needs."""
    loaded = loaded_by(f"import shared_schema.runtime.process.plain, {server}", tmp_path)
    assert "structlog" in loaded
    assert loaded.isdisjoint({"filelock", "psutil", "typer"})


def test_a_wave_worker_loads_no_commands(tmp_path: Path) -> None:
    """As it starts it imports the main module again, which must weigh nothing."""
    assert loaded_by("import chat_backend.__main__", tmp_path).isdisjoint({"typer", "structlog"})


@pytest.mark.parametrize("package", ["chat_backend", "event_gateway"])
def test_a_supervisor_or_command_loads_no_sound(package: str, tmp_path: Path) -> None:
    """NumPy and SciPy would take longer to load than all the rest of a command."""
    loaded = loaded_by(f"import {package}.cli", tmp_path)
    assert "typer" in loaded
    assert loaded.isdisjoint({"numpy", "scipy", "starlette"})


def test_no_filter_design_is_loaded(tmp_path: Path) -> None:
    """`scipy.signal` would take as long to load as all the rest of a start, and 75 MB."""
    loaded = loaded_by(STARTED, tmp_path)
    assert "scipy.fft" in loaded
    assert "scipy.signal" not in loaded


def test_a_wave_worker_loads_no_scipy(tmp_path: Path) -> None:
    """Loading `scipy.ndimage` would take longer than loading all the rest of the waves."""
    loaded = loaded_by("import waves.workers.worker", tmp_path)
    assert "numpy" in loaded
    assert "scipy" not in loaded


def loaded_by(what: str, folder: Path) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after some code, with packages."""
    root = Path(__file__).parents[2]
    kept = {name: value for name, value in os.environ.items() if name not in KEY_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", f"{what}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    modules = json.loads(done.stdout.splitlines()[-1])
    return {*modules, *(name.partition(".")[0] for name in modules)}
