"""The commands for the sessions on disk, where the gateway does not answer."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from chat_backend.commands import sessions
from tests.support.sessions import session_id


def test_a_gateway_that_takes_too_long_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With what did not end, and what to do; the files are gone by then."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RR_ARTIFACTS_DIR", str(tmp_path))
    monkeypatch.setenv("RR_CHAT_PORT", "1")
    monkeypatch.setattr(sessions, "GATEWAY_TIMEOUT_S", 0.01)
    result = CliRunner().invoke(sessions.app, ["delete", session_id()])
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    (line,) = (result.output + capfd.readouterr().err).splitlines()
    assert f"`python -m event_gateway delete {session_id()}` took longer than 0.01 s" in line
