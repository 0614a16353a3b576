"""Servers that deviate from their protocol: hints about them, base URLs and redirects."""

import re
from typing import Final
from urllib.parse import urljoin, urlsplit

import structlog

from chat_backend.providers.failure import failed

log = structlog.get_logger("chat")

OPENAI_URL: Final = "https://api.openai.com/v1"
MAX_REDIRECTS: Final = 4
# In case a setting has the whole address of an endpoint.
_ENDPOINTS: Final = re.compile(
    r"/(?:chat/completions|completions|responses|messages|audio/speech|audio/transcriptions|text-to-speech|speech-to-text|models)/?\Z"
)
_VERSION: Final = re.compile(r"/v\d\w*(?:/|\Z)")


class Hints:
    """Hints for the operator about servers that work, but not as configured."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        """Log a hint, once; nothing if it is empty."""
        if line and line not in self.lines:
            self.lines.append(line)
            log.warning("provider", hint=line)


def base_url(url: str, *, without: str = "") -> str:
    """Return a server's base URL without an endpoint, and without a version that is added later."""
    base = _ENDPOINTS.sub("", url.rstrip("/"))
    return base.removesuffix(without).rstrip("/") if without else base


def with_version(base: str) -> str:
    """Return a base URL with a missing ``/v1`` added; empty if it has a version."""
    return "" if _VERSION.search(urlsplit(base).path) else f"{base.rstrip('/')}/v1"


def redirected(provider: str, url: str, location: str | None) -> str:
    """Return the target of a redirect, if it is on the same host.

    Raises
    ------
    ProviderFailed
        If it leads to another host, from https to http, or nowhere: keys are not sent there.
    """
    target = urljoin(url, location or "")
    old, new = urlsplit(url), urlsplit(target)
    if not location or new.hostname is None or new.scheme not in {"http", "https"}:
        raise failed(provider, "protocol", "(a redirect without a target)")
    if new.hostname != old.hostname or (old.scheme, new.scheme) == ("https", "http"):
        raise failed(provider, "redirect", f"({new.scheme}://{new.netloc.rpartition('@')[2]})")
    return target
