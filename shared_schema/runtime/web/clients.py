"""HTTP and WebSocket clients: the one place for proxies and certificates.

Our own servers, and all others on this machine, are called without a proxy. A remote provider may
be called through the proxy of `ALL_PROXY`, `HTTPS_PROXY` and the like, unless `NO_PROXY` lists it.
`SSL_CERT_FILE` and `SSL_CERT_DIR` apply to remote providers only.
"""

import ipaddress
import os
import re
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import httpx
from msgspec import Struct

from shared_schema.decoding import InvalidSetting
from shared_schema.runtime.web.hosts import is_local
from shared_schema.settings import Settings

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

POLL_INTERVAL_S: Final = 0.1
_PROXY_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_KEY_LOG_VARIABLE: Final = "SSLKEYLOGFILE"
_CERTIFICATE_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def local_http(
    *,
    timeout: float | httpx.Timeout = 5.0,
    headers: Mapping[str, str] | None = None,
    verify: ssl.SSLContext | None = None,
) -> httpx.Client:
    """Return a client for the servers of this installation; `verify` is for one with https."""
    # Plain HTTP reads no certificate.
    context = verify or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.Client(timeout=timeout, headers=headers, trust_env=False, verify=context)


def local_socket(url: str, headers: Mapping[str, str] | None = None) -> "ClientConnection":
    """Return a connection to a WebSocket of this installation."""
    from websockets.sync.client import connect  # noqa: PLC0415  # not needed for HTTP

    return connect(url, additional_headers=headers, compression=None, max_size=None, proxy=None)


def bearer(token: str) -> dict[str, str]:
    """Return the header with the token, in ASCII; none without a token."""
    return {"Authorization": f"Bearer {quote(token)}"} if token else {}


def gateway_token(settings: Settings) -> str:
    """Return the token with access to the whole gateway."""
    return settings.operator_token or settings.events_token


def missing_after(look: Callable[[], str | None], timeout_s: float) -> str | None:
    """Call `look` until nothing is missing; return what is still missing after `timeout_s`."""
    give_up_at = time.monotonic() + timeout_s
    while (missing := look()) is not None and time.monotonic() < give_up_at:
        time.sleep(POLL_INTERVAL_S)
    return missing


class Route(Struct, frozen=True, kw_only=True):
    """Proxy and certificates for a remote server, for a client of httpx or its forks.

    `hint` is a hint for the operator, if something works but should be corrected.
    """

    proxy: str | None
    verify: ssl.SSLContext
    hint: str = ""


def route_to(url: str, environment: Mapping[str, str] | None = None) -> Route:
    """Return the route to a provider, from the variables of `environment` (default: our own).

    Raises
    ------
    InvalidSetting
        In one line, if the proxy to be used is invalid.
    """
    variables = os.environ if environment is None else environment
    if is_local(urlsplit(url).hostname or ""):
        return Route(proxy=None, verify=_own_certificates())
    verify, hint = _certificates(variables)
    return Route(proxy=proxy_for(url, variables), verify=verify, hint=hint)


@cache
def _own_certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context(trust_env=False)
    except OSError as error:
        raise _unusable_key_log(error) from None


def _unusable_key_log(error: OSError) -> InvalidSetting:
    """Return the error of the one variable that Python itself reads for every context."""
    value = os.environ.get(_KEY_LOG_VARIABLE, "")
    return InvalidSetting(
        f"{_KEY_LOG_VARIABLE}={value} cannot be written ({error.strerror or error}): correct or"
        " unset it"
    )


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for a remote server, or None for a direct connection.

    Raises
    ------
    InvalidSetting
        Naming the variable whose value is not the URL of a proxy; the value, which may contain a
        password, is not shown.
    """
    target = urlsplit(url)
    found = {name.lower(): value.strip() for name, value in environment.items() if value.strip()}
    if _excluded(target.hostname or "", target.port, found.get("no_proxy", "")):
        return None
    names = [name for name in (f"{target.scheme}_proxy", "all_proxy") if name in found]
    if not names:
        # The system's own settings, where there are any (Windows, macOS).
        return _system_proxy(target.scheme) if environment is os.environ else None
    return _checked(names[0].upper(), found[names[0]])


def _system_proxy(scheme: str) -> str | None:
    if any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    value = urllib.request.getproxies().get(scheme)
    return _checked("the system's proxy", value) if value else None


def _checked(name: str, value: str) -> str:
    proxy = value if "://" in value else f"http://{value}"
    # As some desktops call it.
    proxy = re.sub(r"\Asocks://", "socks5://", proxy)
    try:
        parts = urlsplit(proxy)
        port = parts.port
        httpx.URL(proxy)
    except (ValueError, httpx.InvalidURL):
        parts, port = urlsplit(""), 0
    if not parts.hostname or port == 0 or " " in value:
        raise InvalidSetting(
            f"{name} is not the URL of a proxy (e.g. http://proxy:3128); correct or unset it"
        )
    if parts.scheme.lower() not in _PROXY_SCHEMES:
        raise InvalidSetting(
            f"{name} has the scheme {parts.scheme!r}; supported are {', '.join(_PROXY_SCHEMES)}"
        )
    return proxy


def _excluded(host: str, port: int | None, no_proxy: str) -> bool:
    """Return whether `NO_PROXY` lists a host: names with their subdomains, addresses, networks."""
    name = host.rstrip(".").lower()
    for entry in no_proxy.replace(",", " ").lower().split():
        pattern = entry.rpartition("://")[2]
        if pattern == "*":
            return True
        if pattern.startswith("[") or pattern.count(":") > 1:
            pattern, _, wanted = pattern.strip("[").partition("]:")
            pattern = pattern.strip("[]")
        else:
            pattern, _, wanted = pattern.partition(":")
        if wanted and wanted != str(port):
            continue
        domain = pattern.lstrip("*").lstrip(".").rstrip(".")
        if domain and (name == domain or name.endswith(f".{domain}")):
            return True
        try:
            if ipaddress.ip_address(name) in ipaddress.ip_network(pattern, strict=False):
                return True
        except ValueError:
            continue
    return False


def _certificates(environment: Mapping[str, str]) -> tuple[ssl.SSLContext, str]:
    """Return the trusted certificates: those of the environment, or our own if these are unusable.

    The second value is then the reason in one line, otherwise empty.
    """
    file, folder = (environment.get(name, "").strip() for name in _CERTIFICATE_VARIABLES)
    name, value = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", folder)
    if not value:
        return _own_certificates(), ""
    if file and Path(file).is_file():
        try:
            return ssl.create_default_context(cafile=file, capath=folder or None), ""
        except OSError:
            problem = "contains no certificates"
    elif not file and Path(folder).is_dir():
        return ssl.create_default_context(capath=folder), ""
    else:
        problem = "does not exist"
    return _own_certificates(), (
        f"{name}={value} {problem}: the certificates that come with httpx are used; correct or"
        " unset it"
    )
