"""Calls to a provider: what counts against it, and what only says that our time was over."""

import asyncio
import time

import pytest

from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits, ProviderCalls
from chat_backend.providers.circuit import LIMIT
from chat_backend.providers.failure import ProviderFailed, failed
from chat_backend.providers.usage import Account

ONCE = CallLimits(call_s=0.05, attempts=1)


def calls_of(metrics: Metrics) -> ProviderCalls:
    return ProviderCalls("p", ONCE, Account(metrics, "text", "p"))


def circuit_open(metrics: Metrics) -> bool:
    line = 'rr_provider_circuit_open{provider="p",service="text"} 1.0'
    return line in metrics.text().decode()


async def hang() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise failed("p", "server")


async def rejected() -> None:
    raise failed("p", "request")


async def test_an_older_call_that_ends_is_not_the_probe() -> None:
    """Cancelled while another call probes the provider, it lets no second probe through."""
    calls = ProviderCalls("p", CallLimits(call_s=60.0, attempts=1), Account(Metrics(), "text", "p"))
    deadline = time.monotonic() + 60.0
    older = asyncio.create_task(calls.call(hang, deadline=deadline))
    await asyncio.sleep(0)
    for _ in range(LIMIT):
        with pytest.raises(ProviderFailed):
            await calls.call(broken, deadline=deadline)
    calls._circuit.rest_s = 0.0
    probe = asyncio.create_task(calls.call(hang, deadline=deadline))
    await asyncio.sleep(0)
    older.cancel()
    await asyncio.wait([older])
    with pytest.raises(ProviderFailed, match="circuit is open"):
        await calls.call(hang, deadline=time.monotonic() + 0.5)
    probe.cancel()
    await asyncio.wait([probe])


async def test_a_call_that_the_caller_cut_short_proves_nothing() -> None:
    """It opens no circuit, nor does it begin the count of failures again."""
    metrics = Metrics()
    calls = calls_of(metrics)
    for number in range(LIMIT):
        if number:
            # On a busy machine the time may have passed before the call begins.
            with pytest.raises(ProviderFailed, match=r"did not answer within|no time was left"):
                await calls.call(hang, deadline=time.monotonic() + 0.01)
            assert not circuit_open(metrics)
        with pytest.raises(ProviderFailed, match="did not answer within"):
            await calls.call(hang, deadline=time.monotonic() + 60.0)
    assert circuit_open(metrics)


async def test_any_answer_of_the_probe_closes_the_circuit_for_the_operator_too() -> None:
    """A rejected request is an answer."""
    metrics = Metrics()
    calls = calls_of(metrics)
    for _ in range(LIMIT):
        with pytest.raises(ProviderFailed):
            await calls.call(broken, deadline=time.monotonic() + 60.0)
    assert circuit_open(metrics)
    calls._circuit.rest_s = 0.0
    with pytest.raises(ProviderFailed, match="rejected the request"):
        await calls.call(rejected, deadline=time.monotonic() + 60.0)
    assert not circuit_open(metrics)


async def test_a_deadline_that_has_passed_is_not_blamed_on_the_provider() -> None:
    """It was not called."""
    with pytest.raises(ProviderFailed, match="no time was left to call p") as raised:
        await calls_of(Metrics()).call(hang, deadline=time.monotonic() - 1.0)
    assert raised.value.error_type == "timeout"
    assert not raised.value.down
