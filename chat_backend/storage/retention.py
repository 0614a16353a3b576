"""Removes old sessions: once an hour in the server, and for the command ``sessions prune``."""

import asyncio
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

import structlog
from msgspec import Struct

from chat_backend.storage.archive import Archive, Removal, StoredSession
from chat_backend.storage.recordings import KeptRecordings
from shared_schema.layout import Artifacts
from shared_schema.runtime.clock import LOOK_INTERVAL_S, PruneClock
from shared_schema.settings import SECONDS_A_DAY, Settings

log = structlog.get_logger("chat")


class Retention(Struct, frozen=True, kw_only=True):
    """Which sessions are old: their last file is older than that, and they are over."""

    older_than_s: float
    session_limit_s: float

    def is_old(self, stored: StoredSession, now: float) -> bool:
        """Return whether a session is to be removed at `now` (seconds since 1970)."""
        return (
            now - stored.changed_at > self.older_than_s
            and stored.has_folder
            and not stored.kept
            and not stored.is_live(now, self.session_limit_s)
        )


def prune_clock(archive: Archive, artifacts: Artifacts) -> PruneClock:
    """Return the clock by which sessions grow old."""
    return PruneClock(artifacts, "chat", archive.newest_trace)


async def prune_hourly(
    archive: Archive, settings: Settings, live: Callable[[], Collection[str]]
) -> None:
    """Remove old sessions, for ever; what is held open is tried again the next time."""
    artifacts = Artifacts(settings.artifacts_dir)
    housekeeping = _Housekeeping(
        archive,
        KeptRecordings(artifacts),
        Retention(
            older_than_s=settings.artifacts_keep_days * SECONDS_A_DAY,
            session_limit_s=settings.events_session_limit_s,
        ),
        live,
    )
    clock = prune_clock(archive, artifacts)
    while True:
        try:
            await housekeeping.round(await asyncio.to_thread(clock.now))
        except Exception:  # whatever it is: without a next round nothing would be removed again
            log.exception("old sessions not removed; tried again in an hour")
        await asyncio.sleep(LOOK_INTERVAL_S)


class _Housekeeping:
    """One process's rounds; odd sessions are named in the first that finds them."""

    def __init__(
        self,
        archive: Archive,
        recordings: KeptRecordings,
        retention: Retention,
        live: Callable[[], Collection[str]],
    ) -> None:
        self._archive = archive
        self._recordings = recordings
        self._retention = retention
        self._live = live
        self._named: set[str] = set()

    async def round(self, now: float) -> None:
        """Remove what is old at `now`, in seconds since 1970."""
        removals: list[Removal] = []
        # One at a time, so that the server's work goes on in between, and its end waits for one.
        for session_id in await asyncio.to_thread(self._archive.ids):
            if session_id in self._live():
                continue
            try:
                stored = await asyncio.to_thread(self._archive.stored, session_id)
                if self._retention.is_old(stored, now):
                    removals.append(await asyncio.to_thread(self._archive.remove, stored))
                oddity = stored.oddity
            except Exception as error:
                # Whatever it is, the other sessions do not depend on it.
                oddity = repr(error)
            if oddity and session_id not in self._named:
                self._named.add(session_id)
                log.warning("odd session", session=session_id, reason=oddity)
        before = now - self._retention.older_than_s
        recordings = await asyncio.to_thread(self._recordings.prune, before)
        if removals or recordings:
            log.info(
                "old sessions removed",
                sessions=len(removals),
                megabytes=round(sum(each.size_bytes for each in removals) / 1e6),
                left=sum(len(each.left) for each in removals),
                recordings=recordings,
            )


def free_gb(folder: Path) -> float:
    """Return the free space where `folder` is or will be, in 10^9 bytes."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e9
