"""Tracks whether every fact of the backend has arrived, and requests a snapshot if not.

Rules
-----
1. The backend's facts are numbered ``(epoch, n)``. A gap in `n`, a heartbeat ahead of the facts
   received, an unknown epoch, our own start, and a pause of our own loop each lead to a snapshot
   request: a subscription to ``snapshot/<nonce>``.
2. An epoch becomes the current one by *answering a request*, never by publishing: messages of a
   dead process may be read after those of its successor, but only a running one answers a fresh
   nonce. The previous epoch is retired, and its messages are ignored.
3. `n` going backwards is no gap. A snapshot counts when it is complete; its sessions are merged as
   they arrive. A gap found during a snapshot, beyond what it covers, leads to a new request; so
   does one that is incomplete, and one that stalls while its backend is heard.
4. After our start, or a pause of the loop, deadlines are *held* until a snapshot is complete or the
   silence limit has passed: missed facts are merged before anything counts as late.
5. Without a message for the silence limit, the backend is *silent* until it publishes or answers
   again, or an unknown epoch publishes, which may have begun sessions. A worker's message does not
   count as the backend's.
6. Two epochs that answer the same request are two running backends, which is an operator's
   mistake: the newer one is current, the other is the *rival* while it publishes. When the
   current one is silent, a retired epoch that answers a request becomes the current one again.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct, field

from event_gateway.core.decisions import (
    BackendBack,
    BackendSilent,
    EpochRetired,
    Observation,
    Origin,
    SnapshotMerged,
)
from shared_schema.bus import (
    FactPublished,
    Heartbeat,
    Message,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotSession,
    SummaryFinished,
    WavesFinished,
)
from shared_schema.facts import SummaryReported, UtteranceReported

# A snapshot without progress for this long, while its backend is alive, is requested again.
SNAPSHOT_STALLED_S: Final = 2.0
# Our own loop was paused if `tick` was not called for this long.
PAUSE_S: Final = 1.0
MAX_RETIRED: Final = 1000
# How long after the current backend a rival may answer the same request.
RIVAL_ANSWER_S: Final = 1.0
# Heartbeats arrive twice a second: a rival that is silent for this long has exited.
RIVAL_GONE_S: Final = 5.0


class Observe(Struct, frozen=True, gc=False):
    """Pass this to the readiness machine."""

    observation: Observation
    origin: Origin | None = None


class RequestSnapshot(Struct, frozen=True, gc=False):
    """Subscribe to the snapshot with this nonce."""

    nonce: str


class CancelSnapshot(Struct, frozen=True, gc=False):
    """Unsubscribe from it."""

    nonce: str


class Ignored(Struct, frozen=True, gc=False):
    """The message was not used, for this reason."""

    reason: str


Action = Observe | RequestSnapshot | CancelSnapshot | Ignored


class _Request(Struct):
    """A requested snapshot, and what has arrived of it."""

    nonce: str
    moved_at: float
    begin: SnapshotBegin | None = None
    session_ids: set[str] = field(default_factory=set)
    again: bool = False
    # Whether it follows one that was incomplete.
    repeats: bool = False


class Continuity:
    """Completes one backend's stream of facts. `nonces` returns a fresh nonce at every call."""

    def __init__(self, *, silence_s: float, nonces: Callable[[], str], now: float) -> None:
        self._silence_s = silence_s
        self._nonces = nonces
        self._retired: deque[str] = deque(maxlen=MAX_RETIRED)
        self._request: _Request | None = None
        # It stays subscribed for a while after its snapshot is complete: a rival answers it, too.
        self._newest_nonce = ""
        self._complete_at: float | None = None
        self._received_at = now
        self._ticked_at = now
        self._held_since: float | None = now
        self._rival: str | None = None
        self._rival_seen_at = now
        self.epoch: str | None = None
        self.seen = 0
        self.silent = False
        self.gaps = 0
        self.snapshots = 0

    @property
    def held(self) -> bool:
        """Return whether deadlines are held (rule 4)."""
        return self._held_since is not None

    @property
    def requesting(self) -> bool:
        """Return whether a snapshot is awaited."""
        return self._request is not None

    def has_rival(self, now: float) -> bool:
        """Return whether a second backend publishes on this bus (rule 6)."""
        return self._rival is not None and now - self._rival_seen_at <= RIVAL_GONE_S

    def start(self, now: float) -> list[Action]:
        """Request a snapshot of what happened before our start."""
        return self._request_snapshot(now)

    def tick(self, now: float) -> list[Action]:
        """Record that our loop runs; call it at least twice in `PAUSE_S`, even without intake."""
        paused = now - self._ticked_at > PAUSE_S
        self._ticked_at = now
        actions: list[Action] = []
        if self._complete_at is not None and now - self._complete_at > RIVAL_ANSWER_S:
            self._complete_at = None
            actions.append(CancelSnapshot(self._newest_nonce))
        if paused:
            # Whether the backend was silent meanwhile is unknown: the silence limit starts again.
            self._held_since = self._received_at = now
            actions += self._request_snapshot(now)
        if self._held_since is not None and now - self._held_since > self._silence_s:
            self._held_since = None
        if not self.silent and now - self._received_at > self._silence_s:
            self.silent = True
            actions.append(Observe(BackendSilent()))
        return actions

    def receive(self, message: Message, now: float, nonce: str | None = None) -> list[Action]:
        """Handle a message (`nonce`: from its snapshot topic) and return the actions."""
        if self._retired and message.epoch in self._retired:
            return self._from_retired(message, nonce, now)
        if nonce is not None:
            return self._snapshot(message, nonce, now)
        if isinstance(message, FactPublished):  # nearly all: a class pattern is slower (intake)
            actions = self._numbered(message.epoch, message.n, now, step=1)
            actions.append(Observe(message.fact, Origin(message.epoch, message.n)))
            return actions
        match message:
            case Heartbeat():
                return self._numbered(message.epoch, message.n, now, step=0)
            case WavesFinished():
                finished = message.result
                fact = UtteranceReported(
                    session_id=finished.session_id, utterance=finished.result.utterance
                )
                return [Observe(fact, Origin(message.epoch))]
            case SummaryFinished():
                made = message.result
                summary = SummaryReported(session_id=made.session_id, summary=made.summary)
                return [Observe(summary, Origin(message.epoch))]
            case _:
                return [Ignored("unexpected_topic")]

    def _from_retired(self, message: Message, nonce: str | None, now: float) -> list[Action]:
        """Ignore a message of a retired epoch, unless it proves it alive (rules 2 and 6)."""
        if message.epoch == self._rival:
            self._rival_seen_at = now
        if isinstance(message, SnapshotBegin) and nonce is not None and nonce == self._newest_nonce:
            if self.silent and self.requesting:
                self._retired.remove(message.epoch)
                return self._snapshot(message, nonce, now)
            self._rival, self._rival_seen_at = message.epoch, now
            return [Ignored("second_backend")]
        again = self._request_unless_under_way(now) if self.silent else []
        return [*again, Ignored("retired_epoch")]

    def _numbered(self, epoch: str, n: int, now: float, step: int) -> list[Action]:
        """Record `n`; if it is more than `step` beyond the last, there is a gap."""
        if epoch != self.epoch:
            back = self._alive(now) if self.silent else []
            return [*back, *self._request_unless_under_way(now)]
        actions = self._alive(now)
        if n > self.seen:
            if n > self.seen + step:
                self.gaps += 1
                actions += self._request_beyond(n, now)
            self.seen = n
        if self.requesting:  # it may have stalled
            actions += self._request_unless_under_way(now)
        return actions

    def _alive(self, now: float) -> list[Action]:
        self._received_at = now
        if not self.silent:
            return []
        self.silent = False
        return [Observe(BackendBack())]

    def _snapshot(self, message: Message, nonce: str, now: float) -> list[Action]:
        request = self._request
        if request is None or request.nonce != nonce:
            return [Ignored("old_snapshot")]
        request.moved_at = now
        begin = request.begin
        if begin is None:
            if not isinstance(message, SnapshotBegin):
                return [Ignored("mixed_snapshot")]  # it lost its beginning
            request.begin = message
            return [*self._adopt(message), *self._alive(now)]
        match message:
            case SnapshotBegin() if message.epoch != self.epoch:
                # Two backends answer: the newer one is current, and gets a request of its own.
                self._rival, self._rival_seen_at = begin.epoch, now
                again = self._request_snapshot(now)
                return [*self._adopt(message), *again, Ignored("second_backend")]
            case SnapshotSession() if message.epoch == begin.epoch:
                request.session_ids.add(message.session_id)
                return [*self._alive(now), Observe(message, Origin(begin.epoch, begin.n))]
            case SnapshotEnd():
                return [*self._alive(now), *self._snapshot_ended(request, begin, message, now)]
            case _:
                # A second beginning, or a session of a backend whose beginning was lost.
                return [Ignored("mixed_snapshot")]

    def _adopt(self, begin: SnapshotBegin) -> list[Action]:
        if begin.epoch == self.epoch:
            self.seen = max(self.seen, begin.n)
            return []
        before, self.epoch, self.seen = self.epoch, begin.epoch, begin.n
        if before is None:
            return []
        self._retired.append(before)
        if self._rival == begin.epoch:
            self._rival = None
        return [Observe(EpochRetired(before))]

    def _snapshot_ended(
        self, request: _Request, begin: SnapshotBegin, end: SnapshotEnd, now: float
    ) -> list[Action]:
        if begin.epoch != end.epoch or end.count != len(request.session_ids):
            if request.repeats:
                return []  # a third at once would be no better: it is requested as if it stalled
            return self._request_snapshot(now, repeats=True)
        self._request = None
        self._complete_at = now
        self.snapshots += 1
        self._held_since = None
        merged = SnapshotMerged(begin.epoch, begin.n, frozenset(request.session_ids))
        again = self._request_snapshot(now) if request.again else []
        return [Observe(merged), *again]

    def _request_beyond(self, n: int, now: float) -> list[Action]:
        """Request a snapshot for a gap before `n`, unless a requested one covers it."""
        request = self._request
        if request is not None and request.begin is not None and n > request.begin.n:
            request.again = True
        return self._request_unless_under_way(now)

    def _request_unless_under_way(self, now: float) -> list[Action]:
        request = self._request
        if request is not None and now - request.moved_at <= SNAPSHOT_STALLED_S:
            return []
        return self._request_snapshot(now)

    def _request_snapshot(self, now: float, *, repeats: bool = False) -> list[Action]:
        actions: list[Action] = []
        if self.requesting or self._complete_at is not None:
            actions.append(CancelSnapshot(self._newest_nonce))
            self._complete_at = None
        self._newest_nonce = self._nonces()
        self._request = _Request(self._newest_nonce, now, repeats=repeats)
        return [*actions, RequestSnapshot(self._request.nonce)]
