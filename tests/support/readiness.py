"""What the tests of the readiness machine share: one machine, and short names."""

from event_gateway.core.decisions import Decision, Origin
from event_gateway.core.readiness import Limits, Readiness

LIMITS = Limits(turn1_timeout_s=15, dialogue_timeout_s=30, session_limit_s=900, replay_window_s=300)
HERE = Origin("life", 1)


def machine(*decided: str) -> Readiness:
    """Return a machine that knows nothing yet, but for the keys decided before of any session."""
    return Readiness(LIMITS, recall=lambda _: decided)


def publish(readiness: Readiness, *facts: object, now: float = 0.0) -> list[Decision]:
    """Apply facts of one life of the backend, and return what became due."""
    return [
        decision
        for fact in facts
        for decision in readiness.apply(fact, now, origin=HERE)  # type: ignore[arg-type]
    ]


def names(decisions: list[Decision]) -> list[str]:
    """Return the kind and key of each."""
    return [f"{type(decision).__name__} {decision.key}" for decision in decisions]


ALL_DECIDED = [
    "Turn1Due turn1",
    "DialogueDue turn23-slot1",
    "DialogueDue turn23-slot2",
    "SessionClosed closed",
]
