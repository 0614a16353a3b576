"""Access tokens: how a client sends one, and how a page keeps it."""

import hmac
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from msgspec import Struct
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response
from starlette.types import Scope

from shared_schema.runtime.process.exits import StartRefused
from shared_schema.runtime.web.hosts import is_loopback
from shared_schema.settings import Settings, variable

# A kiosk's browser may be restarted every night.
COOKIE_MAX_AGE_S: Final = 30 * 86_400


class Token(Struct, frozen=True):
    """The value of the setting `name`; if empty, no token is required."""

    name: str
    value: str

    @classmethod
    def of(cls, settings: Settings, name: str) -> "Token":
        """Return the token in the setting `name`."""
        return cls(name, getattr(settings, name))

    def __bool__(self) -> bool:
        return bool(self.value)

    @property
    def cookie(self) -> str:
        """The cookie's name, different for each token: servers on one host share cookies."""
        return variable(self.name).lower()

    def is_given(self, scope: Scope) -> bool:
        """Return whether a request contains it: as Bearer, as ``?token=``, or in the cookie."""
        headers = Headers(scope=scope)
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = [bearer.strip().encode("latin-1")] if scheme.lower() == "bearer" else []
        given.append(cookie_parser(headers.get("cookie", "")).get(self.cookie, "").encode())
        for field in scope["query_string"].split(b"&"):
            name, _, value = field.partition(b"=")
            if name == b"token":
                given += [value, value.replace(b"+", b" ")]
        # Clients may send it as it is or percent-encoded.
        forms = [form for each in given for form in (each, unquote_to_bytes(each))]
        expected = self.value.encode()
        return any(hmac.compare_digest(form, expected) for form in forms)

    def keep(self, response: Response, *, secure: bool) -> None:
        """Set the cookie for the page's own requests; a `secure` one never goes over plain http."""
        response.set_cookie(
            self.cookie,
            quote(self.value, safe=""),
            max_age=COOKIE_MAX_AGE_S,
            httponly=True,
            secure=secure,
            samesite="strict",
        )


def require_token(host_setting: str, host: str, token: Token) -> None:
    """Refuse to listen on other than loopback addresses without a token.

    Raises
    ------
    StartRefused
        Naming both settings.
    """
    if not is_loopback(host) and not token:
        raise StartRefused(
            f"{variable(host_setting)}={host} can be reached from other machines: set"
            f" {variable(token.name)}, or use localhost"
        )
