"""What holds for all tests."""

import asyncio
from collections.abc import Callable

from hypothesis import HealthCheck, settings

# How long an example takes says how busy the machine is.
settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the loop of the servers, on every system: ZeroMQ cannot be read in Windows' own."""
    return {"selector": asyncio.SelectorEventLoop}
