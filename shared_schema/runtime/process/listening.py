"""The sockets that a server listens on, opened before anything else starts.

``localhost`` means both loopbacks: a browser or TouchDesigner may try either first. A second
server of the same kind detects the first by its port, so the port must not be shared.
"""

import errno
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import structlog

from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, CONFIGURATION, StartRefused

LOCALHOST: Final = "localhost"
# The length of the queue of new connections, and how many are accepted at once.
BACKLOG: Final = 128
# Descriptors besides connections: accepts of both listeners, files, the bus, providers.
RESERVED_DESCRIPTORS: Final = 2 * BACKLOG + 256
# The event loop waits on Windows' select, which takes 512 sockets, and one more would crash the
# server. What these connections leave is for accepts of both listeners and the server's own.
SELECT_MAX_CONNECTIONS: Final = 200
# Windows may refuse a port for as long as a connection that the last server accepted is open.
PORT_TIMEOUT_S: Final = 3.0 if sys.platform == "win32" else 0.0
PORT_INTERVAL_S: Final = 0.1
# Errors of a machine without IPv6 for ::1.
NO_SUCH_ADDRESS: Final = frozenset(
    {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EINVAL}
)

if sys.platform != "win32":
    import resource

log = structlog.get_logger(__name__)

Target = tuple[socket.AddressFamily, str]


def listen_on(host: str, port: int, *, timeout_s: float = PORT_TIMEOUT_S) -> list[socket.socket]:
    """Return listening sockets for `host`; clients queue in them until the server accepts.

    Port 0 means any free port, the same for both loopbacks. A port that is taken is tried again
    for `timeout_s`.

    Raises
    ------
    StartRefused
        If the port is taken or the host is not one of this machine's.
    """
    give_up_at = time.monotonic() + timeout_s
    while True:
        try:
            return _listen_on(host, port)
        except StartRefused as refused:
            if refused.exit_code != ANOTHER_INSTANCE or time.monotonic() >= give_up_at:
                raise
        time.sleep(PORT_INTERVAL_S)


def _listen_on(host: str, port: int) -> list[socket.socket]:
    with ExitStack() as undo:
        sockets: list[socket.socket] = []
        for family, address in _targets(host):
            wanted = port or (sockets[0].getsockname()[1] if sockets else 0)
            try:
                listener = _listen(family, address, wanted)
            except OSError as error:
                if host == LOCALHOST and error.errno in NO_SUCH_ADDRESS:
                    log.debug("loopback missing", address=address, reason=error.strerror)
                    continue
                raise _refused(address, wanted, error) from error
            undo.callback(listener.close)
            sockets.append(listener)
        if not sockets:
            raise StartRefused(f"{host!r} has no address on this machine", CONFIGURATION)
        undo.pop_all()
        return sockets


def allow_descriptors(connections: int) -> None:
    """Allow this process so many connections, and the other files that it needs.

    Raises
    ------
    StartRefused
        If the system does not allow so many.
    """
    if sys.platform == "win32":
        if connections > SELECT_MAX_CONNECTIONS:
            raise StartRefused(
                f"RR_HTTP_MAX_CONNECTIONS={connections} is more than Windows allows:"
                f" set at most {SELECT_MAX_CONNECTIONS}"
            )
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + RESERVED_DESCRIPTORS
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError):
        raise StartRefused(
            f"RR_HTTP_MAX_CONNECTIONS={connections} needs {needed} open files, and the system"
            f" allows {hard}: set fewer connections, or raise `ulimit -n`"
        ) from None


def urls(sockets: Sequence[socket.socket], scheme: str = "http") -> list[str]:
    """Return ``http://127.0.0.1:8000`` and the like, one for each socket."""
    found = []
    for listener in sockets:
        host, port = listener.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        found.append(f"{scheme}://{name}:{port}")
    return found


def _targets(host: str) -> list[Target]:
    if host == LOCALHOST:
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        found = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise StartRefused(
            f"{host!r} is not a host to listen on: {error}", CONFIGURATION
        ) from error
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _listen(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # Here SO_REUSEADDR would let a second server take over the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # A restarted server must not wait for the closed connections of the last one.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        # Immediately: with SO_REUSEADDR two processes may bind, but only one may listen.
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _refused(address: str, port: int, error: OSError) -> StartRefused:
    if error.errno == errno.EADDRINUSE:
        return StartRefused(
            f"port {port} on {address} is taken by another process", ANOTHER_INSTANCE
        )
    reason = permission_remedy() if error.errno == errno.EACCES else error.strerror
    return StartRefused(f"cannot listen on {address} port {port}: {reason}", CONFIGURATION)


def permission_remedy() -> str:
    """Return what to do about a port that the system does not give to this process."""
    if sys.platform == "win32":
        return (
            "Windows does not allow it. Either the port is in a reserved range"
            " (`netsh int ipv4 show excludedportrange tcp` lists them): set another port; or"
            " another program holds it: `netstat -ano` shows the process to end"
        )
    return "the system does not allow it: set another port, above 1023"
