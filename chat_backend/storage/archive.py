"""Lists, exports and removes the sessions on disk, and writes their ``session.json``."""

import asyncio
import contextlib
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct

from chat_backend.storage.leftovers import files_below
from shared_schema.ids import is_session_id
from shared_schema.layout import SPEECH_ROOT, WAVES_ROOT, Artifacts, moved_into_place, session_file
from shared_schema.session_document import SessionDocument, encode_document, read_document
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

EVENTS_FILE: Final = "events.jsonl"
SECONDS_A_DAY: Final = 86_400.0
PRUNE_INTERVAL_S: Final = 3600.0


class StoredSession(Struct, frozen=True, kw_only=True):
    """A session's files. `changed_at` is when the last one came, in seconds since 1970."""

    session_id: str
    document: SessionDocument | None
    changed_at: float
    size_bytes: int

    def is_live(self, now: float, limit_s: float) -> bool:
        """Return whether it may still be under way; one that is older than the limit is not."""
        over = self.document is not None and self.document.settled
        return not over and now - self.changed_at < limit_s


class Removal(Struct, frozen=True, kw_only=True):
    """What became of a session's files; `held` are open elsewhere and stay for now."""

    session_id: str
    size_bytes: int
    held: tuple[Path, ...]


class Archive:
    """The session folders below an artifacts folder. Everything here blocks."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def sessions(self) -> list[StoredSession]:
        """Return every session that has a file, newest first."""
        found = [self._stored(session_id) for session_id in self._ids()]
        return sorted(found, key=lambda each: each.changed_at, reverse=True)

    def matching(self, beginning: str) -> list[StoredSession]:
        """Return the sessions whose id begins so."""
        return [self._stored(each) for each in sorted(self._ids()) if each.startswith(beginning)]

    def remove(self, session: StoredSession) -> Removal:
        """Delete a session's files; its session.json goes last, when nothing else is left."""
        folders = self._folders(session.session_id)
        last = self._artifacts.path(session_file(session.session_id))
        files = [path for folder in folders for path in files_below(folder) if path != last]
        held = [path for path in files if not _deleted(path)]
        if not held and not _deleted(last):
            held.append(last)
        for folder in folders:
            for path, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):  # not empty
                    Path(path).rmdir()
        return Removal(
            session_id=session.session_id, size_bytes=session.size_bytes, held=tuple(held)
        )

    def export(self, session: StoredSession, target: Path, events: Sequence[str]) -> None:
        """Write one zip with the speech, the waves, session.json and the events.

        Raises
        ------
        OSError
            If the target can't be written.
        """
        speech, waves = self._folders(session.session_id)
        with (
            moved_into_place(target) as partial,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for folder, name in ((speech, "speech"), (waves, "waves")):
                for path in sorted(folder.rglob("*.wav")):
                    archive.write(path, f"{name}/{path.relative_to(folder).as_posix()}")
            document = self._artifacts.path(session_file(session.session_id))
            if document.is_file():
                archive.write(document, document.name)
            archive.writestr(EVENTS_FILE, "".join(f"{event}\n" for event in events))

    def _ids(self) -> set[str]:
        found: set[str] = set()
        for root in (SPEECH_ROOT, WAVES_ROOT):
            with contextlib.suppress(OSError), os.scandir(self._artifacts.root / root) as entries:
                found |= {
                    entry.name
                    for entry in entries
                    if is_session_id(entry.name) and entry.is_dir(follow_symlinks=False)
                }
        return found

    def _folders(self, session_id: str) -> tuple[Path, Path]:
        root = self._artifacts.root
        return root / SPEECH_ROOT / session_id, root / WAVES_ROOT / session_id

    def _stored(self, session_id: str) -> StoredSession:
        size, changed_at = 0, 0.0
        for folder in self._folders(session_id):
            for path in files_below(folder):
                with contextlib.suppress(OSError):
                    status = path.stat()
                    size += status.st_size
                    changed_at = max(changed_at, status.st_mtime)
            if not size:
                with contextlib.suppress(OSError):
                    changed_at = max(changed_at, folder.stat().st_mtime)
        return StoredSession(
            session_id=session_id,
            document=read_document(self._artifacts.path(session_file(session_id))),
            changed_at=changed_at,
            size_bytes=size,
        )


def write_document(path: Path, content: SessionDocument) -> None:
    """Write a ``session.json``, whole or not at all. Blocks; raises OSError."""
    with moved_into_place(path) as partial:
        partial.write_bytes(encode_document(content))


async def prune_hourly(
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
            if removals:
                log.info(
                    "old sessions removed",
                    sessions=len(removals),
                    megabytes=round(sum(each.size_bytes for each in removals) / 1e6),
                    held=sum(len(each.held) for each in removals),
                )
        await asyncio.sleep(PRUNE_INTERVAL_S)


def prune(
    archive: Archive, *, older_than_s: float, session_limit_s: float, live: frozenset[str]
) -> list[Removal]:
    """Remove sessions whose last file is older than that, never one that is live."""
    now = time.time()
    return [archive.remove(each) for each in old(archive, now, older_than_s, session_limit_s, live)]


def old(
    archive: Archive, now: float, older_than_s: float, session_limit_s: float, live: frozenset[str]
) -> list[StoredSession]:
    """Return what `prune` would remove at `now`."""
    return [
        each
        for each in archive.sessions()
        if now - each.changed_at > older_than_s
        and each.session_id not in live
        and not each.is_live(now, session_limit_s)
    ]


def free_gb(folder: Path) -> float:
    """Return the free space where `folder` is or will be, in 10^9 bytes."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e9


def _deleted(path: Path) -> bool:
    """Delete a file; return whether it is gone: one held open (Windows) or not ours stays."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
