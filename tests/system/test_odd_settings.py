"""Settings that nobody should write and somebody does, in servers and commands alike."""

from pathlib import Path

import httpx
import pytest

from shared_schema.runtime.process.exits import CONFIGURATION
from tests.support.local_http import LOCAL
from tests.support.platforms import make_link
from tests.support.processes import system


@pytest.mark.parametrize(
    "line",
    [
        ("event_gateway",),
        ("event_gateway", "supervise"),
        ("event_gateway", "status"),
        ("event_gateway", "stop"),
        ("event_gateway", "quiet", "off"),
        ("chat_backend",),
        ("chat_backend", "report"),
        ("chat_backend", "sessions", "list"),
        ("chat_backend", "say", "hello"),
    ],
    ids=" ".join,
)
def test_an_odd_setting_is_one_line(tmp_path: Path, line: tuple[str, ...]) -> None:
    """Bytes that are no text, links in a circle, what is no host: by name, and no traceback."""
    loop = tmp_path / "loop"
    make_link(loop, loop)
    for name, value, reason in (
        ("RR_GATEWAY_PORT", "\udcff1", "it is not UTF-8"),
        ("RR_ARTIFACTS_DIR", str(loop / "below"), "links form a loop"),
        ("RR_CHAT_HOST", "[::1]:80", "without a port, e.g. localhost"),
    ):
        with system(tmp_path) as it:
            it.settings[name] = value
            process = it.start("odd", "-m", *line)
            assert process.wait() == CONFIGURATION
            (told,) = process.log.splitlines()
            assert name in told
            assert reason in told


@pytest.mark.parametrize("host", ["LocalHost.", "[::1]"])
def test_servers_and_commands_agree_on_a_host(tmp_path: Path, host: str) -> None:
    """However it is written; `localhost` is both loopbacks then, too."""
    with system(tmp_path, gateway_host=host) as it:
        gateway = it.start("gateway", "-m", "event_gateway")
        gateway.until_logged("listening")
        assert it.command("event_gateway", "quiet", "off").popen.returncode == 0
        reached = ["[::1]"] if host == "[::1]" else ["[::1]", "127.0.0.1"]
        for address in reached:
            url = f"http://{address}:{it.gateway_port}/healthz"
            assert httpx.get(url, **LOCAL).is_success
