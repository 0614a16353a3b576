"""Every call to a provider: limited in time and number, retried where that can help.

A call waits for one of the provider's slots and has a time limit. After a transient failure it is
retried after a pause: the one that the provider requests, or a growing one with jitter. If the
pause exceeds the caller's remaining time, the failure is final at once. While a provider's circuit
is open, it is not called at all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from msgspec import Struct

from chat_backend.providers.circuit import Circuit
from chat_backend.providers.failure import ProviderFailed, timed_out
from chat_backend.providers.usage import Account, Service
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

T = TypeVar("T")

# Providers round down; a call at exactly that second is refused again.
RETRY_AFTER_MARGIN_S: Final = 0.05


class CallLimits(Struct, frozen=True, kw_only=True):
    """Limits of the calls to one provider, in seconds and numbers."""

    call_s: float = 15.0
    attempts: int = 3
    concurrency: int = 4
    first_pause_s: float = 0.5
    longest_pause_s: float = 4.0
    jitter_s: float = 0.5


def limits_of(settings: Settings, service: Service) -> CallLimits:
    """Return the limits in the settings."""
    concurrency = {
        "text": settings.llm_concurrency,
        "speech": settings.tts_concurrency,
        "hearing": settings.stt_concurrency,
    }
    return CallLimits(
        call_s=settings.provider_timeout_s,
        attempts=settings.provider_attempts,
        concurrency=concurrency[service],
    )


class ProviderCalls:
    """All calls to one provider's service. Belongs to one event loop."""

    def __init__(self, provider: str, limits: CallLimits, account: Account) -> None:
        self.provider = provider
        self.account = account
        self._limits = limits
        self._circuit = Circuit()
        self._places = asyncio.Semaphore(limits.concurrency)

    async def call(self, request: Callable[[], Awaitable[T]], *, deadline: float) -> T:
        """Return what `request` returns, with retries where they can help.

        Parameters
        ----------
        request
            Makes one call; raises `ProviderFailed`.
        deadline
            When the caller needs the answer, by ``time.monotonic()``.

        Raises
        ------
        ProviderFailed
            Of the last call, or because the circuit is open.
        """
        # Takes 50 ms and a few MB, so only for a backend that calls a provider.
        import stamina  # noqa: PLC0415

        # Its own hooks count in the process-wide registry and repeat our log lines.
        stamina.instrumentation.set_on_retry_hooks(())
        attempts = stamina.retry_context(
            on=lambda error: self._pause(error, deadline),
            attempts=self._limits.attempts,
            timeout=None,
            wait_initial=self._limits.first_pause_s,
            wait_max=self._limits.longest_pause_s,
            wait_jitter=self._limits.jitter_s,
        )
        async for attempt in attempts:
            with attempt:
                if attempt.num > 1:
                    self.account.retry()
                return await self._once(request, deadline)
        raise AssertionError("stamina returns or raises")

    async def _once(self, request: Callable[[], Awaitable[T]], deadline: float) -> T:
        async with self._places:
            begun = time.monotonic()
            if not self._circuit.admits(begun):
                raise ProviderFailed(
                    f"{self.provider} failed {self._circuit.failures} times: its circuit is open"
                    f" for {self._circuit.rests_for(begun):.0f} s",
                    "network",
                    again=False,
                    down=False,
                )
            # An older call that ends while this one probes is not the probe.
            probe = self._circuit.probing
            limit = min(self._limits.call_s, deadline - begun)
            if limit <= 0.0:
                self._circuit.abandoned(probe=probe)
                raise ProviderFailed(
                    f"no time was left to call {self.provider}", "timeout", down=False
                )
            try:
                async with asyncio.timeout(limit):
                    answer = await request()
            except ProviderFailed as error:
                self._failed(error, begun, probe=probe)
                raise
            except TimeoutError:
                late = timed_out(self.provider, limit, down=limit == self._limits.call_s)
                self._failed(late, begun, probe=probe)
                raise late from None
            except BaseException:
                self._circuit.abandoned(probe=probe)
                raise
            self._answered()
            self.account.call("ok", time.monotonic() - begun)
            return answer

    def _answered(self) -> None:
        self._circuit.succeeded()
        self.account.circuit(open_=False)

    def _failed(self, error: ProviderFailed, begun: float, *, probe: bool) -> None:
        now = time.monotonic()
        self.account.call(error.error_type, now - begun)
        if not error.down:
            if error.kind == "timeout":
                # Ended with the caller's time, which is no evidence about the provider.
                self._circuit.abandoned(probe=probe)
            else:
                self._answered()
            return
        before = self._circuit.state(now)
        self._circuit.failed(now, probe=probe)
        if self._circuit.state(now) == "open" and before != "open":
            self.account.circuit(open_=True)
            log.warning("circuit opened", provider=self.provider, reason=str(error))

    def _pause(self, error: Exception, deadline: float) -> bool | float:
        """Return whether to retry a call, or after how many seconds."""
        if not isinstance(error, ProviderFailed) or not error.again:
            return False
        left = deadline - time.monotonic()
        if error.retry_after_s is None:
            return left > self._limits.first_pause_s
        pause = error.retry_after_s + RETRY_AFTER_MARGIN_S
        return pause if pause < left else False
