"""`report` without running servers: which secrets it leaves out. See also `tests/system`."""

import json
import zipfile
from pathlib import Path

import pytest

from chat_backend.commands.report import report
from shared_schema.settings import Settings

SECRET = "key-MARKED-0123456789"  # noqa: S105  # of no server
MODELS = """
[servers.house]
url = "http://house.example/v1"
key = "HOUSE_KEY"
"""


def test_the_key_of_a_server_of_ones_own_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its variable is named in a file, not in the table of providers; that it is set is told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOUSE_KEY", SECRET)
    (tmp_path / "models.toml").write_text(MODELS, "utf-8")
    (tmp_path / "chat.log").write_text(f"refused: {SECRET}\n", "utf-8")
    settings = Settings(
        agent_models=tmp_path / "models.toml",
        artifacts_dir=tmp_path / "artifacts",
        log_dir=tmp_path,
        chat_port=1,
        gateway_port=1,
    )
    assert report(settings, tmp_path / "help.zip", print) == 0
    with zipfile.ZipFile(tmp_path / "help.zip") as zipped:
        found = {name: zipped.read(name).decode("utf-8") for name in zipped.namelist()}
    assert "refused" in found["logs/chat.log"]
    assert "MARKED" not in "".join(found.values())
    assert json.loads(found["settings.json"])["HOUSE_KEY"] == "(set, not shown)"
