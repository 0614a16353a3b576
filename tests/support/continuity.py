"""A continuity machine with short words for what may come, for its tests."""

import itertools

from event_gateway.core.continuity import (
    Action,
    Continuity,
    Observe,
    RequestSnapshot,
)
from shared_schema.bus import (
    FactPublished,
    Heartbeat,
    SnapshotBegin,
    SnapshotEnd,
)
from tests.support.sessions import whole

SILENCE_S = 10.0


class Rig:
    """A continuity with counted nonces, and short words for what may come."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.it = Continuity(silence_s=SILENCE_S, nonces=lambda: f"q{next(numbers)}", now=0.0)
        self.now = 0.0
        self.it.start(0.0)

    def fact(self, n: int, epoch: str = "a") -> list[Action]:
        return self.it.receive(FactPublished(epoch=epoch, n=n, fact=whole().begun()), self.now)

    def beat(self, n: int, epoch: str = "a") -> list[Action]:
        return self.it.receive(Heartbeat(epoch=epoch, n=n, artifacts_dir="/x"), self.now)

    def begin(self, nonce: str, n: int, epoch: str = "a") -> list[Action]:
        return self.it.receive(SnapshotBegin(epoch=epoch, n=n), self.now, nonce)

    def session(self, nonce: str, epoch: str = "a") -> list[Action]:
        return self.it.receive(whole().snapshot(epoch=epoch), self.now, nonce)

    def end(self, nonce: str, count: int, epoch: str = "a") -> list[Action]:
        return self.it.receive(SnapshotEnd(epoch=epoch, count=count), self.now, nonce)

    def answer(self, nonce: str, n: int, epoch: str = "a") -> list[Action]:
        return [
            *self.begin(nonce, n, epoch),
            *self.session(nonce, epoch),
            *self.end(nonce, 1, epoch),
        ]

    def joined(self) -> "Rig":
        self.answer("q1", 3)
        return self


def asked(actions: list[Action]) -> list[str]:
    return [action.nonce for action in actions if isinstance(action, RequestSnapshot)]


def observed(actions: list[Action]) -> list[object]:
    return [action.observation for action in actions if isinstance(action, Observe)]
