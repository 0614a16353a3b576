"""What clients may hold of a server, each limit exceeded by real connections."""

import asyncio
import contextlib
import http.client
import logging
import os
import select
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from starlette.applications import Starlette
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from shared_schema.runtime.process.exits import CONFIGURATION, OK, StartRefused
from shared_schema.runtime.process.listening import SELECT_MAX_CONNECTIONS, allow_descriptors
from shared_schema.runtime.process.serving import _config, _Server
from shared_schema.runtime.web.connections import (
    MAX_WEBSOCKETS,
    BoundedWebSocket,
    Connections,
    HttpLimits,
)
from shared_schema.runtime.web.refusals import RefusalLog, limit_library_lines
from shared_schema.settings import Settings
from tests.support.certificates import make_certificate
from tests.support.local_http import LOCAL
from tests.support.platforms import SIGNALS, posix, windows

from .toys import LIMIT_S, Toy, Toys, wait_for

TIMEOUT_S = 0.5
UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
def sockets() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def opened(toys: Toys, content: bytes = b"") -> socket.socket:
    """Return a connection on which `content` was sent."""
    client = socket.create_connection(("127.0.0.1", toys.port), timeout=LIMIT_S)
    client.sendall(content)
    return client


def is_closed(client: socket.socket) -> bool:
    """Return whether the server has closed a connection on which it sends nothing."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def drip_until_closed(client: socket.socket) -> None:
    """Send a byte now and then, for as long as the server takes them."""

    def refused() -> bool:
        try:
            client.sendall(b"x")
        except OSError:
            return True
        return is_closed(client)

    wait_for(lambda: refused() or None, what="closed")


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"GET /echo HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Slow: ",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nX-Slow: ",
    ],
    ids=["silent", "header", "handshake", "second request"],
)
def test_a_header_that_is_not_completed_is_given_up(
    toys: Toys, begun: bytes, sockets: contextlib.ExitStack
) -> None:
    """Not even a client that sends a byte now and then keeps its connection."""
    toy = toys.server(http_header_timeout_s=TIMEOUT_S)
    pid = toys.answering_pid()
    client = sockets.enter_context(opened(toys, begun))
    if begun.startswith(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    if begun:
        drip_until_closed(client)
        toy.wait_for_line(f"RR_HTTP_HEADER_TIMEOUT_S={TIMEOUT_S:g}")
    else:
        wait_for(lambda: is_closed(client) or None, what="closed")
        assert "warning" not in toy.output()
    assert toys.answering_pid() == pid


def test_a_connection_that_goes_on_asking_is_kept(toys: Toys) -> None:
    """The time limit of a header begins anew with each request."""
    toys.server(http_header_timeout_s=1.5)
    toys.answering_pid()
    connection = http.client.HTTPConnection("127.0.0.1", toys.port, timeout=LIMIT_S)
    with contextlib.closing(connection):
        connection.connect()
        first = connection.sock
        until = time.monotonic() + 4
        while time.monotonic() < until:
            connection.request("GET", "/")
            assert connection.getresponse().read()
            time.sleep(0.1)
        assert connection.sock is first


def test_a_body_that_is_not_completed_is_given_up(
    toys: Toys, sockets: contextlib.ExitStack
) -> None:
    """However slowly it still comes."""
    toy = toys.server(http_body_timeout_s=TIMEOUT_S)
    toys.answering_pid()
    head = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
    drip_until_closed(sockets.enter_context(opened(toys, head)))
    assert "Traceback" not in toy.output()
    toy.wait_for_line(f"RR_HTTP_BODY_TIMEOUT_S={TIMEOUT_S:g}")


def test_who_reads_no_response_is_cut_off(toys: Toys, sockets: contextlib.ExitStack) -> None:
    """A slow reader goes on, one that has stopped does not."""
    toy = toys.server(http_send_timeout_s=1.0)
    toys.answering_pid()
    request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    slow, _ = (sockets.enter_context(opened(toys, request)) for _ in range(2))
    until = time.monotonic() + 4
    while time.monotonic() < until:
        assert slow.recv(1 << 20)
        time.sleep(0.02)
    toy.wait_for_line("RR_HTTP_SEND_TIMEOUT_S=1")
    assert toy.output().count("did not read a response") == 1
    assert slow.recv(1 << 20)


def test_all_bodies_together_have_a_limit(toys: Toys, sockets: contextlib.ExitStack) -> None:
    """One too many is 503 with Retry-After; when another is through, there is room again."""
    toy = toys.server(http_max_body_memory_mb=0.5)
    toys.answering_pid()
    url = f"http://127.0.0.1:{toys.port}/body"
    head = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400001\r\n\r\n"
    first = sockets.enter_context(opened(toys, head + b"x" * 400_000))

    def answer() -> httpx.Response:
        return httpx.post(url, content=b"y" * 200_000, **LOCAL)

    def refusal() -> httpx.Response | None:
        nonlocal first
        response = answer()
        if select.select([first], [], [], 0)[0]:  # it came second, and is the one that was refused
            first = sockets.enter_context(opened(toys, head + b"x" * 400_000))
        return response if response.is_error else None

    refused = wait_for(refusal, what="refused")
    assert refused.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert "RR_HTTP_MAX_BODY_MEMORY_MB" in refused.json()["error"]["message"]
    assert refused.json()["detail"]
    assert refused.headers["retry-after"]
    toy.wait_for_line("request refused: too many bodies at once")
    assert "Traceback" not in toy.output()
    first.sendall(b"x")
    accepted = http.client.HTTPResponse(first)
    accepted.begin()
    assert accepted.read() == b"400001"
    assert answer().text == "200000"


def test_a_newcomer_gets_the_place_of_the_one_that_waits_longest(
    toys: Toys, sockets: contextlib.ExitStack
) -> None:
    """Beyond the limit the silent ones go; requests at work and open WebSockets stay."""
    toy = toys.server(http_max_connections=32)
    toys.answering_pid()
    stream = sockets.enter_context(opened(toys, b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert stream.recv(4096)
    talk = sockets.enter_context(connect(f"ws://127.0.0.1:{toys.port}/echo"))
    silent = [sockets.enter_context(opened(toys)) for _ in range(100)]
    with connect(f"ws://127.0.0.1:{toys.port}/echo") as late:
        late.send("there")
        assert late.recv(LIMIT_S) == "there"
    talk.send("still here")
    assert talk.recv(LIMIT_S) == "still here"
    assert stream.recv(4096)
    gone = wait_for(
        lambda: n if (n := sum(map(is_closed, silent[:60]))) == 60 else None,
        what="closed",
    )
    assert gone == 60
    assert not is_closed(silent[-1])
    assert toy.output().count("too many are open") < 10


def test_who_pings_and_never_reads_is_cut_off(toys: Toys, sockets: contextlib.ExitStack) -> None:
    """Every ping is answered at once, so the answers would fill the memory; others stay."""
    toy = toys.server()
    pid = toys.answering_pid()
    before = psutil.Process(pid).memory_info().rss
    talk = sockets.enter_context(connect(f"ws://127.0.0.1:{toys.port}/echo"))
    flood = sockets.enter_context(opened(toys, UPGRADE))
    assert flood.recv(4096).startswith(b"HTTP/1.1 101")
    ping = b"\x89\xfd\0\0\0\0" + b"x" * 125
    with pytest.raises(ConnectionError):
        flood.sendall(ping * 1_500_000)
    assert psutil.Process(pid).memory_info().rss - before < 50e6
    talk.send("still here")
    assert talk.recv(LIMIT_S) == "still here"
    wait_for(lambda: "sends and does not read" in toy.output() or None, what="warning")


@pytest.fixture
def encrypted(toys: Toys, tmp_path: Path) -> Toy:
    """Return a toy with https, room for 32 connections, and little patience."""
    cert, key = make_certificate(tmp_path)
    toy = toys.server(
        chat_tls_cert=cert,
        chat_tls_key=key,
        http_max_connections=32,
        http_header_timeout_s=TIMEOUT_S,
    )
    toy.wait_for_line("listening")
    return toy


def asked_over_tls(toys: Toys, request: bytes) -> bytes:
    """Return what is answered to a request that arrives together with the handshake's end."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting.wrap_bio(incoming, outgoing)
    with opened(toys) as client:

        def done(act: Callable[[], Any]) -> Any:
            while True:
                try:
                    return act()
                except ssl.SSLWantReadError:
                    client.sendall(outgoing.read())
                    incoming.write(client.recv(1 << 16))

        done(tls.do_handshake)
        tls.write(request)
        answer: bytes = done(tls.read)
        return answer


def test_handshakes_that_are_not_completed_lock_nobody_out(
    toys: Toys, encrypted: Toy, sockets: contextlib.ExitStack
) -> None:
    """They count as connections, and have the time of a header."""
    silent = [sockets.enter_context(opened(toys)) for _ in range(100)]
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert asked_over_tls(toys, request).startswith(b"HTTP/1.1 200")
    encrypted.wait_for_line("connection closed: too many are open")
    wait_for(lambda: all(map(is_closed, silent)) or None, what="closed")
    assert asked_over_tls(toys, request).startswith(b"HTTP/1.1 200")
    plain = sockets.enter_context(opened(toys, request))
    wait_for(lambda: is_closed(plain) or None, what="closed")
    assert "Traceback" not in encrypted.output()


@SIGNALS
def test_handshakes_do_not_hold_up_the_end(
    toys: Toys, encrypted: Toy, sockets: contextlib.ExitStack
) -> None:
    sockets.enter_context(opened(toys, b"\x16"))
    encrypted.process.terminate()
    assert encrypted.wait() == OK
    assert "timeout graceful shutdown" not in encrypted.output()


def test_websockets_that_only_wait_are_bounded(toys: Toys, sockets: contextlib.ExitStack) -> None:
    """The oldest goes, the others stay."""
    toys.server()
    toys.answering_pid()
    url = f"ws://127.0.0.1:{toys.port}/echo"
    talks: list[ClientConnection] = [
        sockets.enter_context(connect(url)) for _ in range(MAX_WEBSOCKETS + 1)
    ]
    with pytest.raises(ConnectionClosed):
        talks[0].recv(LIMIT_S)
    for talk in talks[1:]:
        talk.send("here")
        assert talk.recv(LIMIT_S) == "here"


@pytest.mark.parametrize(
    ("extra", "answer"),
    [
        (b"".join(b"X-%d: 1\r\n" % n for n in range(200)), b"HTTP/1.1 431"),
        (b"Sec-WebSocket-Version: 13\r\n", b"HTTP/1.1 400"),
        (b"Content-Length: 3\r\n", b""),
    ],
    ids=["too many headers", "no key", "a body"],
)
def test_a_handshake_that_is_not_valid_is_refused_and_logged(
    toys: Toys, extra: bytes, answer: bytes, sockets: contextlib.ExitStack
) -> None:
    """The connection ends, and one line says why."""
    toy = toys.server()
    toys.answering_pid()
    head = b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    client = sockets.enter_context(opened(toys, head + extra + b"\r\n"))
    assert client.recv(4096).startswith(answer)
    wait_for(lambda: is_closed(client) or None, what="closed")
    toy.wait_for_line("WebSocket refused: not a valid handshake")
    assert "Traceback" not in toy.output()


def test_nonsense_is_logged_at_most_once_a_second(
    toys: Toys, sockets: contextlib.ExitStack
) -> None:
    """A line of uvicorn's for each would fill the disk."""
    toy = toys.server()
    toys.answering_pid()
    began = time.monotonic()
    for _ in range(200):
        assert sockets.enter_context(opened(toys, b"nonsense\r\n\r\n")).recv(20)
    most = 2 + (time.monotonic() - began)
    assert 1 <= toy.output().count("Invalid HTTP request") <= most


def test_what_needs_no_attention_is_no_line(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio warns of each piece that is sent to a visitor who has left; its other lines stay."""
    limit_library_lines()
    log = logging.getLogger("asyncio")
    for line in ("socket.send() raised exception.", "Executing took 2 s"):
        log.warning(line)
    assert caplog.messages == ["Executing took 2 s"]


@posix("limit on open files")
def test_more_connections_than_the_system_allows_are_refused_at_the_start() -> None:
    """One line that names the setting, what is needed and what is allowed."""
    limited = 'ulimit -n 300 && exec "$0" -m tests.runtime.toy_server'
    run = subprocess.run(
        ["/bin/sh", "-c", limited, sys.executable],
        env={**os.environ, "TOY_PORT": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert run.returncode == CONFIGURATION
    (line,) = run.stderr.splitlines()
    assert line.startswith("toy: RR_HTTP_MAX_CONNECTIONS=200 needs 712 open files")
    assert "allows 300" in line


def test_more_connections_than_select_takes_are_refused_at_the_start_on_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    allow_descriptors(SELECT_MAX_CONNECTIONS)
    with pytest.raises(StartRefused, match=r"RR_HTTP_MAX_CONNECTIONS=201 .* at most 200"):
        allow_descriptors(SELECT_MAX_CONNECTIONS + 1)


@windows("a limit on the sockets of an event loop")
def test_as_many_connections_as_windows_allows_are_open_and_answered(
    toys: Toys, sockets: contextlib.ExitStack
) -> None:
    toy = toys.server(http_max_connections=SELECT_MAX_CONNECTIONS)
    toys.answering_pid()
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    clients = [sockets.enter_context(opened(toys, request)) for _ in range(SELECT_MAX_CONNECTIONS)]
    for client in clients:
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    assert not any(is_closed(client) for client in clients[1:])  # answering_pid's may be open yet
    assert toy.process.poll() is None


async def test_an_accepted_connection_sends_small_messages_at_once() -> None:
    """Nagle's algorithm is off also where the listener's protocol has no name, as on Windows."""
    limits = HttpLimits.of(Settings())
    connections = Connections(limits)
    config = _config(Starlette(), BoundedWebSocket, connections, limits)
    server = _Server(config, connections, lambda: None)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0) as listener:
        assert listener.proto == 0
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        _, writer = await asyncio.open_connection(*listener.getsockname())
        async with asyncio.timeout(LIMIT_S):
            while not connections.open:
                await asyncio.sleep(0.01)
        (connection,) = connections.open
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        server.should_exit = True
        await serving


def test_a_refusal_of_each_kind_is_logged_once_a_second(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The others are counted, and one kind hides no other."""
    now = 0.0
    log = RefusalLog("web", clock=lambda: now)
    for kind in ("host", "host", "token", "host"):
        log.warning("refused", kind=kind, reason=kind)
    now = 1.0
    log.warning("refused", kind="host", reason="later")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("refused")[1].split() for line in lines] == [
        ["reason=host"],
        ["reason=token"],
        ["omitted=2", "reason=later"],
    ]
