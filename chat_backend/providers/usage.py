"""What providers were asked for and what it took, for one session."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from msgspec import Struct

Service = Literal["text", "speech"]


class ProviderUsage(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """The sums of one provider's service. `seconds` is the time that its calls took together."""

    service: Service
    provider: str
    calls: int = 0
    failures: int = 0
    retries: int = 0
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    characters: int = 0
    fallbacks: int = 0


class Usage:
    """A session's use of providers."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Service, str], ProviderUsage] = {}

    def row(self, service: Service, provider: str) -> ProviderUsage:
        """Return the sums to add to."""
        key = (service, provider)
        return self._rows.setdefault(key, ProviderUsage(service=service, provider=provider))

    def rows(self) -> list[ProviderUsage]:
        """Return all sums, in an order that does not change."""
        return [self._rows[key] for key in sorted(self._rows)]


# Which session a call belongs to. Calls are made far below the workflow, in tasks of its own, which
# inherit this; engines and agents need not hand a session's account through.
_current: ContextVar[Usage | None] = ContextVar("usage", default=None)


def current_usage() -> Usage:
    """Return the account of the session that runs here, or one that nobody reads."""
    return _current.get() or Usage()


@contextmanager
def charged_to(usage: Usage) -> Iterator[None]:
    """Charge what happens inside, also in tasks that are made there, to `usage`."""
    token = _current.set(usage)
    try:
        yield
    finally:
        _current.reset(token)
