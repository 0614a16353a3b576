"""Visitors' recordings and what was heard in them, where RR_STT_KEEP says that they are kept."""

import asyncio
import contextlib
import math
from pathlib import Path
from typing import Final

from chat_backend.storage.removal import remove_folders
from shared_schema.ids import is_session_id
from shared_schema.layout import HEARING_ROOT, Artifacts, files_below, is_folder, moved_into_place

TRANSCRIPT: Final = "transcript.json"


class KeptRecordings:
    """The folders ``stt/sessions/<id>`` below an artifacts folder. Never served."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    async def keep(
        self, stt_session_id: str, suffix: str, data: bytes, transcript: bytes
    ) -> tuple[str, str]:
        """Write a recording and its transcript; return their paths. Raises OSError.

        The recording's name ends with `suffix`, e.g. ``.webm``.
        """
        folder = f"{HEARING_ROOT}/{stt_session_id}"
        audio, text = f"{folder}/recording{suffix}", f"{folder}/{TRANSCRIPT}"
        await asyncio.to_thread(self._write, audio, data)
        await asyncio.to_thread(self._write, text, transcript)
        return audio, text

    def old(self, before: float) -> list[Path]:
        """Return the recordings from before a time, in seconds since 1970. Blocks."""
        folders: list[Path] = []
        with contextlib.suppress(OSError):
            folders += (self._artifacts.root / HEARING_ROOT).iterdir()
        ours = (each for each in sorted(folders) if is_session_id(each.name) and is_folder(each))
        return [each for each in ours if _written_at(each) < before]

    def prune(self, before: float) -> int:
        """Remove recordings from before a time, in seconds since 1970; return how many. Blocks."""
        return sum(not remove_folders([each]) for each in self.old(before))

    def _write(self, relative: str, data: bytes) -> None:
        with moved_into_place(self._artifacts.root / relative) as partial:
            partial.write_bytes(data)


def _written_at(folder: Path) -> float:
    """Return when a recording was kept, in seconds since 1970; never if it is gone.

    It was written at once, so its oldest time is right, whatever a copy did to the others.
    """
    times = []
    for path in (folder, *files_below(folder)):
        with contextlib.suppress(OSError):
            times.append(path.lstat().st_mtime)
    return min(times, default=math.inf)
