"""Turns bus frames into recorded events, through the pure machines and the outbox.

It decides nothing and has no socket; `server` calls `tick` and `handle` from the event loop.
"""

import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Final

import structlog

from event_gateway.core.continuity import (
    Action,
    CancelSnapshot,
    Continuity,
    Ignored,
    Observe,
    RequestSnapshot,
)
from event_gateway.core.decisions import (
    CLOSED_KEY,
    Decision,
    DialogueDropped,
    DialogueDue,
    Observation,
    SentimentDue,
    SnapshotMerged,
    SummaryDue,
    Turn1Due,
)
from event_gateway.core.readiness import Limits, Readiness
from event_gateway.errors import GatewayError, OutboxUnavailable
from event_gateway.metrics import Metrics
from event_gateway.outbox import Entry, Outbox, Row, set_aside
from event_gateway.rendering import Renderer
from shared_schema.bus import (
    TOPIC_FACTS,
    TOPIC_SNAPSHOT,
    TOPIC_WAVES,
    Heartbeat,
    SnapshotSession,
    SummaryFinished,
    WavesFinished,
    decode_message,
    snapshot_topic,
)
from shared_schema.decoding import InvalidMessage, WrongProtocol
from shared_schema.facts import Fact, SessionBegun, SessionComplete
from shared_schema.ids import timestamp
from shared_schema.layout import GATEWAY_DIR, Artifacts
from shared_schema.settings import Settings
from shared_schema.sockets import Frames

log = structlog.get_logger("gateway")

# Heartbeats arrive twice a second, so a peer of another version is detected again long before.
WRONG_PROTOCOL_FORGOTTEN_S: Final = 5.0
# How long readyz reports a damage or loss of the outbox, although the gateway goes on.
LOSS_SHOWN_S: Final = 5.0
# The queue for a full disk must not grow without limit.
MAX_UNRECORDED: Final = 10_000
# They repeat what others say, and nobody resumes them for longer.
REHEARSALS_KEPT_S: Final = 86_400.0


class Orchestrator:
    """Facts in, rows out.

    `subscribe` and `unsubscribe` take a topic. `on_events` receives new events, and the time when
    the worker whose message made them due finished (seconds since 1970), or 0. `on_stopped`
    receives the id of a session that was stopped, perhaps several times.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        outbox: Outbox,
        metrics: Metrics,
        subscribe: Callable[[bytes], None],
        unsubscribe: Callable[[bytes], None],
        on_events: Callable[[list[Row], float], None],
        on_stopped: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        nonces: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        limits = Limits(
            turn1_timeout_s=settings.events_turn1_timeout_s,
            dialogue_timeout_s=settings.events_dialogue_timeout_s,
            session_limit_s=settings.events_session_limit_s,
            replay_window_s=settings.events_replay_window_s,
        )
        self.readiness = Readiness(limits, self._recall)
        self.continuity = Continuity(silence_s=settings.bus_silence_s, nonces=nonces, now=clock())
        self.outbox = outbox
        self.artifacts = Artifacts(settings.artifacts_dir)
        self.metrics = metrics
        self._renderer = Renderer(self.artifacts)
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._on_events = on_events
        self._on_stopped = on_stopped
        self._clock = clock
        self._unrecorded: deque[list[Entry]] = deque()
        self._logged_once: set[str] = set()
        # Why the outbox cannot be used, and when it was last found damaged or lost.
        self._unusable = ""
        # Whether sessions were left out because their decisions could not be read.
        self._unread = False
        self._loss_at = clock() if outbox.loss else -LOSS_SHOWN_S
        # When the worker whose message is being handled finished; 0 for other messages.
        self._finished_at = 0.0
        self.backend_artifacts: str | None = None
        self._show_problem = ""
        self._wrong_protocol: WrongProtocol | None = None
        self._wrong_protocol_at = 0.0
        self._received = 0
        metrics.gaps.set_function(lambda: self.continuity.gaps)
        metrics.snapshots.set_function(lambda: self.continuity.snapshots)
        metrics.sessions.set_function(lambda: len(self.readiness))
        metrics.outbox_rows.set_function(outbox.count)

    @property
    def recording(self) -> bool:
        """Return whether all decisions are recorded."""
        return not self._unrecorded

    @property
    def agrees_on_artifacts(self) -> bool:
        """Return whether the backend uses our artifacts folder, as far as is known."""
        return self.backend_artifacts in (None, self.artifacts.root.as_posix())

    @property
    def backend_alive(self) -> bool:
        """Return whether a backend sends messages."""
        return self.continuity.epoch is not None and not self.continuity.silent

    def warnings(self) -> list[str]:
        """Return what somebody should look after, although all goes on."""
        if not (self._show_problem and self.backend_alive):
            return []
        return [f"the show as it was before goes on: {self._show_problem}"]

    def problems(self) -> list[str]:
        """Return the reasons why the gateway cannot do its work now, as sentences."""
        problems = []
        if self._unusable:
            problems.append(self._unusable)
        elif self._clock() - self._loss_at < LOSS_SHOWN_S:
            problems.append(f"the outbox was damaged or lost: {self.outbox.loss}")
        elif not self.recording:
            problems.append(
                "the outbox cannot be written; nothing is sent until it can: is the disk full?"
            )
        if not self.agrees_on_artifacts:
            ours = self.artifacts.root.as_posix()
            problems.append(
                f"the chat backend writes to {self.backend_artifacts}, this gateway reads"
                f" {ours}; set RR_ARTIFACTS_DIR to the same folder for both"
            )
        if self.continuity.has_rival(self._clock()):
            problems.append(
                "two chat backends publish on this gateway's bus: stop one of them, or give each a"
                " gateway and a bus (RR_BUS_URL) of its own"
            )
        mismatch = self._wrong_protocol
        recent = self._clock() - self._wrong_protocol_at < WRONG_PROTOCOL_FORGOTTEN_S
        if mismatch is not None and recent:
            older = "chat backend" if mismatch.theirs < mismatch.ours else "gateway"
            problems.append(
                f"a process on the bus uses protocol {mismatch.theirs}, this gateway"
                f" {mismatch.ours}: update and restart the {older}, which is the older one"
            )
        return problems

    def start(self) -> None:
        """Subscribe, and request a snapshot of what happened before."""
        for topic in (TOPIC_FACTS, TOPIC_WAVES):
            self._subscribe(topic)
        now = self._clock()
        self._act(self.continuity.start(now), now)

    def handle(self, frames: Frames) -> None:
        """Handle one message from the bus. No message raises."""
        try:
            topic, payload = frames
            message = decode_message(payload)
        except ValueError:
            self._ignore("not_two_frames", f"{len(frames)} frames")
            return
        except WrongProtocol as error:
            self._wrong_protocol, self._wrong_protocol_at = error, self._clock()
            self._ignore("wrong_protocol", str(error))
            return
        except InvalidMessage as error:
            self._ignore("malformed", f"{error} (field {error.field or 'none'})")
            return
        self._received += 1
        self._finished_at = 0.0
        nonce = None
        if topic.startswith(TOPIC_SNAPSHOT):
            nonce = topic.removeprefix(TOPIC_SNAPSHOT).decode(errors="replace")
        elif isinstance(message, WavesFinished | SummaryFinished):
            self._finished_at = message.finished_at
        elif isinstance(message, Heartbeat):
            self._compare_artifacts(message.artifacts_dir)
            self._show_problem = message.show_problem or ""
        now = self._clock()
        self._act(self.continuity.receive(message, now, nonce), now)

    def tick(self) -> None:
        """Check the deadlines; the bus must have been drained before."""
        now = self._clock()
        self._finished_at = 0.0
        if self.outbox.inspect():
            self._renew_outbox(now)
        if self._unread and self._readable():
            self._unread = False
            self._act(self.continuity.start(now), now)
        self._retry()
        self._act(self.continuity.tick(now), now)
        if not self.continuity.held:
            self._record(self.readiness.advance(now))

    def _readable(self) -> bool:
        try:
            self.outbox.newest_at()
        except OutboxUnavailable:
            return False
        return True

    def _renew_outbox(self, now: float) -> None:
        """Go on with a new outbox after the old one was damaged or lost, or with what is there."""
        try:
            self.outbox.renew()
        except GatewayError as error:
            self._unusable = f"the outbox was damaged or lost, and cannot be opened: {error}"
            self._refused(error)
            return
        self._unusable = ""
        self._loss_at = now
        self.metrics.outbox_losses.inc()
        log.error("the outbox was damaged or lost", reason=self.outbox.loss)
        if self.outbox.lost:
            # The backend's sessions that are over are closed by its answer; see _is_forgotten.
            self._act(self.continuity.start(now), now)

    def prune(self, *, now: float, retention_s: float) -> Iterator[int]:
        """Remove what is older than that at `now` (seconds since 1970) and not kept, step by step.

        With 0 only rehearsals are removed, which repeat others. If it fails, the next call may
        succeed.
        """
        before = now - retention_s if retention_s else 0.0
        try:
            yield from self.outbox.prune(
                before=before,
                rehearsals_before=now - REHEARSALS_KEPT_S,
                is_kept=self.artifacts.is_kept,
            )
            self._remove_set_aside(before)
        except (OutboxUnavailable, OSError) as error:
            self.metrics.outbox_failures.inc()
            log.warning("retention failed", reason=str(error))

    def delete(self, session_id: str) -> Iterator[int]:
        """Remove a session at once, step by step; what is still to come of it is ignored.

        Yields the number of events that each step removed.

        Raises
        ------
        OutboxUnavailable
            If the outbox cannot be written now.
        """
        self.readiness.drop(session_id)
        waiting = ([e for e in each if e.session_id != session_id] for each in self._unrecorded)
        self._unrecorded = deque(filter(None, waiting))
        yield from self.outbox.delete(session_id, at=time.time())
        log.info("session deleted", session=session_id)

    def _remove_set_aside(self, before: float) -> None:
        """Remove what was moved aside and last written before then; it may hold words, too."""
        for path in set_aside(self.artifacts.root / GATEWAY_DIR):
            if path.lstat().st_mtime < before:
                path.unlink()
                log.info("damaged outbox removed", file=path.name)

    def count_received(self) -> None:
        """Update the counter of messages; doing so for each would be slow, because of its lock."""
        self.metrics.messages.inc(self._received)
        self._received = 0

    def _act(self, actions: list[Action], now: float) -> None:
        for action in actions:
            if isinstance(action, Observe):  # nearly all: a class pattern is slower (intake)
                if isinstance(action.observation, SnapshotMerged):
                    self._settle_outbox()
                decisions = self.readiness.apply(action.observation, now, action.origin)
                if decisions:
                    self._record(decisions)
                self._tell_if_stopped(action.observation)
                continue
            match action:
                case RequestSnapshot(nonce=nonce):
                    self._subscribe(snapshot_topic(nonce))
                case CancelSnapshot(nonce=nonce):
                    self._unsubscribe(snapshot_topic(nonce))
                case Ignored(reason=reason):
                    self._ignore(reason, "")

    def _settle_outbox(self) -> None:
        try:
            self.outbox.settle()
        except OutboxUnavailable as error:
            self._refused(error)  # the next snapshot settles it

    def _tell_if_stopped(self, observation: Observation) -> None:
        if isinstance(observation, SnapshotSession):
            complete = observation.complete
        elif isinstance(observation, SessionComplete):
            complete = observation
        else:
            return
        if complete is not None and complete.stopped:
            self._on_stopped(complete.session_id)

    def _recall(self, fact: Fact | SnapshotSession) -> Collection[str]:
        """Return the keys decided of a session, recorded or not."""
        decided = {
            entry.key
            for entries in self._unrecorded
            for entry in entries
            if entry.session_id == fact.session_id
        }
        try:
            decided |= self.outbox.decided(fact.session_id).keys()
        except OutboxUnavailable as error:
            self._refused(error)
            if not isinstance(fact, SessionBegun):
                # What was sent of it is unknown now; a snapshot tells it when it is known again.
                self._unread = True
                return {CLOSED_KEY}
        if self.outbox.lost and CLOSED_KEY not in decided and self._is_forgotten(fact):
            return {CLOSED_KEY}
        return decided

    def _is_forgotten(self, fact: Fact | SnapshotSession) -> bool:
        """Return whether a session is to be ignored because the outbox was lost.

        Sessions past Turn 1 in the first snapshot may have been sent before: they are closed. Other
        facts of sessions with an unknown beginning wait for that snapshot, which contains it.
        """
        if not isinstance(fact, SnapshotSession):
            return not isinstance(fact, SessionBegun)
        if fact.turn1 is None:
            return False
        log.warning("session not sent again after the outbox was lost", session=fact.session_id)
        self._write([Entry(session_id=fact.session_id, key=CLOSED_KEY, status="closed")])
        return True

    def _record(self, decisions: list[Decision]) -> None:
        if not decisions:
            return
        ts = timestamp(time.time())
        entries = [self._renderer.entry(decision, ts) for decision in decisions]
        self._write(entries)
        for decision, entry in zip(decisions, entries, strict=True):
            self._count(decision, entry)

    def _write(self, entries: list[Entry]) -> None:
        if len(self._unrecorded) < MAX_UNRECORDED:
            self._unrecorded.append(entries)
        else:
            log.error("decision lost: too many are waiting for the outbox", key=entries[0].key)
        self._retry()

    def _retry(self) -> None:
        """Record waiting decisions, in order; nothing is sent that is not recorded."""
        while self._unrecorded:
            try:
                rows = self.outbox.record(self._unrecorded[0], at=time.time())
            except OutboxUnavailable as error:
                self._refused(error)
                return
            self._unrecorded.popleft()
            self._logged_once.discard("outbox")
            if rows:
                self._on_events(rows, self._finished_at)

    def _refused(self, error: GatewayError) -> None:
        self.metrics.outbox_failures.inc()
        self._log_once("outbox", "nothing is sent until the outbox can be written", error)

    def _count(self, decision: Decision, entry: Entry) -> None:
        match decision:
            case Turn1Due():
                self._produced("turn1.waves.ready", entry)
            case DialogueDue() if entry.status != "dropped":
                self._produced("dialogue.waves.ready", entry)
            case DialogueDue():
                self._dropped(entry, "the respondent's wave-mix is not on this machine")
            case DialogueDropped(reason=reason):
                self._dropped(entry, reason)
            case SentimentDue():
                self._produced("user_sentiment", entry)
            case SummaryDue():
                self._produced("final_summary.ready", entry)

    def _produced(self, kind: str, entry: Entry) -> None:
        self.metrics.events.labels(kind, entry.outcome).inc()

    def _dropped(self, entry: Entry, reason: str) -> None:
        self.metrics.dropped.labels(reason).inc()
        log.warning("dialogue dropped", session=entry.session_id, dialogue=entry.key, reason=reason)

    def _compare_artifacts(self, theirs: str) -> None:
        self.backend_artifacts = theirs
        if not self.agrees_on_artifacts:
            ours = self.artifacts.root.as_posix()
            self._log_once("artifacts", "the backend uses another folder", f"{theirs}, not {ours}")

    def _ignore(self, reason: str, detail: str) -> None:
        self.metrics.ignored.labels(reason).inc()
        self._log_once(reason, "bus message ignored", detail)

    def _log_once(self, kind: str, event: str, detail: object) -> None:
        if kind not in self._logged_once:
            self._logged_once.add(kind)
            log.warning(event, kind=kind, detail=str(detail))
