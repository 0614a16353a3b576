"""What the client says that it plays: shown to pages, and without any effect on events."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from event_gateway.playback import REPORTS_BURST, REPORTS_PER_S
from shared_schema.events import ErrorEvent
from tests.support.client import Listener, backend, listening
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.sessions import whole

WITHIN_S = 20.0


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path, operator_token="only mine") as it:  # noqa: S106  # a test's
        it.gateway()
        yield it


def report(session: str, state: str = "started", **more: Any) -> dict[str, Any]:
    return {
        "type": "playback",
        "sessionId": session,
        "part": "turn1",
        "slotId": 1,
        "turnIndex": 1,
        "state": state,
        **more,
    }


async def playback(show: System, found: Any = lambda _: True) -> dict[str, Any]:
    """Return the first state on the stream that fits."""
    async with httpx.AsyncClient(**LOCAL, timeout=WITHIN_S) as http:
        async with http.stream("GET", f"{show.gateway_url}/v1/playback") as stream:
            assert stream.status_code == httpx.codes.OK
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    state: dict[str, Any] = json.loads(line[6:])
                    if found(state):
                        return state
    raise AssertionError("the stream ended")


async def ignored(show: System, reason: str) -> float:
    async with httpx.AsyncClient(**LOCAL) as http:
        text = (await http.get(f"{show.gateway_url}/metrics")).text
    name = f'rr_playback_ignored_total{{reason="{reason}"}} '
    return next((float(line.split()[-1]) for line in text.splitlines() if name in line), 0.0)


async def as_before(show: System, client: Listener, number: int) -> list[str]:
    """See that a session's events arrive as they should; return their frames."""
    truth = whole(number)
    async with backend(show.bus_url, show.artifacts, epoch=f"life-{number}") as chat:
        chat.tell(truth)
        events = await client.told(truth.session_id)
    assert [event.seq for event in events] == [1, 2, 3]
    return client.raw[-3:]


async def test_what_plays_is_shown_to_pages(show: System) -> None:
    """Started, ended, failed with its reason; in the stream and in the sessions."""
    session = whole(1).session_id
    async with listening(show.events_url) as client:
        state = await playback(show)
        assert state["clientConnected"] is True
        assert (state["playing"], state["reporting"], state["quiet"]) == ([], False, False)
        await client.say(report(session, place=2))
        state = await playback(show, lambda state: state["playing"])
        (playing,) = state["playing"]
        assert (playing["slotId"], playing["turnIndex"], playing["place"]) == (1, 1, 2)
        operator = {"Authorization": "Bearer only mine"}
        async with httpx.AsyncClient(**LOCAL, headers=operator) as http:
            sessions = await http.get(f"{show.gateway_url}/v1/sessions")
        assert sessions.json()["playback"]["playing"] == [playing]
        await client.say(report(session, "ended", place=2))
        await client.say(report(session, "failed", slotId=3, error="cannot be opened"))
        state = await playback(show, lambda state: state["failed"])
        assert state["playing"] == []
        assert state["failed"][0]["error"] == "cannot be opened"
        await client.say(report(session))
        await playback(show, lambda state: state["playing"])
        await client.nothing()
    state = await playback(show, lambda state: not state["clientConnected"])
    assert state["playing"] == []


async def test_other_pages_of_ours_may_follow_it(show: System) -> None:
    """The kiosk's origin is allowed, a stranger's is not; the operator's token is not needed."""
    async with httpx.AsyncClient(**LOCAL, timeout=WITHIN_S) as http:
        for origin, allowed in (
            ("http://localhost:8001", "http://localhost:8001"),
            ("http://evil.example", None),
        ):
            url = f"{show.gateway_url}/v1/playback"
            async with http.stream("GET", url, headers={"Origin": origin}) as stream:
                assert stream.status_code == httpx.codes.OK
                assert stream.headers.get("access-control-allow-origin") == allowed


async def test_events_need_no_reports_and_believe_none(show: System) -> None:
    """Nobody reports; somebody lies: the same events, the same bytes but for id and time."""
    async with listening(show.events_url) as client:
        quiet = await as_before(show, client, 1)
        lie = whole(2).session_id
        for state in ("ended", "failed", "started", "started"):
            await client.say(report(lie, state, part="turn23-slot6", slotId=6, turnIndex=3))
        lied_to = await as_before(show, client, 2)
    assert [shape(text) for text in quiet] == [shape(text) for text in lied_to]


def shape(text: str) -> Any:
    """Return a frame without what differs between sessions."""
    event = msgspec.json.decode(text)
    event["ts"] = ""
    return json.dumps(event).replace(event["sessionId"], "session")


async def test_a_flood_of_reports_is_dropped_and_counted(show: System) -> None:
    """Ten thousand at once: the connection stays, events come as before, nobody is answered."""
    async with listening(show.events_url) as client:
        session = whole(3).session_id
        text = json.dumps(report(session))
        begun = time.monotonic()
        for _ in range(10_000):
            await client.socket.send(text)
        await as_before(show, client, 3)
        async with asyncio.timeout(WITHIN_S):  # until the last of them is read
            while True:
                dropped = await ignored(show, "too_many")
                if dropped >= 10_000 - REPORTS_BURST - REPORTS_PER_S * (time.monotonic() - begun):
                    break
        assert dropped > REPORTS_BURST
        await client.nothing()


@pytest.mark.parametrize(
    "wrong",
    [
        {"part": "turn9"},
        {"state": "paused"},
        {"slotId": 7},
        {"turnIndex": "one"},
        {"sessionId": "../../etc"},
        {"error": "x" * 501},
        {"place": 0},
    ],
)
async def test_nonsense_is_answered_once_a_second_at_most(
    show: System, wrong: dict[str, Any]
) -> None:
    """The error names the field; the connection stays, and events come as before."""
    (field,) = wrong
    async with listening(show.events_url) as client:
        session = whole(1).session_id
        begun = asyncio.get_running_loop().time()
        for _ in range(300):
            await client.say({**report(session), **wrong})
        answer = await client.event()
        assert isinstance(answer, ErrorEvent)
        assert (answer.code, answer.field) == ("invalid", field)
        await client.say({"type": "hello", "client": "still here"})
        answers = 1
        while isinstance(await client.event(), ErrorEvent):
            answers += 1
        assert answers <= 1 + int(asyncio.get_running_loop().time() - begun)
        assert await ignored(show, "malformed") == 300
        await as_before(show, client, 1)
