"""A circuit breaker: who fails again and again is left alone for a while.

The rules, as a state machine without a clock:

* closed: every call may go; `limit` failures in a row open it;
* open: none may go until `rest_s` have passed since it opened;
* half open: one call may go as a probe; its success closes the circuit, its failure opens it again.

Only failures that say the provider is down are told to it; a rate limit or a refused question is an
answer, and counts as a success.
"""

from typing import Final, Literal

from msgspec import Struct

State = Literal["closed", "open", "half_open"]

LIMIT: Final = 5
REST_S: Final = 30.0


class Circuit(Struct):
    """The state of one provider. Times are seconds of any steady clock."""

    limit: int = LIMIT
    rest_s: float = REST_S
    failures: int = 0
    opened_at: float | None = None
    probing: bool = False

    def state(self, now: float) -> State:
        """Return what the circuit lets through now."""
        if self.opened_at is None:
            return "closed"
        return "open" if now < self.opened_at + self.rest_s else "half_open"

    def admits(self, now: float) -> bool:
        """Return whether a call may go; a true answer in the half-open state makes it the probe."""
        state = self.state(now)
        if state == "closed":
            return True
        if state == "open" or self.probing:
            return False
        self.probing = True
        return True

    def rests_for(self, now: float) -> float:
        """Return for how long no call may go, in seconds."""
        return 0.0 if self.opened_at is None else max(0.0, self.opened_at + self.rest_s - now)

    def succeeded(self) -> None:
        """The provider answered."""
        self.failures = 0
        self.opened_at = None
        self.probing = False

    def failed(self, now: float) -> None:
        """The provider is down, as far as one call can tell."""
        self.failures += 1
        # A call that began before the circuit opened does not make its rest longer.
        if self.probing or (self.opened_at is None and self.failures >= self.limit):
            self.opened_at = now
        self.probing = False

    def abandoned(self) -> None:
        """A call was given up by us: it says nothing, and another may be the probe."""
        self.probing = False
