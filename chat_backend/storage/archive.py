"""Lists, exports and removes the sessions on disk, and writes their ``session.json``.

No link is followed: what it points at is neither read nor removed.
"""

import contextlib
import errno
import os
import time
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from chat_backend.storage.removal import Left, remove_folders
from shared_schema.ids import is_session_id
from shared_schema.layout import (
    HEARING_ROOT,
    KEPT_FILE,
    SESSION_ROOTS,
    Artifacts,
    files_below,
    folders_below,
    is_folder,
    is_link,
    is_regular,
    kept_file,
    moved_into_place,
    session_file,
)
from shared_schema.session_document import (
    OddSession,
    SessionDocument,
    document_of,
    encode_document,
)
from shared_schema.small_files import make_empty

EVENTS_FILE: Final = "events.jsonl"
# We write one; a person may have sorted something into more.
NESTED_MAX: Final = 8


class StoredSession(Struct, frozen=True, kw_only=True):
    """A session's files. `changed_at` is when the last one came, in seconds since 1970.

    `recording_id` names the recording of its question, which may be kept. `has_folder` is false if
    there are links only. `oddity` says what is not as the backend wrote it; empty if nothing is.
    """

    session_id: str
    document: SessionDocument | None
    changed_at: float
    size_bytes: int
    has_folder: bool
    kept: bool = False
    recording_id: str | None = None
    oddity: str = ""

    def is_live(self, now: float, limit_s: float) -> bool:
        """Return whether it may still be under way; one that is older than the limit is not."""
        over = self.document is not None and self.document.settled
        return not over and now - self.changed_at < limit_s


class Removal(Struct, frozen=True, kw_only=True):
    """What became of a session's files. `found` is false if there was nothing."""

    session_id: str
    size_bytes: int
    found: bool
    left: tuple[Left, ...]


class Archive:
    """The session folders below an artifacts folder. Everything here blocks."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def ids(self) -> list[str]:
        """Return the id of every session that has a folder or a link in place of one."""
        found: set[str] = set()
        for root in SESSION_ROOTS:
            with contextlib.suppress(OSError), os.scandir(self._artifacts.root / root) as entries:
                found |= {entry.name for entry in entries if is_session_id(entry.name)}
        return sorted(found)

    def newest_trace(self) -> float:
        """Return the newest time of a session's folder, in seconds since 1970; 0 without any."""
        newest = 0.0
        for root in SESSION_ROOTS:
            folder = self._artifacts.root / root
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                times = (entry.stat(follow_symlinks=False).st_mtime for entry in entries)
                newest = max(newest, folder.stat().st_mtime, *times)
        return newest

    def sessions(self) -> list[StoredSession]:
        """Return every session, newest first."""
        found = map(self.stored, self.ids())
        return sorted(found, key=lambda each: each.changed_at, reverse=True)

    def matching(self, beginning: str) -> list[StoredSession]:
        """Return the sessions whose id begins so."""
        return [self.stored(each) for each in self.ids() if each.startswith(beginning)]

    def stored(self, session_id: str) -> StoredSession:
        """Return what there is of a session; an odd one raises nothing."""
        document, oddity = None, ""
        try:
            document = document_of(self._artifacts, session_id)
        except OddSession as odd:
            oddity = str(odd)
        folders = self._folders(session_id)
        files: list[Path] = []
        for folder in folders:
            if not is_folder(folder) and os.path.lexists(folder):
                oddity = oddity or f"{folder} is a link, or no folder"
            for path, inside in folders_below(folder):
                if len(path.parts) - len(folder.parts) > NESTED_MAX:
                    oddity = oddity or f"{folder} has folders nested more than {NESTED_MAX} deep"
                files += (each for each in inside if each.name != KEPT_FILE)
        found = _statuses(files)
        return StoredSession(
            session_id=session_id,
            document=document,
            changed_at=_last_change(found, _statuses(folders)),
            size_bytes=sum(each.st_size for each in found),
            has_folder=any(map(is_folder, folders)),
            kept=self._artifacts.is_kept(session_id),
            recording_id=document.recording_id if document is not None else None,
            oddity=oddity,
        )

    def remove(self, session: StoredSession) -> Removal:
        """Delete a session's files; its session.json goes last, when nothing else is left.

        So is a kept recording of its question, and one that has this id itself.
        """
        recordings = {session.session_id, session.recording_id or session.session_id}
        folders = list(self._folders(session.session_id))
        folders += (self._artifacts.root / HEARING_ROOT / each for each in sorted(recordings))
        return Removal(
            session_id=session.session_id,
            size_bytes=session.size_bytes,
            found=any(map(os.path.lexists, folders)),
            left=remove_folders(
                folders, last=self._artifacts.root / session_file(session.session_id)
            ),
        )

    def keep(self, session: StoredSession, *, kept: bool) -> None:
        """Exempt a session from retention, in the gateway as well, or do so no longer.

        Raises
        ------
        OSError
            If its folder can't be written, or the mark's place is taken by something else.
        """
        mark = self._artifacts.root / kept_file(session.session_id)
        if is_link(mark.parent):
            raise NotADirectoryError(errno.ENOTDIR, "is a link", str(mark.parent))
        if not kept:
            mark.unlink(missing_ok=True)
            return
        mark.parent.mkdir(parents=True, exist_ok=True)
        make_empty(mark)

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
            # A file may claim to be from before 1980, which a zip cannot express.
            zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive,
        ):
            for folder, name in ((speech, "speech"), (waves, "waves")):
                for path in sorted(files_below(folder)):
                    # Our own names are ASCII; others may not even be text.
                    if path.suffix == ".wav" and path.name.isascii() and is_regular(path):
                        archive.write(path, f"{name}/{path.relative_to(folder).as_posix()}")
            if session.document is not None:
                document = encode_document(session.document)
                archive.writestr(Path(session_file(session.session_id)).name, document)
            archive.writestr(EVENTS_FILE, "".join(f"{event}\n" for event in events))

    def _folders(self, session_id: str) -> tuple[Path, ...]:
        return tuple(self._artifacts.root / root / session_id for root in SESSION_ROOTS)


def write_document(path: Path, content: SessionDocument) -> None:
    """Write a ``session.json``, whole or not at all. Blocks; raises OSError."""
    with moved_into_place(path) as partial:
        partial.write_bytes(encode_document(content))


def _statuses(paths: Iterable[Path]) -> list[os.stat_result]:
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            found.append(path.lstat())
    return found


def _last_change(files: list[os.stat_result], folders: list[os.stat_result]) -> float:
    """Return when the last file came, in seconds since 1970; 0 if there is nothing.

    A wrong clock or a copy may leave times in the future, with which a session would never be old:
    they count only if there is no other, and then as now.
    """
    now = time.time()
    for statuses in (files, folders):
        past = [each.st_mtime for each in statuses if each.st_mtime <= now]
        if past:
            return max(past)
    return now if files or folders else 0.0
