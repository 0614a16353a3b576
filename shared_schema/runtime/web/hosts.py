"""Names and addresses of a server: in a Host header, in a setting, in a URL."""

import ipaddress
import re
from typing import Final

from shared_schema.settings import Settings

_PORT: Final = re.compile(r":\d*\Z")
# As in a URL: an IPv6 address, without a zone, which a browser does not accept.
_BRACKETED: Final = re.compile(r"\A\[([\da-fA-F.]*:[\da-fA-F:.]*)\]\Z")
# Addresses to listen on that cannot be connected to.
_EVERY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # they are recognised


def normal_host(host: str) -> str:
    """Return a host without its port, in lower case and without a final dot."""
    name = host if host.count(":") > 1 and "]" not in host else _PORT.sub("", host)
    return _BRACKETED.sub(r"\1", name).lower().removesuffix(".")


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can only be reached from this machine."""
    name = normal_host(host)
    if name == "localhost":
        return True
    try:
        # A zone may be any text.
        return "%" not in name and ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_local(host: str) -> bool:
    """Return whether a connection to a host stays on this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if is_loopback(name) or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or address.is_unspecified


def gateway_url(settings: Settings, scheme: str = "http") -> str:
    """Return the gateway's URL on this machine."""
    return _url(scheme, settings.gateway_host, settings.gateway_port)


def gateway_url_for_page(settings: Settings, page_host: str) -> str:
    """Return the gateway's URL for a page of this machine that was opened at `page_host`."""
    host = settings.gateway_host
    return _url("http", page_host if host in _EVERY_ADDRESS else host, settings.gateway_port)


def chat_url(settings: Settings) -> str:
    """Return the chat backend's URL on this machine."""
    scheme = "https" if settings.chat_tls_cert else "http"
    return _url(scheme, settings.chat_host, settings.chat_port)


def _url(scheme: str, host: str, port: int) -> str:
    name = "localhost" if host in _EVERY_ADDRESS else host
    return f"{scheme}://[{name}]:{port}" if ":" in name else f"{scheme}://{name}:{port}"
