"""Access control by Host, Origin and tokens.

Every web page open on this machine can reach our port. Browsers send the page's origin (Origin) and
the host name in its URL (Host); programs such as TouchDesigner send no Origin and are allowed.
"""

from collections.abc import Collection
from http import HTTPStatus
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared_schema.runtime.process.exits import StartRefused
from shared_schema.runtime.web.answers import problem
from shared_schema.runtime.web.hosts import is_loopback, normal_host
from shared_schema.runtime.web.refusals import RefusalLog
from shared_schema.runtime.web.tokens import Token
from shared_schema.settings import Settings, variable
from shared_schema.sockets import BusAddress, CurveKeys

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOGGED_MAX_CHARS: Final = 200
NO_OPERATOR: Final = Token("operator_token", "")


def bus_address(settings: Settings) -> BusAddress:
    """Return the address of the bus, with its keys if any are set.

    Raises
    ------
    StartRefused
        If some but not all keys are set, or other machines can reach the bus and there are none.
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
        raise StartRefused(f"{', '.join(missing)} must be set too: set all keys of the bus or none")
    if not is_loopback(settings.bus_url.removeprefix("tcp://").rsplit(":", 1)[0]):
        raise StartRefused(
            f"RR_BUS_URL={settings.bus_url} can be reached from other machines: set RR_BUS_CURVE_*"
            " (python -m event_gateway keys makes them), or use tcp://127.0.0.1:<port>"
        )
    return BusAddress(settings.bus_url)


class Refusal(NamedTuple):
    """Why a request is refused; the log counts refusals by `kind`."""

    kind: str
    status: HTTPStatus
    reason: str


class AccessControl:
    """ASGI middleware: refuses with 403 (401 without the token) before anything is accepted.

    Parameters
    ----------
    token
        Required by every request, if it is set; the operator's token is accepted as well.
    operator
        Required, if it is set, except for WebSockets and `public_paths`.
    public_paths
        Paths without the operator's token; one that ends with ``/`` includes all below it.
    operator_methods
        Methods that need the operator's token on public paths too.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        allowed_origins: Collection[str],
        origins_setting: str,
        token: Token,
        operator: Token = NO_OPERATOR,
        public_paths: Collection[str] = (),
        operator_methods: Collection[str] = (),
    ) -> None:
        self._app = app
        self._host = normal_host(host)
        self._origins = frozenset(map(_normal_origin, allowed_origins))
        self._origins_setting = origins_setting
        self._token = token
        self._operator = operator
        self._public_paths = frozenset(public_paths)
        self._operator_methods = frozenset(operator_methods)
        self._public_folders = tuple(path for path in public_paths if path.endswith("/"))
        self._refusals = RefusalLog("web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request if it is allowed."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await self._refuse(refusal, scope, receive, send)
        elif scope["type"] == "http":
            await self._app(scope, receive, send)
        else:
            await self._serve_websocket(scope, receive, send)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket; one without a route is refused like the others."""
        accepted = False

        async def checked(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            if accepted or message["type"] != "websocket.close":
                await send(message)
                return
            reason = f"no WebSocket is served at {scope['path'][:LOGGED_MAX_CHARS]!r}"
            refusal = Refusal("path", HTTPStatus.NOT_FOUND, reason)
            await self._refuse(refusal, scope, receive, send)

        await self._app(scope, receive, checked)

    async def _refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        self._refusals.warning(
            "WebSocket refused" if scope["type"] == "websocket" else "request refused",
            kind=refusal.kind,
            status=int(refusal.status),
            reason=refusal.reason,
            path=scope["path"][:LOGGED_MAX_CHARS],
            client=scope["client"][0] if scope.get("client") else "unknown",
        )
        await problem(refusal.status, refusal.reason)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        # With a token, any host name is allowed: a page rebound to our address lacks the token.
        if not (self._token or is_loopback(host) or normal_host(host) == self._host):
            shown = host[:LOGGED_MAX_CHARS]
            reason = f"host {shown!r} is not served here; use localhost"
            return Refusal("host", HTTPStatus.FORBIDDEN, reason)
        is_socket = scope["type"] == "websocket"
        origin = headers.get("origin")
        if (is_socket or scope["method"] not in _SAFE_METHODS) and origin is not None:
            # A page of our own sends the host and port that it was opened at, whatever they are;
            # the host was checked above.
            normal = _normal_origin(origin)
            own = bool(host) and normal.partition("://")[2] == _normal_origin(host)
            if not own and normal not in self._origins:
                shown = origin[:LOGGED_MAX_CHARS]
                reason = f"origin {shown!r} is not allowed; add it to {self._origins_setting} if it"
                return Refusal("origin", HTTPStatus.FORBIDDEN, f"{reason} is yours")
        if not is_socket and scope["method"] == "OPTIONS":
            return None  # a preflight has no credentials, and its answer only lists what is allowed
        return self._lacking_token(scope)

    def _lacking_token(self, scope: Scope) -> Refusal | None:
        needed = (self._is_guarded(scope) and self._operator) or self._token
        # The operator's token is accepted everywhere.
        if not needed or any(token and token.is_given(scope) for token in (needed, self._operator)):
            return None
        reason = (
            f"the token ({variable(needed.name)}) is missing or wrong: open the page once with"
            " ?token=<token>, or send `Authorization: Bearer <token>`"
        )
        return Refusal("token", HTTPStatus.UNAUTHORIZED, reason)

    def _is_guarded(self, scope: Scope) -> bool:
        """Return whether the request needs the operator's token."""
        path = scope["path"]
        public = path in self._public_paths or path.startswith(self._public_folders)
        is_http = scope["type"] == "http"
        return is_http and (not public or scope["method"] in self._operator_methods)


def _normal_origin(origin: str) -> str:
    """Return an Origin, or a host with its port, for comparison: lower case, no final dot."""
    name, port, number = origin.lower().rpartition(":")
    if not number.isdigit():
        return origin.lower().removesuffix(".")
    return name.removesuffix(".") + port + number
