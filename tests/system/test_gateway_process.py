"""The gateway as a process: a real bus, a real socket, a made-up backend."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from event_gateway.outbox import Entry, Outbox
from shared_schema import SERVER_NAME, VERSION
from shared_schema.events import DialogueWavesReady, ErrorEvent, HelloAck
from tests.support.client import Backend, backend, listening, turn1_of
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.sessions import whole


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path) as it:
        yield it


@pytest.fixture
async def chat(installation: System) -> AsyncIterator[Backend]:
    async with backend(installation.bus_url, installation.artifacts) as it:
        yield it


@pytest.mark.parametrize("path", ["/v1/events", "/"])
async def test_ac1_a_client_connects_and_receives_json_text(
    installation: System, chat: Backend, path: str
) -> None:
    """AC1: on both paths, hello.ack first, then the session's events as text."""
    installation.gateway()
    url = f"ws://localhost:{installation.gateway_port}{path}"
    async with listening(url) as touchdesigner:
        chat.tell(whole())
        events = await touchdesigner.told()
    assert [event.seq for event in events] == [1, 2, 3]
    turn1 = turn1_of(events)
    assert turn1.payload.status == "complete"
    for wave in turn1.payload.slots:
        assert Path(wave.wave_mix_path_abs).is_file()
        assert wave.wave_mix_path_abs.endswith(wave.wave_mix_path_rel)


async def test_ac5_a_second_client_replaces_the_first(installation: System, chat: Backend) -> None:
    """AC5: the first is told why and closed with 4001, the second receives what follows."""
    installation.gateway()
    async with listening(installation.events_url) as first:
        async with listening(installation.events_url) as second:
            assert await first.closed() == 4001
            assert '"session.replaced"' in first.raw[-1]
            chat.tell(whole())
            assert len(await second.told()) == 3


async def test_a_hello_is_answered(installation: System) -> None:
    """The PRD's hello gets the PRD's fields and ours."""
    installation.gateway()
    async with listening(installation.events_url) as client:
        await client.say({"type": "hello", "client": "touchdesigner", "version": "2025.32050"})
        ack = await client.ack()
    assert ack == HelloAck()
    assert (ack.server, ack.version, ack.protocol) == (SERVER_NAME, VERSION, 1)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("nonsense", ""),
        ('{"type":"bye"}', "type"),
        ('{"type":"hello","client":7}', "client"),
        ('{"type":"hello","resume":"all"}', "resume"),
        ("[" * 20000, ""),
        ('{"type":"hello","x":' + "[" * 20000, ""),
        (b"\x00\x01", ""),
    ],
)
async def test_what_a_client_gets_wrong_is_named(
    installation: System, message: str | bytes, field: str
) -> None:
    """An error event says what was wrong, and the connection goes on."""
    installation.gateway()
    async with listening(installation.events_url) as client:
        await client.socket.send(message)
        event = await client.event()
        assert isinstance(event, ErrorEvent)
        assert event.field == field
        await client.say({"type": "hello"})
        await client.ack()


async def test_started_late_it_tells_what_happened_before(
    installation: System, chat: Backend
) -> None:
    """A gateway that was absent all session catches up by a snapshot, also for its client."""
    chat.tell(whole())
    installation.gateway()
    async with listening(installation.events_url) as touchdesigner:
        assert [event.seq for event in await touchdesigner.told()] == [1, 2, 3]


async def test_killed_and_started_again_it_repeats_nothing(
    installation: System, chat: Backend
) -> None:
    """Killed after Turn 1, the new gateway tells the dialogues only; numbers go on."""
    truth = whole()
    gateway = installation.gateway()
    chat.write(truth)
    async with listening(installation.events_url) as touchdesigner:
        chat.events.begin_session(truth.session_id, slots=truth.begun().slots)
        for slot in truth.slots:
            chat.events.utterance(truth.session_id, truth.utterance(1, slot))
        chat.events.turn1_complete(truth.session_id)
        assert (await touchdesigner.session_event()).seq == 1
        gateway.kill()
        gateway.wait()
    for part in truth.parts():
        chat.events.utterance(truth.session_id, truth.utterance(*part))
    chat.events.turn3_complete(truth.session_id, truth.dialogues)
    chat.events.session_complete(truth.session_id, stopped=False)
    installation.gateway()
    async with listening(installation.events_url) as touchdesigner:
        events = await touchdesigner.told()
    assert [event.seq for event in events] == [2, 3]
    assert all(isinstance(event, DialogueWavesReady) for event in events)


async def test_stopped_and_continued_it_tells_everything_once(
    installation: System, chat: Backend
) -> None:
    """Facts that came during a SIGSTOP are all used when it goes on."""
    gateway = installation.gateway()
    async with listening(installation.events_url) as touchdesigner:
        chat.tell(whole(1))
        await touchdesigner.told()
        gateway.suspend()
        chat.tell(whole(2))
        await asyncio.sleep(1.2)  # longer than the pause that the gateway must notice
        gateway.resume()
        assert [event.seq for event in await touchdesigner.told()] == [1, 2, 3]
        await touchdesigner.nothing()


async def test_without_a_client_events_are_counted_and_not_kept_for_it(
    installation: System, chat: Backend
) -> None:
    """A client that comes after the grace gets only what follows."""
    installation.settings["RR_EVENTS_START_GRACE_S"] = "0"
    installation.gateway()
    async with asyncio.timeout(20):
        chat.tell(whole(1))
        async with httpx.AsyncClient(**LOCAL) as http:
            while (
                "rr_events_undelivered_total 3.0"
                not in (await http.get(f"{installation.gateway_url}/metrics")).text
            ):
                await asyncio.sleep(0.02)
    async with listening(installation.events_url) as touchdesigner:
        await touchdesigner.nothing()
        chat.tell(whole(2))
        assert {event.session_id for event in await touchdesigner.told()} == {whole(2).session_id}


async def test_resume_brings_what_a_client_lacks(installation: System, chat: Backend) -> None:
    """It has seq 1 of the first session and nothing of the second: it gets the rest, once."""
    installation.settings["RR_EVENTS_START_GRACE_S"] = "0"
    installation.gateway()
    async with listening(installation.events_url) as touchdesigner:
        sent = []
        for number in (1, 2):  # one after the other: then their events do not interleave
            chat.tell(whole(number))
            sent.append(await touchdesigner.told())
        raw = touchdesigner.raw[1:]
    async with listening(installation.events_url) as touchdesigner:
        await touchdesigner.say(
            {"type": "hello", "resume": {whole(1).session_id: 1, whole(9).session_id: 4}}
        )
        ack = await touchdesigner.ack()
        assert ack.replay_count == 5
        assert ack.unknown_sessions == (whole(9).session_id,)
        lacked = [await touchdesigner.told(), await touchdesigner.told()]
        assert lacked == [sent[0][1:], sent[1]]
        assert touchdesigner.raw[2:] == [each for each in raw if each != raw[0]]
        await touchdesigner.say({"type": "hello", "resume": "recent"})
        again = await touchdesigner.event()
        assert isinstance(again, ErrorEvent)
        chat.tell(whole(3))
        assert len(await touchdesigner.told(whole(3).session_id)) == 3


async def test_a_foreign_page_gets_no_socket(installation: System) -> None:
    """A browser's Origin must be on the list; null is not; none at all passes."""
    installation.gateway()
    for origin in ("http://evil.example", "null"):
        with pytest.raises(Exception, match="403"):
            async with connect(installation.events_url, origin=Origin(origin)):
                pass
    async with listening(installation.events_url, origin=Origin("http://localhost:8000")):
        pass


async def test_http_tells_how_it_is(installation: System, chat: Backend) -> None:
    """Health, readiness, metrics, live sessions, history and the description of the socket."""
    installation.gateway()
    truth = whole()
    async with (
        httpx.AsyncClient(base_url=installation.gateway_url, **LOCAL) as http,
        listening(installation.events_url) as touchdesigner,
    ):
        chat.events.begin_session(truth.session_id, slots=truth.begun().slots)
        async with asyncio.timeout(20):
            while not (sessions := (await http.get("/v1/sessions")).json()["sessions"]):
                await asyncio.sleep(0.02)
        assert sessions[0]["slotIds"] == [1, 2, 3, 4, 5, 6]
        health = (await http.get("/healthz")).json()
        assert health["clientConnected"] is True
        assert health["backendHeard"] is True
        chat.tell(truth)
        events = await touchdesigner.told()
        history = await http.get(
            "/v1/events/history", params={"sessionId": truth.session_id, "after": 1}
        )
        assert [each["seq"] for each in history.json()["events"]] == [2, 3]
        assert events[0].seq == 1
        bad = await http.get("/v1/events/history", params={"sessionId": "x", "after": "-1"})
        assert bad.status_code == 400
        assert bad.json()["error"]["field"] == "after"
        assert (await http.get("/asyncapi.json")).json()["asyncapi"].startswith("3.")
        assert (
            'rr_events_total{status="complete",type="turn1.waves.ready"} 1.0'
            in (await http.get("/metrics")).text
        )


async def test_processes_that_disagree_on_the_folder_say_so(
    installation: System, tmp_path: Path
) -> None:
    """readyz turns 503 and names both folders."""
    installation.gateway()
    async with backend(installation.bus_url, tmp_path / "elsewhere"):
        async with asyncio.timeout(20), httpx.AsyncClient(**LOCAL) as http:
            while (
                answer := await http.get(f"{installation.gateway_url}/readyz")
            ).status_code == httpx.codes.OK:
                await asyncio.sleep(0.02)
    assert "elsewhere" in answer.json()["reasons"][0]


def test_a_second_gateway_says_so_and_ends(installation: System) -> None:
    """Same bus, same outbox, same port: one line and its own exit code."""
    installation.gateway()
    second = installation.start("second", "-m", "event_gateway")
    assert second.wait() == 75
    assert len(second.log.strip().splitlines()) == 1


def test_a_wrong_setting_stops_the_start_with_one_line(installation: System) -> None:
    """An unknown RR_ name is a typing mistake."""
    installation.settings["RR_EVENTS_TURN1_TIMEOUT"] = "3"
    process = installation.start("gateway", "-m", "event_gateway")
    assert process.wait() == 78
    assert process.log.strip().splitlines() == [
        "gateway: RR_EVENTS_TURN1_TIMEOUT is not a setting; docs/settings.md lists them all"
    ]


async def test_switched_off_it_serves_health_and_refuses_the_socket(tmp_path: Path) -> None:
    """RR_EVENTS_WS_ENABLED=false: a reason and a code that says do not reconnect."""
    with system(tmp_path, events_ws_enabled=False) as installation:
        installation.gateway()
        async with connect(installation.events_url) as socket:
            await socket.wait_closed()
            assert socket.close_code == 4002
            assert "RR_EVENTS_WS_ENABLED" in (socket.close_reason or "")


def test_switched_off_it_leaves_the_outbox_to_the_commands(tmp_path: Path) -> None:
    """What was recorded before can be read and deleted, as without a running gateway."""
    session = "00000000-0000-4000-8000-000000000001"
    with system(tmp_path, events_ws_enabled=False) as installation:
        outbox = Outbox.open(installation.artifacts / "gateway")
        event = '{"seq":1}'
        outbox.record(
            [Entry(session_id=session, key="turn1", status="produced", render=lambda _: event)],
            at=1.0,
        )
        outbox.close()
        installation.gateway()
        for command, says in (("history", event), ("delete", "1 events deleted")):
            process = installation.start(command, "-m", "event_gateway", command, session)
            assert process.wait() == 0, process.log
            assert says in process.log
