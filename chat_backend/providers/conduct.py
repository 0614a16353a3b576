"""How we treat a provider: a few calls at once, each with a limit, again only where it makes sense.

A call waits for its place, is bounded in time, and after a failure that may pass is made again
after a pause: the one that the provider asks for, or a growing one with jitter. When the pause does
not fit into the caller's time any more, the failure is final at once. A provider that is down is
left alone by its circuit.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from msgspec import Struct

from chat_backend.providers.accounts import Account
from chat_backend.providers.circuit import Circuit
from chat_backend.providers.failure import ProviderFailed, too_slow
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

T = TypeVar("T")

# Providers round down; a call at the very second is refused again.
RETRY_AFTER_MARGIN_S: Final = 0.05


class Patience(Struct, frozen=True, kw_only=True):
    """Limits of the calls to one provider, in seconds and numbers."""

    call_s: float = 15.0
    attempts: int = 3
    at_once: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 4.0
    jitter_s: float = 0.5


def patience_of(settings: Settings) -> Patience:
    """Return the limits that the settings ask for."""
    return Patience(
        call_s=settings.provider_timeout_s,
        attempts=settings.provider_attempts,
        at_once=settings.provider_concurrency,
    )


class Conduct:
    """All calls to one provider's service go through here. Belongs to one event loop."""

    def __init__(
        self, provider: str, patience: Patience, account: Account, *, circuit: Circuit | None = None
    ) -> None:
        self.provider = provider
        self.account = account
        self._patience = patience
        self._circuit = circuit or Circuit()
        self._places = asyncio.Semaphore(patience.at_once)

    async def call(self, ask: Callable[[], Awaitable[T]], *, until: float) -> T:
        """Return what `ask` returns, asking again where that may help.

        Parameters
        ----------
        ask
            Makes one call; raises `ProviderFailed`.
        until
            When the caller must have an answer, by ``time.monotonic()``.

        Raises
        ------
        ProviderFailed
            Of the last call, or because the circuit is open.
        """
        # Costs 50 ms and a few MB, so not for a backend that calls nobody.
        import stamina  # noqa: PLC0415

        # Its own hooks count in the process-wide registry and log once more what we log.
        stamina.instrumentation.set_on_retry_hooks(())
        attempts = stamina.retry_context(
            on=lambda error: self._pause(error, until),
            attempts=self._patience.attempts,
            timeout=None,
            wait_initial=self._patience.first_pause_s,
            wait_max=self._patience.longest_pause_s,
            wait_jitter=self._patience.jitter_s,
        )
        async for attempt in attempts:
            with attempt:
                if attempt.num > 1:
                    self.account.retry()
                return await self._once(ask, until)
        raise AssertionError("stamina returns or raises")

    async def _once(self, ask: Callable[[], Awaitable[T]], until: float) -> T:
        async with self._places:
            self._enter()
            begun = time.monotonic()
            limit = min(self._patience.call_s, until - begun)
            if limit <= 0.0:
                self._circuit.abandoned()
                raise ProviderFailed(
                    f"no time was left to ask {self.provider}", error_type="timeout"
                )
            try:
                async with asyncio.timeout(limit):
                    answer = await ask()
            except ProviderFailed as error:
                self._failed(error, begun)
                raise
            except TimeoutError:
                # Cut short by the caller, it says nothing about the provider.
                slow = too_slow(self.provider, limit, down=limit == self._patience.call_s)
                self._failed(slow, begun)
                raise slow from None
            except BaseException:
                self._circuit.abandoned()
                raise
            self._circuit.succeeded()
            self.account.circuit(open_=False)
            self.account.call("ok", time.monotonic() - begun)
            return answer

    def _enter(self) -> None:
        now = time.monotonic()
        if not self._circuit.admits(now):
            rest = self._circuit.rests_for(now)
            raise ProviderFailed(
                f"{self.provider} failed {self._circuit.failures} times and is left alone"
                f" for {rest:.0f} s",
                error_type="network",
            )

    def _failed(self, error: ProviderFailed, begun: float) -> None:
        now = time.monotonic()
        self.account.call(error.error_type, now - begun)
        if not error.down:
            self._circuit.succeeded()
            return
        was = self._circuit.state(now)
        self._circuit.failed(now)
        if self._circuit.state(now) == "open" and was != "open":
            self.account.circuit(open_=True)
            log.warning("provider left alone", provider=self.provider, reason=str(error))

    def _pause(self, error: Exception, until: float) -> bool | float:
        """Return whether to ask again, or after how many seconds."""
        if not isinstance(error, ProviderFailed) or not error.again:
            return False
        left = until - time.monotonic()
        if error.retry_after_s is None:
            return left > self._patience.first_pause_s
        pause = error.retry_after_s + RETRY_AFTER_MARGIN_S
        return pause if pause < left else False
