"""The chat backend's metrics for Prometheus."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# From an embedded voice (50 ms) to a provider that hangs.
_LATENCY_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
_OF_PROVIDER = ["service", "provider"]


class Metrics:
    """One registry a backend, so that two in one process (in tests) do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        gauge = partial(Gauge, registry=self._registry)
        self.sessions = counter("rr_chat_sessions", "Sessions begun.")
        self.running = gauge("rr_chat_sessions_running", "Sessions in turns.")
        self.slot_errors = counter("rr_chat_slot_errors", "Slots that failed in a turn.", ["type"])
        self.provider_calls = counter(
            "rr_provider_calls",
            "Calls to a provider by how they ended.",
            [*_OF_PROVIDER, "outcome"],
        )
        self.provider_seconds = Histogram(
            "rr_provider_seconds",
            "How long a call took.",
            _OF_PROVIDER,
            buckets=_LATENCY_BUCKETS_S,
            registry=self._registry,
        )
        self.provider_retries = counter("rr_provider_retries", "Calls made again.", _OF_PROVIDER)
        self.provider_tokens = counter(
            "rr_provider_tokens", "Tokens read and written by models.", [*_OF_PROVIDER, "direction"]
        )
        self.circuit_open = gauge(
            "rr_provider_circuit_open",
            "1 while a provider's circuit is open: it is not called.",
            _OF_PROVIDER,
        )
        self.speech_characters = counter("rr_speech_characters", "Characters spoken.", ["provider"])
        self.speech_fallbacks = counter(
            "rr_speech_fallbacks", "Utterances that the embedded voice spoke instead.", ["provider"]
        )

        self.hearing_requests = counter(
            "rr_stt_requests", "Recordings by the status of the answer.", ["status"]
        )
        self.hearing_seconds = Histogram(
            "rr_stt_seconds",
            "From the request to the answer, the upload included.",
            buckets=_LATENCY_BUCKETS_S,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Return the exposition in Prometheus' text format."""
        return generate_latest(self._registry)
