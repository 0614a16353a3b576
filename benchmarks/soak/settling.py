"""Waits until a show that nobody visits any more has told and written down everything."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from benchmarks.soak.show import PACKAGES, Show, until
from benchmarks.soak.trouble import Outage
from benchmarks.soak.truth import Known, ended_by

SETTLED_WITHIN_S: Final = 90.0
# What came twice would come after all that is due.
AFTERWARDS_S: Final = 2.0


async def settle(
    show: Show, sessions: Callable[[], list[Known]], outages: list[Outage]
) -> list[str]:
    """Wait until every session is over and told; return what still is not."""
    for package in PACKAGES:
        await show.until_ready(package)

    async def under_way() -> list[str]:
        open_files = [
            f"{each.session_id}: session.json never settled"
            for each in sessions()
            if each.settled_at == float("inf") and ended_by(each, outages) is None
        ]
        live = await show.live_sessions()
        return open_files + [f"{each}: still open at the gateway" for each in live]

    async def over() -> bool:
        return not await under_way()

    with contextlib.suppress(TimeoutError):
        await until(over, "all told", within_s=SETTLED_WITHIN_S)
    await asyncio.sleep(AFTERWARDS_S)
    return await under_way()
