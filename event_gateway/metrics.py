"""The gateway's metrics for Prometheus."""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

# From a socket on this machine (0.1 ms) to a client that hangs.
_LATENCY_BUCKETS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5, 15)


class Metrics:
    """One registry for each gateway, so that two in one process (in tests) do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        gauge = partial(Gauge, registry=self._registry)
        histogram = partial(Histogram, buckets=_LATENCY_BUCKETS_S, registry=self._registry)
        self.events = counter("rr_events", "Events produced.", ["type", "status"])
        self.undelivered = counter("rr_events_undelivered", "Events produced without a client.")
        self.sent = counter("rr_events_sent", "Events sent to a client.")
        self.dropped = counter(
            "rr_decisions_dropped", "Dialogues that cannot be played.", ["reason"]
        )
        self.messages = counter("rr_bus_messages", "Bus messages used.")
        self.ignored = counter("rr_bus_ignored", "Bus messages not used.", ["reason"])
        self.gaps = gauge("rr_bus_gaps", "Gaps found in the backend's facts.")
        self.snapshots = gauge("rr_bus_snapshots", "Snapshots merged.")
        self.sessions = gauge("rr_sessions_live", "Sessions not closed yet.")
        self.outbox_rows = gauge("rr_outbox_rows", "Decisions recorded in the outbox.")
        self.outbox_failures = counter("rr_outbox_failures", "Failed calls of the outbox.")
        self.outbox_losses = counter("rr_outbox_losses", "Times the outbox was damaged or lost.")
        self.connected = gauge("rr_client_connected", "1 while a client is connected.")
        self.takeovers = counter("rr_client_takeovers", "Clients that replaced another.")
        self.playback_reports = counter(
            "rr_playback_reports", "Playback reports of clients, used.", ["state"]
        )
        self.playback_ignored = counter(
            "rr_playback_ignored", "Playback reports of clients, not used.", ["reason"]
        )
        self.playing = gauge("rr_playback_playing", "Utterances that play now.")
        self.playback_overdue = gauge(
            "rr_playback_overdue", "1 while nothing plays although sent events were not played."
        )
        self.send_seconds = histogram("rr_send_seconds", "Time to hand one event to the socket.")
        self.done_to_sent_seconds = histogram(
            "rr_done_to_sent_seconds", "From a worker's completion to the frame it made due."
        )

    def text(self) -> bytes:
        """Return the exposition in Prometheus' text format."""
        return generate_latest(self._registry)
