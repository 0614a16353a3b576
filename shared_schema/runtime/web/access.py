"""Access control: the Host that was asked for, the page that asks, and the token.

Every web page open on this machine can reach our port. Browsers tell which page asks (Origin) and
which name it looked up (Host); programs such as TouchDesigner send no Origin and are allowed.
"""

import hmac
import ipaddress
import re
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from shared_schema.runtime.process.exits import StartRefused
from shared_schema.runtime.web.answers import problem
from shared_schema.settings import Settings, variable
from shared_schema.sockets import BusAddress, CurveKeys

_PORT = re.compile(r":\d+\Z")
# Where a page of ours keeps the token that it was opened with.
TOKEN_COOKIE = "rr_token"  # noqa: S105  # its name, not a token
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bus_address(settings: Settings) -> BusAddress:
    """Return the bus's address, with its keys if it has any.

    Raises
    ------
    StartRefused
        If some but not all keys are set, or the bus leaves this machine without them.
    """
    keys = {
        "server_public": settings.bus_curve_server_public,
        "client_public": settings.bus_curve_client_public,
        "client_secret": settings.bus_curve_client_secret,
    }
    if all(keys.values()):
        curve = CurveKeys(**keys, server_secret=settings.bus_curve_server_secret)
        return BusAddress(settings.bus_url, curve)
    if any(keys.values()):
        missing = [variable(f"bus_curve_{name}") for name, key in keys.items() if not key]
        raise StartRefused(f"{', '.join(missing)} must be set too: the bus has keys or has none")
    if not is_loopback(settings.bus_url.removeprefix("tcp://").rsplit(":", 1)[0]):
        raise StartRefused(
            f"RR_BUS_URL={settings.bus_url} can be reached from other machines: set RR_BUS_CURVE_*"
            " (python -m event_gateway keys makes them), or use tcp://127.0.0.1:<port>"
        )
    return BusAddress(settings.bus_url)


class AccessControl:
    """ASGI middleware: refuses with 403 (401 without the token) before anything is accepted."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        allowed_origins: Collection[str],
        origins_setting: str,
        token: str = "",
    ) -> None:
        self._app = app
        self._host = host
        self._origins = frozenset(allowed_origins)
        self._origins_setting = origins_setting
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request if it is allowed."""
        if scope["type"] in ("http", "websocket"):
            refusal = self._refusal(scope)
            if refusal is not None:
                status, reason = refusal
                await problem(status, reason)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[HTTPStatus, str] | None:
        headers = Headers(scope=scope)
        host = _PORT.sub("", headers.get("host", ""))
        # With a token, a page that was rebound to our address lacks it, whatever name it uses.
        if not (self._token or is_loopback(host) or host == self._host):
            return HTTPStatus.FORBIDDEN, f"host {host!r} is not served here; use localhost"
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        origin = headers.get("origin")
        # A page of our own names the host and port that it was opened at, whatever they are; the
        # host was checked above.
        own = origin is not None and origin.partition("://")[2] == headers.get("host")
        if changes and origin is not None and not own and origin not in self._origins:
            return (
                HTTPStatus.FORBIDDEN,
                f"origin {origin!r} is not allowed; add it to {self._origins_setting} if it is"
                " yours",
            )
        if self._token and not self._has_token(scope, headers):
            return HTTPStatus.UNAUTHORIZED, "the token (RR_EVENTS_TOKEN) is missing or wrong"
        return None

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        query = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        cookie = cookie_parser(headers.get("cookie", "")).get(TOKEN_COOKIE, "")
        return hmac.compare_digest((bearer or query or cookie).encode(), self._token.encode())
