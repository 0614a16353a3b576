"""Another program uses the servers' ports: each command says what it found, in a line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_schema.runtime.process.exits import FAILED, OK
from tests.providers.odd import Reply, as_json, odd_server
from tests.support.processes import System, system
from tests.support.sessions import session_id

PAGE = Reply(
    body=b"<html>A page for whatever is asked</html>", headers={"content-type": "text/html"}
)
REPLIES = {
    "a page": Reply(body=b"<html>A page</html>", headers={"content-type": "text/html"}),
    "other JSON": as_json({"hello": ["world"]}),
    "another's refusal": as_json({"detail": "Not Found"}, 404),
}


@pytest.fixture(params=list(REPLIES))
def show(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    with odd_server() as other, system(tmp_path, log_level="info") as it:
        other.always(REPLIES[request.param])
        it.settings |= {"RR_GATEWAY_PORT": str(other.port), "RR_CHAT_PORT": str(other.port)}
        yield it


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("event_gateway", "history", session_id()), FAILED, "no history"),
        (("event_gateway", "delete", session_id()), OK, "0 events deleted"),
        (("event_gateway", "rehearse"), FAILED, "another program uses its port"),
        (("event_gateway", "quiet", "on"), FAILED, "another program uses its port"),
        (("chat_backend", "sessions", "delete", session_id()), OK, "is deleted, with its events"),
        (("chat_backend", "say", "hello", "--timeout", "0.1"), FAILED, "README.md"),
    ],
    ids=lambda it: " ".join(it[:2]) if isinstance(it, tuple) else None,
)
def test_a_command_meets_another_program(
    show: System, command: tuple[str, ...], code: int, said: str
) -> None:
    """What the servers' files hold is read, or removed, all the same."""
    process = show.command(*command)
    assert "Traceback" not in process.log
    assert process.popen.returncode == code, process.log
    assert said in process.log
