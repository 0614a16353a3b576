"""The command `sample`: a small session with the embedded voices, for a machine that has none.

It runs the real chat backend as a child with offline personas and the embedded speech engine, on a
port of its own and without the bus, so that it disturbs no show and asks no provider. What remains
is a session in the artifacts folder, which a rehearsal reads.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from shared_schema.layout import session_file
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.runtime.web.clients import local_http
from shared_schema.session_document import SessionDocument, read_document

MESSAGE: Final = "What does the water remember when the wind has gone?"
START_WITHIN_S: Final = 60.0
SETTLED_WITHIN_S: Final = 120.0
END_WITHIN_S: Final = 8.0
LOOK_EVERY_S: Final = 0.1


class Failed(Exception):
    """No sample; the message says what to do."""


def sample(artifacts: Path, *, slots: int, say: Callable[[str], None] = print) -> int:
    """Make a session of `slots` slots in `artifacts`; return the exit code."""
    try:
        with _chat_backend(artifacts) as url:
            say(f"{slots} voices are speaking, all offline; this takes some seconds")
            document = _settled(artifacts, _visit(url, slots))
    except Failed as failed:
        say(f"no sample: {failed}")
        return FAILED
    ready = sum(each.state == "ready" for each in document.utterances)
    say(f"made {document.session_id}: {ready} of {len(document.utterances)} waves ready")
    say(f"rehearse it: python -m event_gateway rehearse {document.session_id}")
    return OK


@contextmanager
def _chat_backend(artifacts: Path) -> Iterator[str]:
    """Yield the URL of a private chat backend."""
    port = _free_port()
    environment = {
        **os.environ,
        "RR_ARTIFACTS_DIR": str(artifacts),
        "RR_CHAT_HOST": "127.0.0.1",
        "RR_CHAT_PORT": str(port),
        "RR_EVENTS_WS_ENABLED": "false",
        "RR_AGENTS": "offline",
        "RR_TTS": "hibari",
        "RR_WAVES_ENABLED": "true",
        "RR_LOG_LEVEL": "error",
    }
    child = subprocess.Popen([sys.executable, "-m", "chat_backend"], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_served(child, url)
        yield url
    finally:
        child.terminate()
        try:
            child.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_served(child: subprocess.Popen[bytes], url: str) -> None:
    give_up_at = time.monotonic() + START_WITHIN_S
    while time.monotonic() < give_up_at:
        if child.poll() is not None:
            raise Failed("the chat backend did not start; it said why above")
        try:
            with local_http(timeout=2.0) as http:
                http.get(f"{url}/v1/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(LOOK_EVERY_S)
        else:
            return
    raise Failed(f"the chat backend did not answer within {START_WITHIN_S:g} s; try again")


def _visit(url: str, slots: int) -> str:
    """Say something to the first `slots` agents, and return the session's id."""
    try:
        with local_http() as http:
            listed = http.get(f"{url}/v1/agents").json()["agents"]
        wanted = [
            {"slotId": each["defaultSlotId"], "agentId": each["agentId"]}
            for each in sorted(listed, key=lambda each: int(each["defaultSlotId"]))
        ]
        body = {"message": MESSAGE, "slots": wanted[:slots]}
        with (
            local_http(timeout=SETTLED_WITHIN_S) as http,
            http.stream("POST", f"{url}/v1/chat", json=body) as response,
        ):
            response.raise_for_status()
            for line in response.iter_lines():
                if line.startswith("data: "):
                    session_id: str = json.loads(line[6:])["sessionId"]
                    # The session goes on without a listener.
                    return session_id
    except httpx.HTTPError as error:
        raise Failed(f"the chat backend broke off: {error or type(error).__name__}") from None
    raise Failed("the chat backend said nothing; run `python -m chat_backend` to see why")


def _settled(artifacts: Path, session_id: str) -> SessionDocument:
    """Return the session's document when its last wave is made."""
    path = artifacts / session_file(session_id)
    give_up_at = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < give_up_at:
        document = read_document(path)
        if document is not None and document.settled:
            return document
        time.sleep(LOOK_EVERY_S)
    raise Failed(f"the session was not over within {SETTLED_WITHIN_S:g} s; is the machine busy?")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
