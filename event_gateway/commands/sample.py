"""The command `sample`: makes a small session with the embedded voices, for rehearsals.

It runs the real chat backend as a child with offline personas and the embedded speech engine, on a
port of its own and without the bus, so that it disturbs no show and calls no provider. The result
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
from shared_schema.runtime.process.ending import SUPERVISED
from shared_schema.runtime.process.exits import FAILED, OK
from shared_schema.runtime.web.clients import local_http, missing_after
from shared_schema.session_document import SessionDocument, read_document

MESSAGE: Final = "What does the water remember when the wind has gone?"
START_TIMEOUT_S: Final = 60.0
SESSION_TIMEOUT_S: Final = 120.0
END_TIMEOUT_S: Final = 8.0
POLL_INTERVAL_S: Final = 0.1


class SampleFailed(Exception):
    """No sample was made; the message has the remedy."""


def sample(artifacts: Path, *, slots: int, show: Callable[[str], None] = print) -> int:
    """Make a session of `slots` slots in `artifacts`; return the exit code."""
    try:
        with _chat_backend(artifacts) as url:
            show(f"making speech with {slots} offline voices; this takes some seconds")
            document = _settled(artifacts, _visit(url, slots))
    except SampleFailed as failed:
        show(f"no sample: {failed}")
        return FAILED
    ready = sum(each.state == "ready" for each in document.utterances)
    show(f"made {document.session_id}: {ready} of {len(document.utterances)} waves ready")
    show(f"rehearse it: python -m event_gateway rehearse {document.session_id}")
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
        "RR_CHAT_TLS_CERT": "",
        "RR_CHAT_TLS_KEY": "",
        "RR_CHAT_TOKEN": "",
        "RR_EVENTS_WS_ENABLED": "false",
        "RR_AGENTS": "offline",
        "RR_TTS": "hibari",
        "RR_STT": "off",
        "RR_WAVES_ENABLED": "true",
        "RR_LOG_LEVEL": "error",
        # The log files and the retention are those of the show's own backend.
        "RR_LOG_DIR": "",
        "RR_ARTIFACTS_KEEP_DAYS": "0",
        # However we end, the child notices that its stdin is closed.
        SUPERVISED: "1",
    }
    command = [sys.executable, "-m", "chat_backend"]
    child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_served(child, url)
        yield url
    finally:
        if child.stdin is not None:
            child.stdin.close()
        child.terminate()
        try:
            child.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_served(child: subprocess.Popen[bytes], url: str) -> None:
    def missing() -> str | None:
        if child.poll() is not None:
            raise SampleFailed("the chat backend did not start; the reason is above")
        try:
            with local_http(timeout=2.0) as http:
                http.get(f"{url}/v1/health").raise_for_status()
        except httpx.HTTPError:
            return f"the chat backend did not answer within {START_TIMEOUT_S:g} s; try again"
        return None

    if (reason := missing_after(missing, START_TIMEOUT_S)) is not None:
        raise SampleFailed(reason)


def _visit(url: str, slots: int) -> str:
    """Send a message to the first `slots` agents, and return the session's id."""
    try:
        with local_http() as http:
            listed = http.get(f"{url}/v1/agents").json()["agents"]
        wanted = [
            {"slotId": each["defaultSlotId"], "agentId": each["agentId"]}
            for each in sorted(listed, key=lambda each: int(each["defaultSlotId"]))
        ]
        body = {"message": MESSAGE, "slots": wanted[:slots]}
        with (
            local_http(timeout=SESSION_TIMEOUT_S) as http,
            http.stream("POST", f"{url}/v1/chat", json=body) as response,
        ):
            response.raise_for_status()
            for line in response.iter_lines():
                if line.startswith("data: "):
                    session_id: str = json.loads(line[6:])["sessionId"]
                    # The session continues without a client.
                    return session_id
    except httpx.HTTPError as error:
        raise SampleFailed(f"the stream broke off: {error or type(error).__name__}") from None
    raise SampleFailed("the chat backend sent no event; run `python -m chat_backend` to see why")


def _settled(artifacts: Path, session_id: str) -> SessionDocument:
    """Return the session's document once its last wave is finished."""
    path = artifacts / session_file(session_id)
    give_up_at = time.monotonic() + SESSION_TIMEOUT_S
    while time.monotonic() < give_up_at:
        document = read_document(path)
        if document is not None and document.settled:
            return document
        time.sleep(POLL_INTERVAL_S)
    raise SampleFailed(
        f"the session did not finish within {SESSION_TIMEOUT_S:g} s; is the machine busy?"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
