"""A gateway among more clients than it has descriptors."""

import contextlib
import socket
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from shared_schema.settings import Settings
from tests.support.client import backend, listening, turn1_of
from tests.support.processes import system, until
from tests.support.sessions import whole

DESCRIPTORS = 1024
SILENT = 1100


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit")
async def test_silent_connections_lock_nobody_out(tmp_path: Path) -> None:
    """1,100 of them and 1,024 descriptors: TouchDesigner and a page are served as ever."""
    import resource  # noqa: PLC0415  # POSIX only

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with system(tmp_path) as installation, contextlib.ExitStack() as stack:
        gateway = installation.gateway()
        process = psutil.Process(gateway.pid)
        process.rlimit(psutil.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        address = ("127.0.0.1", installation.gateway_port)
        for _ in range(SILENT):
            stack.enter_context(socket.create_connection(address, timeout=10))
        most = Settings().http_max_connections + 100
        until(lambda: process.num_fds() < most, "silent connections are closed", within_s=10)
        async with (
            listening(installation.events_url) as client,
            backend(installation.bus_url, installation.artifacts) as chat,
        ):
            async with httpx.AsyncClient(trust_env=False, timeout=10) as page:
                assert (await page.get(installation.gateway_url)).status_code == httpx.codes.OK
            chat.tell(whole(1))
            assert turn1_of(await client.told()).session_id == whole(1).session_id
        assert "connection closed: too many are open" in gateway.log
        assert len(gateway.log.splitlines()) < 40
