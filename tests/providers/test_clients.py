"""The shell's proxies and certificates: never for this machine, and a bad value is one line."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared_schema.decoding import InvalidSetting
from shared_schema.runtime.web.clients import proxy_for, route_to
from shared_schema.runtime.web.hosts import is_local
from tests.providers.odd import Odd, sound
from tests.support.sounds import pcm

ROOT = Path(__file__).parents[2]
REMOTE = "https://api.provider.example/v1"
PROXY = "http://proxy.example:3128"
# What a shell may hold that once broke a start or sent loopback to a proxy.
BAD_SHELL = {
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "nonsense://x:y@z",
    "NO_PROXY": "example.com,[::1],10.0.0.0/8,*.internal, ,fe80::1%eth0",
    "SSL_CERT_FILE": "/nonexistent",
    "SSL_CERT_DIR": "/nonexistent",
}
# Python itself writes there whenever a context for certificates is made.
BAD_KEY_LOG = {"SSLKEYLOGFILE": "/nonexistent/keys.log"}


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "kiosk.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
        "0.0.0.0",  # noqa: S104  # never bound here
        "::",
        "::ffff:127.0.0.1",
    ],
)
def test_this_machine_is_never_asked_through_a_proxy(host: str) -> None:
    """By every name that it has."""
    assert is_local(host)
    address = f"[{host}]" if ":" in host and "[" not in host else host
    assert route_to(f"http://{address}:8000/v1", BAD_SHELL).proxy is None


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "192.168.1.4", "", "::2"])
def test_other_machines_are_others(host: str) -> None:
    """Also those on the same network."""
    assert not is_local(host)


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": "  "}, None),
        ({"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ({"all_proxy": "socks5://127.0.0.1:1080"}, "socks5://127.0.0.1:1080"),
        ({"ALL_PROXY": "socks://127.0.0.1:1080/"}, "socks5://127.0.0.1:1080/"),
        ({"HTTPS_PROXY": PROXY, "ALL_PROXY": "socks5://x:1"}, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "provider.example"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".PROVIDER.example"}, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "*.provider.example"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "vider.example,[::1],::1/128,bad/99"}, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "provider.example:8443"}, PROXY),
    ],
)
def test_a_remote_provider_is_asked_as_the_shell_says(
    environment: dict[str, str], proxy: str | None
) -> None:
    """By the scheme's own variable, else by the one for all, unless it is excluded."""
    assert proxy_for(REMOTE, environment) == proxy


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("[2001:db8::7]", "2001:db8::/32"),
        ("[2001:db8::7]", "[2001:db8::7]"),
        ("[2001:db8::7]:8443", "[2001:db8::7]:8443"),
        ("a.example:8443", "a.example:8443"),
    ],
)
def test_addresses_and_networks_can_be_excluded(host: str, no_proxy: str) -> None:
    """In every notation."""
    assert proxy_for(f"https://{host}/v1", {"ALL_PROXY": PROXY, "NO_PROXY": no_proxy}) is None


@pytest.mark.parametrize(
    "value",
    ["nonsense://u:secret@x", "http://", "http://a:b:c", "http://x:99999", "a b", "ftp://x"],
)
def test_a_bad_proxy_is_one_line_without_its_password(value: str) -> None:
    """Naming the variable, since nobody knows who set it."""
    with pytest.raises(InvalidSetting, match="HTTPS_PROXY") as raised:
        proxy_for(REMOTE, {"https_proxy": value})
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_certificates_that_are_not_there_are_hinted_and_our_own_used(tmp_path: Path) -> None:
    """For remote providers only."""
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate", "utf-8")
    for environment, said in (
        ({"SSL_CERT_FILE": "/nonexistent"}, "SSL_CERT_FILE=/nonexistent does not exist"),
        ({"SSL_CERT_DIR": "/nonexistent"}, "SSL_CERT_DIR=/nonexistent does not exist"),
        ({"SSL_CERT_FILE": str(empty)}, "contains no certificates"),
    ):
        route = route_to(REMOTE, environment)
        assert said in route.hint
        assert route.verify.verify_mode == ssl.CERT_REQUIRED
        assert route_to("http://localhost:1", environment).hint == ""
    assert route_to(REMOTE, {}).hint == ""


@contextmanager
def proxy() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the address of a proxy, and what it was asked; it connects nobody."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    line, _ = server.accept()
                except TimeoutError:
                    continue
                with line:
                    asked.append(line.recv(200))
                    line.sendall(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}", asked
        finally:
            ended.set()
            thread.join(5.0)


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours with a shell of these variables only."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**kept, "RR_LOG_FORMAT": "text", **variables},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=200,
        check=False,
    )


def test_check_asks_a_local_server_past_every_proxy_of_the_shell(odd: Odd) -> None:
    """README's demo and a server of one's own, in the worst shell."""
    odd.always(sound(pcm()[:40_000]))
    done = run(
        "chat_backend", "check", RR_TTS_OPENAI_URL=f"http://localhost:{odd.port}/v1", **BAD_SHELL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert odd.paths() == ["/v1/audio/speech"]


def test_a_remote_provider_is_asked_through_the_proxy() -> None:
    """And the proxy's refusal is an error of one line."""
    with proxy() as (address, asked):
        done = run(
            "chat_backend",
            "check",
            RR_TTS_OPENAI_URL="https://voices.example/v1",
            HTTPS_PROXY=f"http://{address}",
        )
    assert done.returncode == 1
    assert asked[0].startswith(b"CONNECT voices.example:443")
    assert "cannot be reached" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_socks_proxy_is_spoken_to() -> None:
    """Without a package that is missing."""
    with proxy() as (address, asked):
        done = run(
            "chat_backend",
            "check",
            RR_TTS_OPENAI_URL="https://voices.example/v1",
            ALL_PROXY=f"socks5://{address}",
        )
    assert asked[0][:1] == b"\x05"
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["check", "serve"])
def test_a_bad_proxy_stops_the_start_in_one_line(command: str) -> None:
    """78, as every setting that contradicts another."""
    arguments = ["chat_backend", "check"] if command == "check" else ["chat_backend"]
    done = run(
        *arguments, RR_TTS_OPENAI_URL="https://voices.example/v1", HTTPS_PROXY="nonsense://x"
    )
    assert done.returncode == 78
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    assert len(lines) == 1
    assert "HTTPS_PROXY" in lines[0]


def test_a_key_log_that_cannot_be_written_is_one_line() -> None:
    """Of a server that calls a remote provider; nothing else makes such a context."""
    done = run("chat_backend", RR_TTS_OPENAI_URL="https://voices.example/v1", **BAD_KEY_LOG)
    assert done.returncode == 78
    (line,) = done.stderr.splitlines()
    assert "SSLKEYLOGFILE" in line


def test_commands_that_ask_our_own_servers_take_no_proxy() -> None:
    """They say that nobody is there, not that a proxy is."""
    with proxy() as (address, asked):
        shell = {
            **BAD_SHELL,
            **BAD_KEY_LOG,
            "ALL_PROXY": f"http://{address}",
            "HTTP_PROXY": f"http://{address}",
        }
        shell |= {"http_proxy": shell["ALL_PROXY"], "RR_CHAT_PORT": "9", "RR_GATEWAY_PORT": "9"}
        for command in (
            ["chat_backend", "say", "hello", "--timeout", "1"],
            ["event_gateway", "rehearse"],
            ["event_gateway", "history", "00000000-0000-4000-8000-000000000000"],
            ["event_gateway", "listen", "--timeout", "1"],
        ):
            done = run(*command, **shell)
            assert done.returncode != 0, command
            assert "Traceback" not in done.stdout + done.stderr, command
    assert asked == []
