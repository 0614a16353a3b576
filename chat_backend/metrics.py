"""The chat backend's metrics for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# From an embedded voice (50 ms) to a provider that hangs.
_LATENCY_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
_OF_PROVIDER = ["service", "provider"]


class Metrics:
    """One registry a backend, so that two in one process (in tests) do not mix."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.sessions = Counter("rr_chat_sessions", "Sessions begun.", registry=registry)
        self.running = Gauge("rr_chat_sessions_running", "Sessions in turns.", registry=registry)
        self.slot_errors = Counter(
            "rr_chat_slot_errors", "Slots that failed in a turn.", ["type"], registry=registry
        )
        self.provider_calls = Counter(
            "rr_provider_calls",
            "Calls to a provider by how they ended.",
            [*_OF_PROVIDER, "outcome"],
            registry=registry,
        )
        self.provider_seconds = Histogram(
            "rr_provider_seconds",
            "How long a call took.",
            _OF_PROVIDER,
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.provider_retries = Counter(
            "rr_provider_retries", "Calls made again.", _OF_PROVIDER, registry=registry
        )
        self.provider_tokens = Counter(
            "rr_provider_tokens",
            "Tokens read and written by models.",
            [*_OF_PROVIDER, "direction"],
            registry=registry,
        )
        self.circuit_open = Gauge(
            "rr_provider_circuit_open",
            "1 while a provider's circuit is open: it is not called.",
            _OF_PROVIDER,
            registry=registry,
        )
        self.speech_characters = Counter(
            "rr_speech_characters", "Characters spoken.", ["provider"], registry=registry
        )
        self.speech_fallbacks = Counter(
            "rr_speech_fallbacks",
            "Utterances that the embedded voice spoke instead.",
            ["provider"],
            registry=registry,
        )

    def text(self) -> bytes:
        """Return the exposition in Prometheus' text format."""
        return generate_latest(self._registry)
