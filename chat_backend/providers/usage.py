"""Counts calls to providers and their cost, in the metrics and for each session."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from msgspec import Struct

from chat_backend.errors import SlotFailed
from chat_backend.metrics import Metrics

Service = Literal["text", "speech", "hearing"]


class ProviderUsage(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """The totals of one provider's service. `seconds` is the total time of its calls."""

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
        """Return the totals of a service, to add to."""
        key = (service, provider)
        return self._rows.setdefault(key, ProviderUsage(service=service, provider=provider))

    def rows(self) -> list[ProviderUsage]:
        """Return all totals, in a fixed order."""
        return [self._rows[key] for key in sorted(self._rows)]


# The session of a call. Calls are made far below the workflow, in its own tasks, which inherit this
# variable, so that engines and agents do not have to pass it on.
_current: ContextVar[Usage | None] = ContextVar("usage", default=None)


@contextmanager
def charged_to(usage: Usage) -> Iterator[None]:
    """Count the calls made inside, also by tasks started there, in `usage`."""
    token = _current.set(usage)
    try:
        yield
    finally:
        _current.reset(token)


class Account:
    """Counts the calls to one provider's service, in the metrics and in the current session."""

    def __init__(self, metrics: Metrics, service: Service, provider: str) -> None:
        self._metrics = metrics
        self._labels = (service, provider)

    @property
    def _row(self) -> ProviderUsage:
        return (_current.get() or Usage()).row(*self._labels)

    def call(self, outcome: str, seconds: float) -> None:
        """Count a finished call: ``ok``, or the type of its error."""
        self._metrics.provider_calls.labels(*self._labels, outcome).inc()
        self._metrics.provider_seconds.labels(*self._labels).observe(seconds)
        row = self._row
        row.calls += 1
        row.failures += outcome != "ok"
        row.seconds = round(row.seconds + seconds, 3)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the code inside as one call."""
        begun = time.monotonic()
        try:
            yield
        except SlotFailed as error:
            self.call(error.error_type, time.monotonic() - begun)
            raise
        self.call("ok", time.monotonic() - begun)

    def retry(self) -> None:
        """Count a retry."""
        self._metrics.provider_retries.labels(*self._labels).inc()
        self._row.retries += 1

    def tokens(self, read: int, written: int) -> None:
        """Count tokens that a model read and wrote."""
        self._metrics.provider_tokens.labels(*self._labels, "input").inc(read)
        self._metrics.provider_tokens.labels(*self._labels, "output").inc(written)
        row = self._row
        row.input_tokens += read
        row.output_tokens += written

    def characters(self, count: int) -> None:
        """Count characters that were spoken."""
        self._metrics.speech_characters.labels(self._labels[1]).inc(count)
        self._row.characters += count

    def fallback(self) -> None:
        """Count an utterance that the fallback engine spoke."""
        self._metrics.speech_fallbacks.labels(self._labels[1]).inc()
        self._row.fallbacks += 1

    def circuit(self, *, open_: bool) -> None:
        """Show whether the provider's circuit is open."""
        self._metrics.circuit_open.labels(*self._labels).set(open_)
