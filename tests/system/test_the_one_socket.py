"""Clients that misbehave: the gateway's intake and its other clients must not notice."""

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import zmq
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from shared_schema.events import ErrorEvent, SessionEvent
from shared_schema.sockets import CurveKeys
from tests.support.client import Backend, backend, listening
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.sessions import whole

SESSIONS = 60


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path, events_send_timeout_s=1) as it:
        it.gateway()
        yield it


@pytest.fixture
async def chat(installation: System) -> AsyncIterator[Backend]:
    async with backend(installation.bus_url, installation.artifacts) as it:
        yield it


async def metric(installation: System, name: str) -> float:
    async with httpx.AsyncClient(**LOCAL) as http:
        text = (await http.get(f"{installation.gateway_url}/metrics")).text
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[-1])


async def until_metric(installation: System, name: str, value: float) -> None:
    async with asyncio.timeout(20):
        while await metric(installation, name) != value:
            await asyncio.sleep(0.02)


def deaf_client(installation: System) -> socket.socket:
    """Shake hands as a WebSocket client, and never read again."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", installation.gateway_port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return client


async def test_a_client_that_never_reads_is_cut_off(installation: System, chat: Backend) -> None:
    """Every event is recorded all the same, and the stuck socket is aborted within a bound."""
    deaf = deaf_client(installation)
    try:
        await until_metric(installation, "rr_client_connected", 1)
        for number in range(SESSIONS):
            chat.tell(whole(number))
        await until_metric(installation, "rr_outbox_rows", 4 * SESSIONS)
        await until_metric(installation, "rr_client_connected", 0)
        assert await metric(installation, "rr_events_sent_total") < 3 * SESSIONS
    finally:
        deaf.close()
    async with listening(installation.events_url) as touchdesigner:
        chat.tell(whole(SESSIONS))
        assert len(await touchdesigner.told(whole(SESSIONS).session_id)) == 3


async def test_a_newcomer_is_served_before_the_stuck_one_is_gone(
    installation: System, chat: Backend
) -> None:
    """It inherits the cursor: what the deaf client did not take goes to the newcomer, in order."""
    deaf = deaf_client(installation)
    try:
        await until_metric(installation, "rr_client_connected", 1)
        for number in range(SESSIONS):
            chat.tell(whole(number))
        async with listening(installation.events_url) as touchdesigner:
            events: list[SessionEvent] = []
            while not events or events[-1].session_id != whole(SESSIONS - 1).session_id:
                events.append(await touchdesigner.session_event())
    finally:
        deaf.close()
    seen = [(event.session_id, event.seq) for event in events]
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen))


async def test_a_client_that_never_pongs_stays(installation: System, chat: Backend) -> None:
    """TouchDesigner without its pong line receives everything and is never dropped for it."""
    async with listening(installation.events_url, ping_interval=None) as touchdesigner:
        # What answers pings is the protocol object: let it lose them.
        touchdesigner.socket.protocol.send_pong = lambda data: None  # type: ignore[method-assign]
        chat.tell(whole(1))
        await touchdesigner.told()
        await touchdesigner.nothing(for_s=1.0)
        chat.tell(whole(2))
        assert len(await touchdesigner.told()) == 3


async def test_clients_that_fight_over_the_place_are_slowed(
    installation: System, chat: Backend
) -> None:
    """Thirty connections in a burst lead to few takeovers, and the last one is served."""
    installation_log = installation.processes[0]
    async with asyncio.timeout(40):
        for _ in range(30):
            try:
                async with connect(installation.events_url):
                    await asyncio.sleep(0.02)
            except ConnectionClosed:
                pass
        async with listening(installation.events_url) as touchdesigner:
            chat.tell(whole())
            assert len(await touchdesigner.told()) == 3
    assert await metric(installation, "rr_client_takeovers_total") <= 5
    assert "Traceback" not in installation_log.log


async def test_one_that_left_while_it_waited_evicts_nobody(
    installation: System, chat: Backend
) -> None:
    """A web page that connects and goes again and again does not disturb TouchDesigner for long."""
    async with listening(installation.events_url):
        async with listening(installation.events_url) as touchdesigner:
            for _ in range(3):
                async with connect(installation.events_url):
                    pass
            chat.tell(whole())
            assert len(await touchdesigner.told()) == 3


async def test_a_flood_of_nonsense_is_answered_or_closed(
    installation: System, chat: Backend
) -> None:
    """A client that talks without listening is closed with 4008, or answered each time."""
    async with connect(installation.events_url, max_size=None) as client:
        try:
            for _ in range(5000):
                await client.send("nonsense")
        except ConnectionClosed:
            pass
    async with listening(installation.events_url) as touchdesigner:
        chat.tell(whole())
        assert len(await touchdesigner.told()) == 3
    assert "Traceback" not in installation.processes[0].log


@pytest.mark.parametrize(
    ("frame", "code"), [("x" * 70_000, 1009), (b"\x81\x82\x00\x00\x00\x00\xff\xfe", 1007)]
)
async def test_frames_that_break_the_rules_close_with_their_code(
    installation: System, frame: str | bytes, code: int
) -> None:
    """Too big and not UTF-8: the standard's codes; the next client is served."""
    async with listening(installation.events_url) as client:
        if isinstance(frame, str):
            await client.socket.send(frame)
        else:
            client.socket.transport.write(frame)
        assert await client.closed() == code
    async with listening(installation.events_url):
        pass


async def test_an_unknown_field_or_type_is_an_error_event(installation: System) -> None:
    """The handler goes on."""
    async with listening(installation.events_url) as client:
        for message in ({"type": 7}, {"type": "resume"}, ["hello"], "hello", None, 3):
            await client.say(message)
            assert isinstance(await client.event(), ErrorEvent)


async def test_a_token_is_needed_where_one_is_set(tmp_path: Path) -> None:
    """401 without it or with another; in a header or in the query it opens the door."""
    with system(tmp_path, events_token="open sesame") as installation:  # noqa: S106  # a test's
        process = installation.start("gateway", "-m", "event_gateway")
        url = installation.events_url
        token = {"Authorization": "Bearer open sesame"}
        async with asyncio.timeout(20), httpx.AsyncClient(**LOCAL) as http:
            while True:
                try:
                    answer = await http.get(f"{installation.gateway_url}/readyz", headers=token)
                    break
                except httpx.HTTPError:
                    await asyncio.sleep(0.02)
            assert answer.status_code == 200
            assert (await http.get(f"{installation.gateway_url}/readyz")).status_code == 401
        for wrong in (url, f"{url}?token=sesame"):
            with pytest.raises(Exception, match="401"):
                async with connect(wrong):
                    pass
        async with listening(f"{url}?token=open%20sesame"):
            pass
        async with listening(url, additional_headers=token):
            pass
        assert "sesame" not in process.log


@pytest.mark.parametrize(
    ("package", "name", "value", "remedy"),
    [
        ("event_gateway", "RR_GATEWAY_HOST", "0.0.0.0", "RR_EVENTS_TOKEN"),  # noqa: S104  # refused
        ("chat_backend", "RR_CHAT_HOST", "0.0.0.0", "RR_CHAT_TOKEN"),  # noqa: S104  # refused
        ("event_gateway", "RR_BUS_URL", "tcp://0.0.0.0:5999", "RR_BUS_CURVE"),
    ],
)
def test_an_open_door_without_a_lock_is_refused(
    tmp_path: Path, package: str, name: str, value: str, remedy: str
) -> None:
    """One line that names the setting and the remedy, and the configuration's exit code."""
    with system(tmp_path) as installation:
        installation.settings[name] = value
        process = installation.start("server", "-m", package)
        assert process.wait() == 78
        (line,) = process.log.strip().splitlines()
        assert name in line
        assert remedy in line


async def test_a_foreign_host_name_is_refused(installation: System) -> None:
    """A page that rebound its name to our address gets nothing."""
    async with httpx.AsyncClient(**LOCAL) as http:
        answer = await http.get(
            f"{installation.gateway_url}/v1/sessions", headers={"Host": "evil.example:8000"}
        )
    assert answer.status_code == 403


async def test_a_damaged_outbox_is_moved_aside_at_the_start(tmp_path: Path) -> None:
    """A loud line, the old file kept, and a session past Turn 1 is not told again."""
    with system(tmp_path) as installation:
        folder = installation.artifacts / "gateway"
        folder.mkdir(parents=True)
        (folder / "outbox.sqlite3").write_bytes(b"damage" * 1000)
        async with backend(installation.bus_url, installation.artifacts) as chat:
            chat.tell(whole(1))
            gateway = installation.gateway()
            async with listening(installation.events_url) as touchdesigner:
                await touchdesigner.nothing(for_s=1.0)
                chat.tell(whole(2))
                told = await touchdesigner.told()
        assert {event.session_id for event in told} == {whole(2).session_id}
        assert (folder / "outbox.sqlite3.damaged-1").read_bytes() == b"damage" * 1000
        assert "moved aside" in gateway.log


async def test_bus_messages_that_do_not_fit_are_counted_and_logged_once(
    installation: System, chat: Backend
) -> None:
    """Wrong version, nonsense, paths from outside: nothing of it harms what is right."""
    nonsense = [
        b"nonsense",
        b'{"type":"heartbeat","protocol":1}',
        b'{"type":"waves_finished","epoch":"x","result":{}}',
        b"[" * 50_000,
    ]
    async with listening(installation.events_url) as touchdesigner:
        chat.tell(whole(1))
        await touchdesigner.told()
        for _ in range(5):
            for payload in nonsense:
                chat.send_raw(payload)
        chat.tell(whole(2))
        assert len(await touchdesigner.told()) == 3
    log = installation.processes[0].log
    assert log.count("kind=malformed") == 1
    assert log.count("kind=wrong_protocol") == 1
    assert await metric(installation, 'rr_bus_ignored_total{reason="wrong_protocol"}') == 5
    async with httpx.AsyncClient(**LOCAL) as http:
        ready = await http.get(f"{installation.gateway_url}/readyz")
    assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert ready.json()["reasons"] == [
        "a process on the bus uses protocol 1, this gateway 2: update and restart the chat"
        " backend, which is the older one"
    ]


async def test_a_locked_bus_lets_only_its_keys_in(tmp_path: Path) -> None:
    """With CURVE keys a backend that has them is heard; one without, or with others, is not."""
    with system(tmp_path) as installation:
        made = installation.start("keys", "-m", "event_gateway", "keys")
        assert made.wait() == 0
        lines = dict(line.split("=", 1) for line in made.log.strip().splitlines())
        installation.settings |= {name: value.strip("'") for name, value in lines.items()}
        installation.gateway()
        keys = CurveKeys(
            server_public=installation.settings["RR_BUS_CURVE_SERVER_PUBLIC"],
            client_public=installation.settings["RR_BUS_CURVE_CLIENT_PUBLIC"],
            client_secret=installation.settings["RR_BUS_CURVE_CLIENT_SECRET"],
        )
        public, secret = zmq.curve_keypair()
        others = CurveKeys(
            server_public=keys.server_public,
            client_public=public.decode(),
            client_secret=secret.decode(),
        )
        bus, folder = installation.bus_url, installation.artifacts
        async with (
            listening(installation.events_url) as touchdesigner,
            backend(bus, folder, curve=keys) as chat,
            backend(bus, folder, epoch="plain") as plain,
            backend(bus, folder, epoch="foreign", curve=others) as foreign,
        ):
            plain.tell(whole(1))
            foreign.tell(whole(2))
            chat.tell(whole(3))
            assert len(await touchdesigner.told(whole(3).session_id)) == 3
            await touchdesigner.nothing(for_s=1.0)
