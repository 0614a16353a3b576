"""What the technician's page asks for: its stream, past sessions, sounds, and who may come in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.client import backend, listening
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.sessions import whole

WITHIN_S = 20.0


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path) as it:
        it.gateway()
        yield it


def get(show: System, path: str, **options: Any) -> httpx.Response:
    return httpx.get(f"{show.gateway_url}{path}", timeout=WITHIN_S, **LOCAL, **options)


def watched(show: System, *, lines: int, after: str = "") -> tuple[dict[str, Any], list[int]]:
    """Return the last state and the ids of the log up to so many lines."""
    headers = {"Last-Event-ID": after} if after else {}
    state: dict[str, Any] = {}
    ids: list[int] = []
    with httpx.stream(
        "GET", f"{show.gateway_url}/v1/watch", headers=headers, timeout=WITHIN_S, **LOCAL
    ) as stream:
        name = ""
        for line in stream.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data" and name == "state":
                state = json.loads(value)
            elif field == "data":
                ids.append(json.loads(value)["id"])
            if state and len(ids) >= lines:
                return state, ids
    raise AssertionError("the stream ended")


async def test_the_stream_has_the_state_and_the_log(show: System) -> None:
    """A client, its name, no session; every event once; after a known line only what is new."""
    async with listening(show.events_url) as client, backend(show.bus_url, show.artifacts) as chat:
        await client.say({"type": "hello", "client": "test", "version": "9"})
        await client.ack()
        chat.tell(whole(1))
        await client.told()
        state, ids = watched(show, lines=3)
        assert state["client"]["name"] == "test 9"
        assert state["backendAlive"] is True
        assert state["problems"] == []
        assert state["rehearsal"]["state"] == "idle"
        assert len(set(ids)) == 3
        chat.tell(whole(2))
        await client.told()
        _, newer = watched(show, lines=3, after=str(ids[-1]))
        assert len(newer) == 3
        assert min(newer) > max(ids)
        # A line that this outbox never had: the page knew another one.
        _, all_again = watched(show, lines=6, after="999999")
        assert all_again == ids + newer


async def test_a_live_session_is_in_the_state_while_it_is_live(show: System) -> None:
    """Waiting, ready and failed cells, and what a dialogue waits for."""
    truth = whole(1, lost=frozenset({(1, 6)}))
    async with listening(show.events_url) as client, backend(show.bus_url, show.artifacts) as chat:
        chat.write(truth)
        session = truth.session_id
        chat.events.begin_session(session, slots=truth.begun().slots)
        for part in truth.parts():
            waits = part == (2, 3)
            chat.events.utterance(session, truth.utterance(*part, ended=not waits))
        chat.events.turn1_complete(session)
        await client.session_event()
        chat.events.turn3_complete(session, truth.dialogues)
        chat.events.session_complete(session, stopped=False)
        await client.session_event()
        state, _ = watched(show, lines=2)
        (seen,) = state["sessions"]
        states = {(u["turnIndex"], u["slotId"]): u["wave"]["type"] for u in seen["utterances"]}
        assert states[1, 6] == "failed"
        assert states[2, 3] == "pending"
        assert states[3, 2] == "ready"
        waiting = {d["dialogue"]["targetSlotId"]: d["waitsFor"] for d in seen["dialogues"]}
        assert waiting == {1: [], 2: ["turn 2 slot 3"]}


async def test_past_sessions_and_their_sounds_can_be_had(show: System) -> None:
    """The list names them; a sound comes whole or in part; nothing else is given out, ever."""
    async with listening(show.events_url) as client, backend(show.bus_url, show.artifacts) as chat:
        chat.tell(whole(1))
        events = await client.told()
    (listed,) = get(show, "/v1/recordings").json()["recordings"]
    assert listed["sessionId"] == events[0].session_id
    assert listed["events"] == 3
    mix = whole(1).utterance(1, 1).mix_path
    assert get(show, f"/v1/audio/{mix}").headers["content-type"] == "audio/wav"
    part = get(show, f"/v1/audio/{mix}", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (httpx.codes.PARTIAL_CONTENT, b"RIFF")
    (show.artifacts.parent / "secret.wav").write_bytes(b"secret")
    for path in ("../secret.wav", "%2e%2e/secret.wav", "gateway/outbox.sqlite3", "/etc/passwd"):
        assert get(show, f"/v1/audio/{path}").status_code == httpx.codes.NOT_FOUND
    for session in ("nothing", "../../secret", listed["sessionId"].replace("0", "f")):
        assert get(show, f"/v1/recordings/{session}").status_code == httpx.codes.NOT_FOUND


def test_a_page_opened_with_the_token_keeps_it(tmp_path: Path) -> None:
    """Without it 401; opened once with it, the page's own requests come in; strangers do not."""
    with system(tmp_path, events_token="open sesame") as show:  # noqa: S106  # a test's
        gateway = show.start("gateway", "-m", "event_gateway")
        bearer = {"Authorization": "Bearer open sesame"}
        gateway.until_logged("listening")
        assert get(show, "/").status_code == httpx.codes.UNAUTHORIZED
        assert get(show, "/v1/rehearsal", headers=bearer).status_code == httpx.codes.OK
        with httpx.Client(base_url=show.gateway_url, **LOCAL) as page:
            opened = page.get("/?token=open%20sesame")
            assert opened.status_code == httpx.codes.OK
            kept = opened.headers["set-cookie"].lower()
            assert "httponly" in kept
            assert "samesite=strict" in kept
            assert page.get("/pages/technician.js").status_code == httpx.codes.OK
            own = {"Origin": show.gateway_url}
            assert page.request("DELETE", "/v1/rehearsal", headers=own).is_success
            strange = {"Origin": "http://evil.example"}
            refused = page.request("DELETE", "/v1/rehearsal", headers=strange)
            assert refused.status_code == httpx.codes.FORBIDDEN
        stale = {"Cookie": "rr_token=something"}
        assert get(show, "/", headers=stale).status_code == httpx.codes.UNAUTHORIZED
