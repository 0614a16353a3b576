"""Who may see what of both servers, and what a refusal says."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from shared_schema.events import ErrorEvent, HelloAck, decode_server_event
from shared_schema.runtime.process.exits import CONFIGURATION, FAILED
from shared_schema.runtime.web.clients import bearer
from tests.support.client import write_wav
from tests.support.local_http import LOCAL
from tests.support.platforms import linux
from tests.support.processes import Process, System, system, until

WITHIN_S = 20.0
EVENTS = "blowing in the wind"
OPERATOR = "grün + 100%41 ελ"
SESSION = "3f0c1f1e-0000-4000-8000-000000000000"
OPEN = ("/healthz", "/readyz", "/metrics", "/asyncapi.json", "/pages/technician.js")
GUARDED = (
    "/",
    "/v1/watch",
    "/v1/sessions",
    "/v1/recordings",
    f"/v1/recordings/{SESSION}",
    "/v1/rehearsal",
    "/v1/quiet",
    f"/v1/events/history?sessionId={SESSION}",
)
# A loopback that `localhost` is not.
OTHER_LOOPBACK = "127.0.0.2"

whole_loopback = linux("all of 127/8 on its loopback")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A gateway with both tokens."""
    folder = tmp_path_factory.mktemp("guarded")
    with system(folder, events_token=EVENTS, operator_token=OPERATOR) as it:
        listens(it, "event_gateway")
        yield it


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A gateway without any."""
    with system(tmp_path_factory.mktemp("open")) as it:
        it.gateway()
        yield it


def listens(it: System, package: str) -> Process:
    process = it.start(package, "-m", package)
    until(lambda: "listening" in process.log, f"{package} listens")
    return process


def status(url: str, **options: Any) -> int:
    """Return the status of an answer, without reading what may be a stream."""
    options.setdefault("timeout", WITHIN_S)
    with httpx.Client(**LOCAL) as http, http.stream("GET", url, **options) as response:
        return response.status_code


@pytest.mark.parametrize("path", GUARDED)
def test_the_operators_token_guards_visitors_words(guarded: System, path: str) -> None:
    """On this machine as well, and the events token is not enough."""
    url = guarded.gateway_url + path
    assert status(url) == httpx.codes.UNAUTHORIZED
    assert status(url, headers=bearer(EVENTS)) == httpx.codes.UNAUTHORIZED
    assert status(url, headers=bearer(OPERATOR)) in (httpx.codes.OK, httpx.codes.NOT_FOUND)


@pytest.mark.parametrize("path", OPEN)
def test_what_shows_no_words_needs_no_operator(guarded: System, path: str) -> None:
    """The events token opens it, and the operator's does as well."""
    url = guarded.gateway_url + path
    assert status(url) == httpx.codes.UNAUTHORIZED
    for token in (EVENTS, OPERATOR):
        assert status(url, headers=bearer(token)) == httpx.codes.OK


def test_with_the_operators_token_alone_the_socket_stays_open(tmp_path: Path) -> None:
    """TouchDesigner and a monitor need none; the page does."""
    with system(tmp_path, operator_token=OPERATOR) as it:
        listens(it, "event_gateway")
        for path in OPEN:
            assert status(it.gateway_url + path) == httpx.codes.OK
        for url in (it.events_url, f"ws://localhost:{it.gateway_port}/"):
            with connect(url) as touchdesigner:
                assert isinstance(decode_server_event(touchdesigner.recv(WITHIN_S)), HelloAck)
        assert status(it.gateway_url) == httpx.codes.UNAUTHORIZED
        history = it.start("history", "-m", "event_gateway", "history", SESSION)
        assert history.wait() == FAILED
        assert "no event of" in history.log


@pytest.mark.parametrize("given", [quote(OPERATOR), OPERATOR.replace("%", "%25")])
def test_a_token_of_any_characters_opens_a_page_once(guarded: System, given: str) -> None:
    """As a browser encodes it or as a person types it; then the page's cookie does."""
    target = f"/?token={given}".replace(" ", "+" if given == quote(OPERATOR) else "%20")
    with socket.create_connection(("127.0.0.1", guarded.gateway_port), WITHIN_S) as raw:
        raw.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        head = raw.makefile("rb").read().partition(b"\r\n\r\n")[0].decode()
    assert " 200 " in head.splitlines()[0]
    (cookie,) = [line for line in head.splitlines() if line.lower().startswith("set-cookie")]
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    kept = {"Cookie": cookie.partition(": ")[2].partition(";")[0]}
    assert status(f"{guarded.gateway_url}/v1/rehearsal", headers=kept) == httpx.codes.OK


@pytest.mark.parametrize("token", [EVENTS.replace(" ", "+"), quote(EVENTS), quote(OPERATOR)])
def test_a_token_in_the_query_opens_the_socket(guarded: System, token: str) -> None:
    with connect(f"{guarded.events_url}?token={token}") as client:
        assert client.recv(WITHIN_S)


@pytest.mark.parametrize("wrong", ["", "?token=", "?token=blowing", "?tokens=" + quote(EVENTS)])
def test_another_token_opens_nothing(guarded: System, wrong: str) -> None:
    with pytest.raises(InvalidStatus, match="401"):
        connect(guarded.events_url + wrong)


def test_a_kiosk_of_another_device_needs_its_token_once(tmp_path: Path) -> None:
    """Served at an address of this machine, under that address, to a page that has the token."""
    address = own_address()
    with system(tmp_path, chat_host=address, chat_token=EVENTS) as it:
        listens(it, "chat_backend")
        url = f"http://{address}:{it.chat_port}"
        with httpx.Client(base_url=url, **LOCAL, timeout=WITHIN_S) as tablet:
            assert tablet.get("/").status_code == httpx.codes.UNAUTHORIZED
            assert tablet.post("/v1/chat", json={}).status_code == httpx.codes.UNAUTHORIZED
            preflight = {
                "Origin": "http://localhost:5173",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization",
            }
            assert tablet.options("/v1/chat", headers=preflight).is_success
            assert tablet.get("/", params={"token": EVENTS}).is_success
            assert tablet.get("/v1/agents").is_success
            own = {"Origin": url}
            assert tablet.post("/v1/reset", json={}, headers=own).is_success
            foreign = {"Origin": "http://evil.example"}
            refused = tablet.post("/v1/reset", json={}, headers=foreign)
            assert refused.status_code == httpx.codes.FORBIDDEN


def own_address() -> str:
    """Return an address of this machine that others may reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no address but its loopback")
        return str(probe.getsockname()[0])


def test_audio_is_of_sessions_only(gateway: System) -> None:
    """Neither recordings of visitors, nor what lies beside; a long path is not an error of ours."""
    with system(gateway.folder / "chat", events_ws_enabled="false") as other:
        other.artifacts = gateway.artifacts
        other.settings["RR_ARTIFACTS_DIR"] = str(gateway.artifacts)
        listens(other, "chat_backend")
        served = ("tts/sessions/a/turn_1/b.wav", "waves/sessions/a/turn_1/b.wav")
        hidden = (
            "stt/sessions/a/b.wav",
            "gateway/b.wav",
            "b.wav",
            "tts/b.wav",
            "ttsx/sessions/b.wav",
        )
        for path in (*served, *hidden):
            write_wav(gateway.artifacts / path)
        if sys.platform != "win32":  # links need a privilege there
            link = gateway.artifacts / "tts/sessions/a/link.wav"
            link.symlink_to(gateway.artifacts / "stt/sessions/a/b.wav")
        odd = (
            "tts/sessions/../../b.wav",
            "tts/sessions/a/link.wav",
            f"tts/sessions/{'x' * 300}.wav",
        )
        for url in (gateway.gateway_url, other.chat_url):
            for path in served:
                assert status(f"{url}/v1/audio/{path}") == httpx.codes.OK
            for path in (*hidden, *odd, "x/" * 3000 + ".wav"):
                assert status(f"{url}/v1/audio/{path}") == httpx.codes.NOT_FOUND, path


def test_a_refusal_is_one_warning_that_says_why(guarded: System, gateway: System) -> None:
    """Host, Origin, token and path are told apart; a flood of refusals is a few lines."""
    log = gateway.processes[0]
    url, socket_url = f"{gateway.gateway_url}/v1/rehearsal", gateway.events_url
    for _ in range(50):
        assert status(url, headers={"Host": "evil.example"}) == httpx.codes.FORBIDDEN
    assert httpx.delete(url, headers={"Origin": "http://evil.example"}, **LOCAL).is_error
    with pytest.raises(InvalidStatus, match="403"):
        connect(socket_url, additional_headers={"Origin": "http://bad.example"})
    with pytest.raises(InvalidStatus, match="404"):
        connect(f"{socket_url}s%1b[31m")
    for reason in (
        "request refused  status=403 reason=\"host 'evil.example' is not served here",
        "request refused  status=403 reason=\"origin 'http://evil.example' is not allowed",
        "WebSocket refused  status=404 reason=\"no WebSocket is served at '/v1/eventss",
    ):
        log.until_logged(reason)
    assert log.log.count("evil.example' is not served") < 10
    assert " error " not in log.log
    assert "\x1b" not in log.log
    with pytest.raises(InvalidStatus, match="401"):
        connect(f"{guarded.events_url}?token=almost")
    until(lambda: "the token (RR_EVENTS_TOKEN) is missing or wrong" in guarded.processes[0].log, "")
    for process in guarded.processes:
        assert "almost" not in process.log
        assert EVENTS not in process.log


@pytest.mark.parametrize("host", ["LOCALHOST", "localhost.", "LocalHost.", "127.0.0.1", "[::1]"])
def test_a_host_has_no_case_and_a_last_dot_means_nothing(gateway: System, host: str) -> None:
    """Nor has the Origin of a page that was opened there."""
    headers = {"Host": f"{host}:{gateway.gateway_port}"}
    headers["Origin"] = f"http://{host.lower()}:{gateway.gateway_port}"
    url = f"{gateway.gateway_url}/v1/rehearsal"
    assert httpx.delete(url, headers=headers, **LOCAL).is_success


@pytest.mark.parametrize(
    "host",
    [
        "localhost.evil.example",
        "localhost..",
        "127.0.0.1.evil",
        "[::1%evil.example]",
        "::1%evil.example",
        "[[::1]",
        "[localhost]",
        "",
    ],
)
def test_a_host_that_only_looks_like_ours_is_refused(gateway: System, host: str) -> None:
    url = f"{gateway.gateway_url}/v1/sessions"
    assert status(url, headers={"Host": host}) == httpx.codes.FORBIDDEN


def test_a_seq_that_no_event_can_have_is_an_error_event(gateway: System) -> None:
    """The connection goes on."""
    with connect(gateway.events_url) as client:
        assert isinstance(decode_server_event(client.recv(WITHIN_S)), HelloAck)
        for seq in (2**63, 2**64, 10**30, -1):
            client.send(f'{{"type": "hello", "resume": {{"{SESSION}": {seq}}}}}')
            error = decode_server_event(client.recv(WITHIN_S))
            assert isinstance(error, ErrorEvent)
            assert error.field.startswith("resume")
        client.send(f'{{"type": "hello", "resume": {{"{SESSION}": {2**63 - 1}}}}}')
        assert isinstance(decode_server_event(client.recv(WITHIN_S)), HelloAck)


@whole_loopback
def test_commands_ask_at_the_hosts_that_are_set(tmp_path: Path) -> None:
    """At an address that `localhost` does not mean."""
    with system(tmp_path, gateway_host=OTHER_LOOPBACK, chat_host=OTHER_LOOPBACK) as it:
        listens(it, "event_gateway")
        listens(it, "chat_backend")
        for package, *line, expected in (
            ("event_gateway", "rehearse", "no client is connected"),
            ("event_gateway", "history", SESSION, "no event of"),
            ("chat_backend", "say", "hello", "--timeout", "2", "TouchDesigner is not connected"),
            ("event_gateway", "listen", "--timeout", "1", f"connected to ws://{OTHER_LOOPBACK}:"),
        ):
            process = it.start(line[0], "-m", package, *line)
            assert process.wait() == FAILED
            assert expected in process.log


@pytest.mark.parametrize(
    "url", ["http://x", "localhost:8000", "ws://localhost:99999/", "ws://[::1/", "ws://a:b/"]
)
def test_an_address_that_is_no_sockets_is_one_line(tmp_path: Path, url: str) -> None:
    with system(tmp_path) as it:
        process = it.start("listen", "-m", "event_gateway", "listen", "--url", url)
        assert process.wait() == FAILED
        (line,) = process.log.splitlines()
        assert url in line


def test_a_silence_limit_below_three_heartbeats_is_refused(tmp_path: Path) -> None:
    """By name, with the least that it may be."""
    with system(tmp_path, bus_silence_s=1.4) as it:
        process = it.start("gateway", "-m", "event_gateway")
        assert process.wait() == CONFIGURATION
        (line,) = process.log.splitlines()
        assert "RR_BUS_SILENCE_S=1.4" in line
        assert "1.5" in line


@pytest.mark.parametrize("token", ["", OPERATOR])
def test_a_kiosk_warns_once_while_the_technicians_page_is_open(tmp_path: Path, token: str) -> None:
    with system(tmp_path, operator_token=token, events_ws_enabled="false") as it:
        chat = listens(it, "chat_backend")
        assert status(f"{it.chat_url}/") == httpx.codes.OK
        assert "RR_OPERATOR_TOKEN" not in chat.log
        for _ in range(2):
            assert status(f"{it.chat_url}/?kiosk=1") == httpx.codes.OK
        chat.stop()
        assert chat.log.count("RR_OPERATOR_TOKEN") == (0 if token else 1)
