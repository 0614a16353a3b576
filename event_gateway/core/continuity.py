"""Whether we know all that the backend said, and whom to ask when not.

Rules
-----
1. The backend's facts are numbered ``(epoch, n)``. A hole in `n`, a heartbeat ahead of what was
   seen, a life not known yet, our own start, and a pause of our own loop each lead to a question: a
   subscription to ``snapshot/<nonce>``.
2. An epoch becomes the current one by *answering*, never by being heard: messages of a dead process
   may be read after those of its successor, but only a living one answers a fresh nonce. The one
   before is retired for good, and nothing it said is listened to again.
3. `n` going backwards is no hole. An answer counts when it is complete; what it says is joined as
   it arrives. A hole that shows during an answer, beyond what the answer covers, leads to the next
   question.
4. After our start, or a pause of the loop, deadlines are *held* until an answer is complete or the
   silence limit has passed: first hear what happened meanwhile, then judge who is late.
5. Not heard for the silence limit, the backend is *silent* until it speaks or answers again, or a
   life that is not known yet speaks: it may have begun sessions. A worker's word is not the
   backend's.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from event_gateway.core.decisions import (
    BackendBack,
    BackendSilent,
    EpochRetired,
    Observation,
    Origin,
    SnapshotJoined,
)
from shared_schema.bus import (
    FactPublished,
    Heartbeat,
    Message,
    SnapshotBegin,
    SnapshotEnd,
    SnapshotSession,
    WavesFinished,
)
from shared_schema.facts import UtteranceReported

# An answer that stands still for so long, while its backend is heard, is asked for again.
ANSWER_STALLED_S: Final = 2.0
# Our own loop stood still if `awake` was not called for so long.
PAUSE_S: Final = 1.0
RETIRED_REMEMBERED: Final = 1000


class Observe(Struct, frozen=True, gc=False):
    """Let the readiness machine know."""

    observation: Observation
    origin: Origin | None = None


class Ask(Struct, frozen=True, gc=False):
    """Subscribe to the answer to this question."""

    nonce: str


class Unask(Struct, frozen=True, gc=False):
    """Unsubscribe from it."""

    nonce: str


class Ignored(Struct, frozen=True, gc=False):
    """The message was not used, for this reason."""

    reason: str


Action = Observe | Ask | Unask | Ignored


class _Question:
    """A snapshot that was asked for, and what has come of its answer."""

    __slots__ = ("again", "begin", "moved_at", "nonce", "session_ids")

    def __init__(self, nonce: str, now: float) -> None:
        self.nonce = nonce
        self.moved_at = now
        self.begin: SnapshotBegin | None = None
        self.session_ids: set[str] = set()
        self.again = False


class Continuity:
    """One backend's stream of facts, made whole. `nonces` gives a fresh word at every call."""

    def __init__(self, *, silence_s: float, nonces: Callable[[], str], now: float) -> None:
        self._silence_s = silence_s
        self._nonces = nonces
        self._retired: deque[str] = deque(maxlen=RETIRED_REMEMBERED)
        self._question: _Question | None = None
        self._heard_at = now
        self._awake_at = now
        self._held_since: float | None = now
        self.epoch: str | None = None
        self.seen = 0
        self.silent = False
        self.gaps = 0
        self.snapshots = 0

    @property
    def held(self) -> bool:
        """Return whether no deadline may fire now."""
        return self._held_since is not None

    @property
    def asking(self) -> bool:
        """Return whether an answer is awaited."""
        return self._question is not None

    def start(self, now: float) -> list[Action]:
        """Ask for what happened before we were there."""
        return self._ask(now)

    def awake(self, now: float) -> list[Action]:
        """Note that our loop runs; to be called at least twice in `PAUSE_S`, intake or not."""
        paused = now - self._awake_at > PAUSE_S
        self._awake_at = now
        actions: list[Action] = []
        if paused:
            # Whether the backend was silent meanwhile can't be told: it starts anew.
            self._held_since = self._heard_at = now
            actions += self._ask(now)
        if self._held_since is not None and now - self._held_since > self._silence_s:
            self._held_since = None
        if not self.silent and now - self._heard_at > self._silence_s:
            self.silent = True
            actions.append(Observe(BackendSilent()))
        return actions

    def receive(self, message: Message, now: float, nonce: str | None = None) -> list[Action]:
        """Take a message (`nonce`: of the snapshot topic it came on) and say what follows."""
        if self._retired and message_epoch(message) in self._retired:
            return [Ignored("retired_epoch")]
        if nonce is not None:
            return self._answer(message, nonce, now)
        if isinstance(message, FactPublished):  # nearly all; a class pattern is felt
            actions = self._numbered(message.epoch, message.n, now, step=1)
            actions.append(Observe(message.fact, Origin(message.epoch, message.n)))
            return actions
        match message:
            case Heartbeat():
                return self._numbered(message.epoch, message.n, now, step=0)
            case WavesFinished():
                result = message.result
                fact = UtteranceReported(
                    session_id=result.job.session_id, utterance=result.utterance()
                )
                return [Observe(fact, Origin(message.epoch))]
            case _:
                return [Ignored("unexpected_topic")]

    def _numbered(self, epoch: str, n: int, now: float, step: int) -> list[Action]:
        """Note that `n` was given; more than `step` beyond what was seen, it shows a hole."""
        if epoch != self.epoch:
            back = self._heard(now) if self.silent else []
            return [*back, *self._ask_unless_asking(now)]
        actions = self._heard(now)
        if n > self.seen:
            if n > self.seen + step:
                self.gaps += 1
                actions += self._ask_again(n, now)
            self.seen = n
        return actions

    def _heard(self, now: float) -> list[Action]:
        self._heard_at = now
        if not self.silent:
            return []
        self.silent = False
        return [Observe(BackendBack())]

    def _answer(self, message: Message, nonce: str, now: float) -> list[Action]:
        question = self._question
        if question is None or question.nonce != nonce:
            return [Ignored("old_snapshot")]
        question.moved_at = now
        match message:
            case SnapshotBegin() if question.begin is None:
                question.begin = message
                return [*self._adopt(message), *self._heard(now)]
            case SnapshotSession() if question.begin is not None:
                question.session_ids.add(message.session_id)
                origin = Origin(question.begin.epoch, question.begin.n)
                return [*self._heard(now), Observe(message, origin)]
            case SnapshotEnd() if question.begin is not None:
                return [*self._heard(now), *self._answered(question, message, now)]
            case _:
                # Two backends answer at once, or an answer lost its beginning.
                return [Ignored("mixed_snapshot")]

    def _adopt(self, begin: SnapshotBegin) -> list[Action]:
        if begin.epoch == self.epoch:
            self.seen = max(self.seen, begin.n)
            return []
        before, self.epoch, self.seen = self.epoch, begin.epoch, begin.n
        if before is None:
            return []
        self._retired.append(before)
        return [Observe(EpochRetired(before))]

    def _answered(self, question: _Question, end: SnapshotEnd, now: float) -> list[Action]:
        begin = question.begin
        self._question = None
        actions: list[Action] = [Unask(question.nonce)]
        whole = begin is not None and begin.epoch == end.epoch
        if begin is None or not whole or end.count != len(question.session_ids):
            return [*actions, *self._ask(now)]
        self.snapshots += 1
        self._held_since = None
        joined = SnapshotJoined(begin.epoch, begin.n, frozenset(question.session_ids))
        actions.append(Observe(joined))
        return [*actions, *self._ask(now)] if question.again else actions

    def _ask_again(self, n: int, now: float) -> list[Action]:
        """Ask because `n` showed a hole, unless an answer that covers it is on its way."""
        question = self._question
        if question is not None and question.begin is not None and n > question.begin.n:
            question.again = True
        return self._ask_unless_asking(now)

    def _ask_unless_asking(self, now: float) -> list[Action]:
        question = self._question
        if question is not None and now - question.moved_at <= ANSWER_STALLED_S:
            return []
        return self._ask(now)

    def _ask(self, now: float) -> list[Action]:
        actions: list[Action] = []
        if self._question is not None:
            actions.append(Unask(self._question.nonce))
        self._question = _Question(self._nonces(), now)
        return [*actions, Ask(self._question.nonce)]


def message_epoch(message: Message) -> str | None:
    """Return the life of the backend that a message belongs to, if it says."""
    return None if isinstance(message, SnapshotSession) else message.epoch
