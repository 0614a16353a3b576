"""A circuit breaker: a provider that keeps failing is not called for a while.

The rules, as a state machine without a clock:

* closed: every call is admitted; `limit` failures in a row open it;
* open: none is admitted until `rest_s` have passed since it opened;
* half open: one call is admitted as a probe; its success closes the circuit, its failure opens it
  again.

Only failures that mean the provider is down count; a rate limit or a refused request is an answer,
and counts as a success.
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
        """Return the state of the circuit now."""
        if self.opened_at is None:
            return "closed"
        return "open" if now < self.opened_at + self.rest_s else "half_open"

    def admits(self, now: float) -> bool:
        """Return whether to admit a call; in the half-open state it then is the probe."""
        state = self.state(now)
        if state == "closed":
            return True
        if state == "open" or self.probing:
            return False
        self.probing = True
        return True

    def rests_for(self, now: float) -> float:
        """Return for how long no call is admitted, in seconds."""
        return 0.0 if self.opened_at is None else max(0.0, self.opened_at + self.rest_s - now)

    def succeeded(self) -> None:
        """Record that the provider answered."""
        self.failures = 0
        self.opened_at = None
        self.probing = False

    def failed(self, now: float, *, probe: bool = True) -> None:
        """Record that a call found the provider down; `probe` is whether it can be the probe."""
        self.failures += 1
        probe = probe and self.probing
        # A call that began before the circuit opened does not extend the pause.
        if probe or (self.opened_at is None and self.failures >= self.limit):
            self.opened_at = now
        if probe:
            self.probing = False

    def abandoned(self, *, probe: bool = True) -> None:
        """Record that we cancelled a call: it proves nothing, and another may be the probe."""
        if probe:
            self.probing = False
