"""Taking ports, in this process."""

import errno
import socket
import threading
from contextlib import ExitStack

import pytest

from shared_schema.runtime.process import listening
from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, CONFIGURATION, StartRefused
from shared_schema.runtime.process.listening import listen_on, urls


def test_localhost_is_the_same_port_on_both_loopbacks_and_not_inherited() -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(listener) for listener in listen_on("localhost", 0)]
        (port,) = {listener.getsockname()[1] for listener in sockets}
        assert urls(sockets) == [f"http://127.0.0.1:{port}", f"http://[::1]:{port}"]
        assert not any(listener.get_inheritable() for listener in sockets)


@pytest.mark.parametrize("code", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_a_machine_without_ipv6_has_one_loopback(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    listen = listening._listen

    def without_ipv6(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(code, "no IPv6")
        return listen(family, address, port)

    monkeypatch.setattr(listening, "_listen", without_ipv6)
    (only,) = listen_on("localhost", 0)
    with only:
        assert only.getsockname()[0] == "127.0.0.1"


def test_a_refusal_gives_back_what_was_taken_before(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[socket.socket] = []
    listen = listening._listen

    def second_fails(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        if taken:
            raise OSError(errno.EADDRINUSE, "in use")
        taken.append(listen(family, address, port))
        return taken[0]

    monkeypatch.setattr(listening, "_listen", second_fails)
    with pytest.raises(StartRefused, match="is taken by another process") as refusal:
        listen_on("localhost", 0)
    assert refusal.value.exit_code == ANOTHER_INSTANCE
    assert taken[0].fileno() == -1


def test_an_address_of_another_machine_is_a_wrong_setting() -> None:
    with pytest.raises(StartRefused, match=r"192\.0\.2\.1") as refusal:
        listen_on("192.0.2.1", 0)
    assert refusal.value.exit_code == CONFIGURATION


def test_a_port_that_becomes_free_in_time_is_taken() -> None:
    """As on Windows after a restart, where a connection of the last server holds it for a while."""
    before = listen_on("127.0.0.1", 0)[0]
    port = before.getsockname()[1]
    timer = threading.Timer(0.3, before.close)
    timer.start()
    (after,) = listen_on("127.0.0.1", port, timeout_s=30)
    timer.join()
    with after:
        assert after.getsockname()[1] == port


def test_a_port_that_windows_reserves_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def reserved(*_: object) -> socket.socket:
        raise OSError(errno.EACCES, "forbidden")

    monkeypatch.setattr(listening, "_listen", reserved)
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(StartRefused) as refusal:
        listen_on("127.0.0.1", 8000, timeout_s=30)
    assert refusal.value.exit_code == CONFIGURATION
    for part in ("port 8000", "excludedportrange", "set another port", "netstat -ano"):
        assert part in str(refusal.value)
