"""Old sessions make room: once an hour, if RR_ARTIFACTS_KEEP_DAYS says so."""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

import structlog

from chat_backend.storage.archive import SECONDS_A_DAY, Archive, Removal, prune
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

LOOK_EVERY_S: Final = 3600.0


async def keep_house(
    archive: Archive, settings: Settings, live: Callable[[], Collection[str]]
) -> None:
    """Remove old sessions, for ever; what is held open is tried again the next time."""
    while True:
        try:
            removals = await asyncio.to_thread(
                prune,
                archive,
                older_than_s=settings.artifacts_keep_days * SECONDS_A_DAY,
                session_limit_s=settings.events_session_limit_s,
                live=frozenset(live()),
            )
        except OSError as error:
            log.warning("old sessions not removed; tried again in an hour", reason=str(error))
        else:
            _tell(removals)
        await asyncio.sleep(LOOK_EVERY_S)


def _tell(removals: list[Removal]) -> None:
    held = sum(len(each.held) for each in removals)
    if removals:
        megabytes = round(sum(each.size_bytes for each in removals) / 1e6)
        log.info("old sessions removed", sessions=len(removals), megabytes=megabytes, held=held)
