"""A default start loads nothing of any provider."""

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
    root = Path(__file__).parents[2]
    kept = {name: value for name, value in os.environ.items() if name not in KEY_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", f"{what}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert "chat_backend" in loaded
    assert loaded & HEAVY == set()
