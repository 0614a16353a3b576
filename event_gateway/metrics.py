"""The gateway's metrics for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# From a socket on this machine (0.1 ms) to a client that hangs.
_LATENCY_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5, 15)


class Metrics:
    """One registry a gateway, so that two in one process (in tests) do not mix."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.events = Counter(
            "rr_events", "Events produced.", ["type", "status"], registry=registry
        )
        self.undelivered = Counter(
            "rr_events_undelivered", "Events produced with no client there.", registry=registry
        )
        self.sent = Counter("rr_events_sent", "Events sent to a client.", registry=registry)
        self.dropped = Counter(
            "rr_decisions_dropped", "Dialogues that can't be played.", ["reason"], registry=registry
        )
        self.messages = Counter("rr_bus_messages", "Bus messages used.", registry=registry)
        self.ignored = Counter(
            "rr_bus_ignored", "Bus messages not used.", ["reason"], registry=registry
        )
        self.gaps = Gauge("rr_bus_gaps", "Holes seen in the backend's facts.", registry=registry)
        self.snapshots = Gauge("rr_bus_snapshots", "Snapshots joined.", registry=registry)
        self.sessions = Gauge("rr_sessions_live", "Sessions not closed yet.", registry=registry)
        self.outbox_rows = Gauge("rr_outbox_rows", "Decisions on record.", registry=registry)
        self.outbox_failures = Counter(
            "rr_outbox_failures", "Calls of the outbox that failed.", registry=registry
        )
        self.connected = Gauge("rr_client_connected", "1 while a client is.", registry=registry)
        self.takeovers = Counter(
            "rr_client_takeovers", "Clients that replaced another.", registry=registry
        )
        self.send_seconds = Histogram(
            "rr_send_seconds",
            "Time to hand one event to the socket.",
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.done_to_sent_seconds = Histogram(
            "rr_done_to_sent_seconds",
            "From a worker's completion to the frame it made due.",
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )

    def text(self) -> bytes:
        """Return the exposition in Prometheus' text format."""
        return generate_latest(self._registry)
