"""What clients rely on that were written for an earlier backend, of one port for everything."""

import json
import socket

import httpx
import pytest

from shared_schema.chat import EVENT_NAMES, Done, decode_chat_event
from tests.support.local_http import LOCAL
from tests.support.processes import System

# More than a page of any other origin would be allowed.
STRANGER = {"Origin": "https://frontend.example", "Host": "frontend.example"}


def chunks_of(show: System, body: object) -> list[str]:
    """Return each chunk of a session's stream, as it was written to the socket."""
    content = json.dumps(body).encode()
    head = (
        f"POST /v1/chat HTTP/1.1\r\nHost: localhost:{show.chat_port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    found = []
    with socket.create_connection(("127.0.0.1", show.chat_port), timeout=60.0) as connection:
        connection.sendall(head.encode() + content)
        with connection.makefile("rb") as stream:
            assert b" 200 " in stream.readline()
            while stream.readline().strip():
                pass  # the rest of the header
            while size := int(stream.readline(), 16):
                found.append(stream.read(size).decode())
                assert stream.readline() == b"\r\n"
    return found


def test_each_event_of_a_session_is_one_write(show: System) -> None:
    """A parser that forgets the event's name between two reads still has both together."""
    chunks = chunks_of(show, {"message": "Who writes in pieces?"})
    names = set(EVENT_NAMES.values())
    last = None
    for chunk in chunks:
        event, data, *rest = chunk.split("\r\n")
        assert rest == ["", ""], chunk
        name = event.removeprefix("event: ")
        assert name in names
        last = decode_chat_event(name, data.removeprefix("data: "))
    assert isinstance(last, Done)
    assert len(chunks) > 30


def test_a_request_may_contain_more_than_we_know(show: System) -> None:
    """Fields of existing clients, also a nested one, are ignored; a known one is still checked."""
    more = {
        "inputSessionId": "5f0c",
        "userAudio": None,
        "meta": {"page": [1, {"deep": True}]},
        "slots": [{"slotId": 1, "agentId": "gpt-4o", "colour": "blue"}],
    }
    assert chunks_of(show, {"message": "What else?", **more})
    url = f"{show.chat_url}/v1/chat"
    wrong = httpx.post(url, json={"message": 7, **more}, **LOCAL)
    assert wrong.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert wrong.json()["error"]["field"] == "message"


@pytest.mark.parametrize("path", ["/v1/chat", "/v1/stt"])
def test_a_client_at_the_gateways_port_is_told_where_the_chat_is(show: System, path: str) -> None:
    """Readable for any page, before anything is refused; other paths and methods are as before."""
    url = f"{show.gateway_url}{path}"
    asked = {**STRANGER, "Access-Control-Request-Method": "POST"}
    preflight = httpx.request("OPTIONS", url, headers=asked, **LOCAL)
    assert preflight.status_code == httpx.codes.NO_CONTENT
    assert preflight.content == b""
    for headers in (STRANGER, {}):
        answer = httpx.post(url, content=b"whatever", headers=headers, **LOCAL)
        assert answer.status_code == httpx.codes.MISDIRECTED_REQUEST
        assert f"{show.chat_url}{path}" in answer.json()["error"]["message"]
        assert answer.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "*"
    assert httpx.get(url, **LOCAL).status_code == httpx.codes.NOT_FOUND
    other = httpx.post(f"{show.gateway_url}/v1/quiet", headers=STRANGER, **LOCAL)
    assert other.status_code == httpx.codes.FORBIDDEN
    assert "misdirected" not in show.processes[1].log
    show.processes[0].until_logged("the chat is at")
