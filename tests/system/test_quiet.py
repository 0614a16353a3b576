"""The show rests: a stopped session, and the technician's Quiet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared_schema import START_THEM
from shared_schema.events import Hush, SessionStopped
from tests.support.client import Backend, Listener, backend, listening
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.sessions import Truth, whole


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path) as it:
        it.gateway()
        yield it


def request(show: System, method: str, path: str, body: Any = None) -> httpx.Response:
    url = f"{show.gateway_url}{path}"
    return httpx.request(method, url, json=body, timeout=20.0, **LOCAL)


def is_quiet(show: System) -> bool:
    """Return what each place says of it, which must be the same."""
    told = {
        request(show, "GET", "/v1/quiet").json()["quiet"],
        request(show, "GET", "/readyz").json()["details"]["quiet"],
        request(show, "GET", "/v1/sessions").json()["playback"]["quiet"],
    }
    (quiet,) = told
    return bool(quiet)


def stopped_in_turn_2(chat: Backend, truth: Truth) -> None:
    """Tell a session that its visitor stopped after Turn 1."""
    chat.write(truth)
    session = truth.session_id
    chat.events.begin_session(session, slots=truth.begun().slots)
    for part in truth.parts():
        if part[0] == 1:
            chat.events.utterance(session, truth.utterance(*part))
    chat.events.turn1_complete(session)
    chat.events.turn3_complete(session, ())
    chat.events.session_complete(session, stopped=True)


async def told_of(client: Listener, session: str) -> list[str]:
    """Return the types of the two frames about a session that was stopped after Turn 1."""
    names = []
    for _ in range(2):
        event = await client.event()
        assert getattr(event, "session_id", None) == session, event
        names.append(type(event).__name__)
    return names


async def test_a_stopped_session_is_told_once(show: System) -> None:
    """To the client that is there, and to one that comes soon after; a whole one is not."""
    truth = whole(1)
    async with backend(show.bus_url, show.artifacts) as chat:
        async with listening(show.events_url) as client:
            stopped_in_turn_2(chat, truth)
            names = await told_of(client, truth.session_id)
            assert sorted(names) == ["SessionStopped", "Turn1WavesReady"]
            chat.tell(whole(2))
            await client.told(whole(2).session_id)
            await client.nothing()
        async with listening(show.events_url) as late:
            await late.say({"type": "hello"})
            frames = [await late.event() for _ in range(2)]
            assert SessionStopped(session_id=truth.session_id) in frames
            await late.nothing()


async def test_events_of_a_stopped_session_may_follow(show: System) -> None:
    """A stop is told at once, also while Turn 1 waits for its waves, which keeps its number."""
    truth = whole(1)
    session = truth.session_id
    async with (
        backend(show.bus_url, show.artifacts) as chat,
        listening(show.events_url) as client,
    ):
        chat.write(truth)
        chat.events.begin_session(session, slots=truth.begun().slots)
        chat.events.turn1_complete(session)
        chat.events.turn3_complete(session, ())
        chat.events.session_complete(session, stopped=True)
        assert await client.event() == SessionStopped(session_id=session)
        for part in truth.parts():
            if part[0] == 1:
                chat.events.utterance(session, truth.utterance(*part))
        event = await client.session_event()
        assert (event.session_id, event.seq) == (session, 1)


async def test_a_gateway_that_was_away_tells_of_it_too(show: System) -> None:
    """From the snapshot."""
    show.processes[0].stop()
    truth = whole(1)
    async with backend(show.bus_url, show.artifacts) as chat:
        stopped_in_turn_2(chat, truth)
        show.gateway()
        async with listening(show.events_url) as client:
            names = await told_of(client, truth.session_id)
            assert "SessionStopped" in names


async def test_stop_of_a_rehearsal_is_told(show: System) -> None:
    """With the id of the rehearsal, not of the session that it repeats."""
    async with listening(show.events_url) as client:
        async with backend(show.bus_url, show.artifacts) as chat:
            chat.tell(whole(1))
            await client.told()
        request(show, "POST", "/v1/rehearsal", {"loop": True, "speed": 0.1})
        first = await client.session_event()
        request(show, "DELETE", "/v1/rehearsal")
        while not isinstance(event := await client.event(), SessionStopped):
            pass
        assert event.session_id == first.session_id
        assert event.session_id != whole(1).session_id


async def test_quiet_is_told_kept_and_ended(show: System) -> None:
    """To the client, to newcomers, after a restart; events are recorded and sent meanwhile."""
    assert not is_quiet(show)
    async with listening(show.events_url) as client:
        assert request(show, "POST", "/v1/quiet").json() == {"quiet": True}
        request(show, "POST", "/v1/quiet")
        assert await client.event() == Hush(on=True)
        async with backend(show.bus_url, show.artifacts) as chat:
            chat.tell(whole(1))
            await client.told()
        refused = request(show, "POST", "/v1/rehearsal")
        assert refused.status_code == httpx.codes.CONFLICT
        assert "Quiet" in refused.json()["error"]["message"]
    show.processes[0].stop()
    show.gateway()
    assert is_quiet(show)
    async with listening(show.events_url) as client:
        await client.say({"type": "hello"})
        assert {type(await client.event()).__name__ for _ in range(2)} == {"Hush", "HelloAck"}
        assert request(show, "DELETE", "/v1/quiet").json() == {"quiet": False}
        assert await client.event() == Hush(on=False)
        await client.nothing()
    assert not is_quiet(show)


async def test_the_command_switches_it(show: System) -> None:
    """On, off, and which it is; a mistake is one line."""
    for argument, code, words in (
        ("on", 0, "quiet: the water rests"),
        ("", 0, "quiet: the water rests"),
        ("off", 0, "not quiet"),
        ("loud", 78, "expected on or off"),
    ):
        command = show.start("quiet", "-m", "event_gateway", "quiet", *filter(None, [argument]))
        assert command.wait() == code, command.log
        assert words in command.log
        assert len(command.log.splitlines()) == 1
    show.processes[0].stop()
    lost = show.start("quiet", "-m", "event_gateway", "quiet", "on")
    assert lost.wait() == 1
    assert START_THEM in lost.log
