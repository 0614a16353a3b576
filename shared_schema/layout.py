"""Builds the path of every file of a session, relative to the artifacts folder.

Relative paths use forward slashes on every platform; they are what the bus and the events carry.
"""

import os
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from msgspec import Meta

from shared_schema.decoding import InvalidSetting, OutsideArtifacts
from shared_schema.ids import AGENT_IDS, VOICE_PROFILES, AgentId, TurnIndex, VoiceProfile

# Relative, forward slashes, and only what the functions below write: no drive letter, no control
# character, no step that is empty or begins with a dot. Two of these are read with every fact, so
# the classes are plain ASCII and the repeats possessive, which more than halves the matching.
_STEP: Final = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*+"
RelPath = Annotated[str, Meta(pattern=rf"\A{_STEP}(?:/{_STEP})*+\Z", max_length=512)]

WavePart = Literal["wave1", "wave2", "wave3", "wave4", "wave5", "wave6", "wave_mix"]
# Of an utterance, and of a summary: one for each physical slot, in their order.
WAVE_NAMES: Final[tuple[WavePart, ...]] = ("wave1", "wave2", "wave3")
SUMMARY_WAVE_NAMES: Final[tuple[WavePart, ...]] = (*WAVE_NAMES, "wave4", "wave5", "wave6")
WAVE_MIX: Final[WavePart] = "wave_mix"

SPEECH_ROOT: Final = "tts/sessions"
WAVES_ROOT: Final = "waves/sessions"
SESSION_ROOTS: Final = (SPEECH_ROOT, WAVES_ROOT)
KEPT_FILE: Final = "kept"
# Visitors' recordings, if they are kept at all. Never served.
HEARING_ROOT: Final = "stt/sessions"
GATEWAY_DIR: Final = "gateway"
RUN_DIR: Final = "run"
# The end of the name of a file that is not whole yet.
PARTIAL_SUFFIX: Final = ".tmp"
# Windows' prefixes of a path, and of one on another machine.
_EXTENDED: Final = "\\\\?\\"
_EXTENDED_SHARE: Final = "\\\\?\\UNC\\"
_SHARE: Final = "\\\\"
SESSION_ID_CHARS: Final = 36
# A scanner or a sync client holds a new file for some tens of milliseconds, and on Windows it can
# then be neither replaced nor deleted.
HELD_TIMEOUT_S: Final = 1.0 if sys.platform == "win32" else 0.0
HELD_INTERVAL_S: Final = 0.02


def session_file(session_id: str) -> str:
    """Return the path of a session's ``session.json``."""
    return f"{SPEECH_ROOT}/{session_id}/session.json"


def kept_file(session_id: str) -> str:
    """Return the path of the mark that exempts a session from retention."""
    return f"{SPEECH_ROOT}/{session_id}/{KEPT_FILE}"


def speech_path(
    session_id: str,
    turn: TurnIndex,
    slot_id: int,
    agent_id: AgentId,
    profile: VoiceProfile,
    *,
    target_slot_id: int | None = None,
) -> str:
    """Return the path of one utterance's speech; a comment (turn 2) names its target slot."""
    if turn == 2 and target_slot_id is None:
        raise ValueError("a comment's file name needs target_slot_id")
    role = {1: "", 2: f"comment_to_slot-{target_slot_id}_", 3: "reply_"}[turn]
    name = f"slot-{slot_id}_{role}{agent_id}_{profile}.wav"
    return f"{SPEECH_ROOT}/{session_id}/turn_{turn}/{name}"


def summary_speech_path(session_id: str, profile: VoiceProfile) -> str:
    """Return the path of the summary's speech."""
    return f"{SPEECH_ROOT}/{session_id}/summary/summary_{profile}.wav"


def wave_file_name(speech_stem: str, part: WavePart) -> str:
    """Return the file name of one wave of the speech file with this stem."""
    return f"{speech_stem}_v3_{part}.wav"


def wave_path(speech: str, part: WavePart) -> str:
    """Return the path of one wave of the utterance or summary whose speech lies at `speech`."""
    path = PurePosixPath(speech)
    folder = PurePosixPath(WAVES_ROOT) / path.parent.relative_to(SPEECH_ROOT)
    return str(folder / wave_file_name(path.stem, part))


def resolved(path: Path) -> Path:
    """Return an absolute path without links.

    On Windows, Python leaves its prefix for long paths if a folder of the path is made meanwhile,
    by another thread or program. No other path of ours has it, so this one would lead elsewhere.
    """
    found = str(path.resolve())
    if found.startswith(_EXTENDED) and not str(path).startswith(_EXTENDED):
        share = found.removeprefix(_EXTENDED_SHARE)
        found = found.removeprefix(_EXTENDED) if share == found else _SHARE + share
    return Path(found)


def is_link(path: Path) -> bool:
    """Return whether a path is a link, or on Windows a junction; false if there is nothing."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return False
    # Python calls a junction a link since 3.12 only.
    is_junction = sys.platform == "win32" and (
        status.st_reparse_tag == stat.IO_REPARSE_TAG_MOUNT_POINT
    )
    return is_junction or stat.S_ISLNK(status.st_mode)


def is_regular(path: Path) -> bool:
    """Return whether a path is a file: no link, folder, pipe or device, which might block."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder: no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode) and not is_link(path)
    except (OSError, ValueError):
        return False


def folders_below(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield a folder and all in it, outer ones first, each with its files and links.

    No link is followed, also not in place of `folder`. `os.walk` would follow junctions, and call
    itself for each level, before Python 3.12.
    """
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        if is_link(path):
            continue
        files: list[Path] = []
        with suppress(OSError), os.scandir(path) as entries:
            for entry in entries:
                inner = path / entry.name
                is_inner = entry.is_dir(follow_symlinks=False) and not is_link(inner)
                (waiting if is_inner else files).append(inner)
        yield path, files


def files_below(folder: Path) -> Iterator[Path]:
    """Yield every file and link in a folder and the folders in it; follow no link, also not it."""
    for _, files in folders_below(folder):
        yield from files


def longest_path_chars() -> int:
    """Return the length of the longest path below the artifacts folder: the mix of a comment."""
    speech = speech_path(
        "0" * SESSION_ID_CHARS,
        2,
        1,
        max(AGENT_IDS, key=len),
        max(VOICE_PROFILES, key=len),
        target_slot_id=2,
    )
    return len(wave_path(speech, WAVE_MIX))


class Artifacts:
    """The artifacts folder of this machine, and the only way from relative to absolute paths."""

    def __init__(self, root: Path) -> None:
        try:
            self.root = resolved(root.expanduser())
        except (OSError, RuntimeError) as error:
            raise InvalidSetting(f"RR_ARTIFACTS_DIR={root} leads nowhere: {error}") from None
        self._prefix = self.root.as_posix().rstrip("/") + "/"

    def absolute(self, relative: str) -> str:
        """Return the absolute path, with forward slashes, of a path that was checked on entry."""
        return self._prefix + relative

    def is_kept(self, session_id: str) -> bool:
        """Return whether a session is exempt from retention; what a link points at is not asked."""
        mark = self.root / kept_file(session_id)
        return is_regular(mark) and not is_link(mark.parent)

    def require_own_folders(self) -> None:
        """Refuse links in place of our folders, and files in place of the sessions': not ours.

        A file in place of the others is moved aside or named by who writes there.

        Raises
        ------
        InvalidSetting
            Naming what is there and the remedy.
        """
        roots = [Path(self.root, each) for each in (*SESSION_ROOTS, HEARING_ROOT)]
        folders = (self.root, *(each for root in roots for each in (root.parent, root)))
        foreign = [each for each in folders if os.path.lexists(each) and not is_folder(each)]
        foreign += filter(is_link, (self.root / GATEWAY_DIR, self.root / RUN_DIR))
        for folder in foreign:
            what = "a link" if is_link(folder) else "no folder"
            raise InvalidSetting(
                f"{folder} is {what}: make it a folder, or let RR_ARTIFACTS_DIR be the folder"
                " where the sessions are"
            )

    def path(self, relative: str) -> Path:
        """Return the file at `relative`, links resolved.

        Raises
        ------
        OutsideArtifacts
            If it is absolute, climbs out with ``..`` or leads out through a link.
        """
        try:
            found = resolved(self.root / relative)
        except (OSError, ValueError, RuntimeError) as error:
            raise OutsideArtifacts(f"not a path: {relative!r}") from error
        if not found.is_relative_to(self.root):
            raise OutsideArtifacts(f"{relative!r} leads out of the artifacts folder")
        return found


@contextmanager
def moved_into_place(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a name beside `path` to write to; on leaving, the file there becomes `path`.

    The folder is made if it is missing. After an exception nothing is left behind. With `sync` the
    bytes are on the disk before the name is: a power cut leaves no empty file under it.

    Raises
    ------
    OSError
        If the folder cannot be made or written, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Shorter than the file's own name, which may be as long as Windows allows.
    name = f"{zlib.crc32(path.name.encode()):08x}.{os.getpid()}{PARTIAL_SUFFIX}"
    partial = path.with_name(name)
    if is_link(partial):
        partial.unlink()  # it would be written through
    try:
        yield partial
        if sync:
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        _replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _replace(partial: Path, path: Path) -> None:
    """Give a file its name; on Windows for as long as somebody reads what had it before."""
    give_up_at = time.monotonic() + HELD_TIMEOUT_S
    while True:
        try:
            partial.replace(path)
        except PermissionError:
            if time.monotonic() >= give_up_at:
                raise
            time.sleep(HELD_INTERVAL_S)
        else:
            return
