"""Two chat backends on one bus: an alarm, and neither is lost for ever."""

import asyncio
from pathlib import Path

import httpx

from tests.support.client import backend, listening
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.sessions import whole

WITHIN_S = 20.0


async def ready(show: System) -> list[str]:
    """Return what keeps the gateway from its work."""
    async with httpx.AsyncClient(**LOCAL) as http:
        reasons: list[str] = (await http.get(f"{show.gateway_url}/readyz")).json()["reasons"]
    return reasons


async def until_reasons(show: System, *, alarm: bool) -> None:
    """Wait until the alarm is raised, or gone."""
    async with asyncio.timeout(WITHIN_S):
        while any("two chat backends" in each for each in await ready(show)) != alarm:
            await asyncio.sleep(0.1)


async def test_a_second_backend_is_an_alarm_and_the_first_comes_back(tmp_path: Path) -> None:
    """The second one is heard while it lives; after its end the first one is, without a restart."""
    with system(tmp_path, bus_silence_s=2.0) as show:
        show.gateway()
        async with (
            listening(show.events_url) as touchdesigner,
            backend(show.bus_url, show.artifacts) as first,
        ):
            first.tell(whole(1))
            assert len(await touchdesigner.told()) == 3
            async with backend(show.bus_url, show.artifacts, epoch="second") as second:
                await until_reasons(show, alarm=True)
                second.tell(whole(2))
                assert len(await touchdesigner.told()) == 3
            await until_reasons(show, alarm=False)
            first.tell(whole(3))
            assert len(await touchdesigner.told(whole(3).session_id)) == 3
        log = show.processes[0].log
        assert log.count("kind=second_backend") == 1
