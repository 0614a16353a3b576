"""Where every call is noted: in the metrics, and in the account of its session."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from chat_backend.errors import SlotFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.usage import Service, current_usage


class Account:
    """One provider's service."""

    def __init__(self, metrics: Metrics, service: Service, provider: str) -> None:
        self._metrics = metrics
        self._labels = (service, provider)

    def call(self, outcome: str, seconds: float) -> None:
        """A call ended: ``ok``, or the type of its error."""
        self._metrics.provider_calls.labels(*self._labels, outcome).inc()
        self._metrics.provider_seconds.labels(*self._labels).observe(seconds)
        row = current_usage().row(*self._labels)
        row.calls += 1
        row.failures += outcome != "ok"
        row.seconds = round(row.seconds + seconds, 3)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Note what happens inside as one call."""
        begun = time.monotonic()
        try:
            yield
        except SlotFailed as error:
            self.call(error.error_type, time.monotonic() - begun)
            raise
        self.call("ok", time.monotonic() - begun)

    def retry(self) -> None:
        """A call is made again."""
        self._metrics.provider_retries.labels(*self._labels).inc()
        current_usage().row(*self._labels).retries += 1

    def tokens(self, given: int, received: int) -> None:
        """A model read and wrote so many tokens."""
        self._metrics.provider_tokens.labels(*self._labels, "input").inc(given)
        self._metrics.provider_tokens.labels(*self._labels, "output").inc(received)
        row = current_usage().row(*self._labels)
        row.input_tokens += given
        row.output_tokens += received

    def characters(self, count: int) -> None:
        """A voice spoke so many characters."""
        self._metrics.speech_characters.labels(self._labels[1]).inc(count)
        current_usage().row(*self._labels).characters += count

    def fallback(self) -> None:
        """Another engine had to stand in."""
        self._metrics.speech_fallbacks.labels(self._labels[1]).inc()
        current_usage().row(*self._labels).fallbacks += 1

    def circuit(self, *, open_: bool) -> None:
        """The circuit opened or closed."""
        self._metrics.circuit_open.labels(*self._labels).set(open_)
