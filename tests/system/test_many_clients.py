"""Both servers among more clients than they have descriptors."""

import contextlib
import socket
import ssl
from pathlib import Path

import httpx
import psutil
import pytest

from event_gateway.studio.routes import STREAMS_MAX
from event_gateway.studio.status import REPLACED_RETRY_MS
from shared_schema.settings import Settings
from tests.support.certificates import make_certificate
from tests.support.client import backend, listening, turn1_of
from tests.support.local_http import LOCAL
from tests.support.platforms import linux
from tests.support.processes import Process, system, until
from tests.support.sessions import whole

DESCRIPTORS = 1024
SILENT = 1100
WITHIN_S = 60.0

prlimit = linux("prlimit")


@prlimit
async def test_silent_connections_lock_nobody_out(tmp_path: Path) -> None:
    """1,100 of them and 1,024 descriptors: TouchDesigner and a page are served as ever."""
    with system(tmp_path) as installation, contextlib.ExitStack() as stack:
        gateway = installation.gateway()
        crowd(stack, gateway, installation.gateway_port)
        async with (
            listening(installation.events_url) as client,
            backend(installation.bus_url, installation.artifacts) as chat,
        ):
            async with httpx.AsyncClient(**LOCAL, timeout=10) as page:
                assert (await page.get(installation.gateway_url)).status_code == httpx.codes.OK
            chat.tell(whole(1))
            assert turn1_of(await client.told()).session_id == whole(1).session_id
        assert len(gateway.log.splitlines()) < 40


@prlimit
def test_silent_connections_keep_no_visitor_out(tmp_path: Path) -> None:
    """The same at the chat backend."""
    with (
        system(tmp_path, events_ws_enabled="false") as installation,
        contextlib.ExitStack() as stack,
    ):
        chat = installation.chat()
        crowd(stack, chat, installation.chat_port)
        with httpx.Client(base_url=installation.chat_url, **LOCAL, timeout=10) as kiosk:
            for path in ("/", "/pages/kiosk.js", "/v1/agents"):
                assert kiosk.get(path).status_code == httpx.codes.OK
        assert len(chat.log.splitlines()) < 40


@prlimit
def test_silent_connections_keep_no_visitor_out_over_https(tmp_path: Path) -> None:
    """They are counted before their TLS handshakes, which never come."""
    cert, key = make_certificate(tmp_path)
    tls = {"chat_tls_cert": cert, "chat_tls_key": key, "waves_enabled": "false"}
    with system(tmp_path / "show", **tls) as installation, contextlib.ExitStack() as stack:
        chat = installation.start("chat", "-m", "chat_backend")
        chat.until_logged("listening")
        crowd(stack, chat, installation.chat_port)
        trust = ssl.create_default_context(cafile=cert)
        url = f"https://localhost:{installation.chat_port}"
        with httpx.Client(base_url=url, verify=trust, trust_env=False, timeout=10) as kiosk:
            assert kiosk.get("/").status_code == httpx.codes.OK
        assert len(chat.log.splitlines()) < 40


@pytest.mark.parametrize("path", ["/v1/watch", "/v1/playback"])
def test_pages_that_sleep_lock_no_other_out(tmp_path: Path, path: str) -> None:
    """The oldest gives its place to the newcomer, and is asked to come back later."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with system(tmp_path) as installation, contextlib.ExitStack() as stack:
        gateway = installation.gateway()
        pages = []
        for _ in range(STREAMS_MAX):
            address = ("127.0.0.1", installation.gateway_port)
            page = stack.enter_context(socket.create_connection(address, timeout=WITHIN_S))
            page.sendall(request)
            assert page.recv(4096).startswith(b"HTTP/1.1 200")
            pages.append(page)
        with httpx.stream("GET", installation.gateway_url + path, **LOCAL) as newcomer:
            assert newcomer.status_code == httpx.codes.OK
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):
                received = pages[0].recv(4096)
                assert received
                answer += received
            assert f"retry: {REPLACED_RETRY_MS}".encode() in answer
            gateway.until_logged("stream ended: too many pages are open")


def crowd(stack: contextlib.ExitStack, server: Process, port: int) -> None:
    """Open more connections than the server has descriptors, and send nothing on them."""
    import resource  # noqa: PLC0415  # POSIX only

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    process = psutil.Process(server.pid)
    process.rlimit(psutil.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    for _ in range(SILENT):
        stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
    most = Settings().http_max_connections + 100
    until(lambda: process.num_fds() < most, "silent connections are closed", within_s=60)
    server.until_logged("connection closed: too many are open")
