"""Visitors' recordings and what was heard in them, where RR_STT_KEEP says that they are kept."""

import asyncio
import contextlib
import os
import shutil
from typing import Final

from shared_schema.ids import is_session_id
from shared_schema.layout import HEARING_ROOT, Artifacts, moved_into_place

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

    def prune(self, before: float) -> int:
        """Remove recordings from before a time, in seconds since 1970; return how many. Blocks."""
        removed = 0
        with contextlib.suppress(OSError), os.scandir(self._artifacts.root / HEARING_ROOT) as all_:
            for entry in all_:
                # Of a link only the link, of what is held open nothing, until the next time.
                with contextlib.suppress(OSError):
                    if not is_session_id(entry.name):
                        continue
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        shutil.rmtree(entry.path)
                        removed += 1
        return removed

    def _write(self, relative: str, data: bytes) -> None:
        with moved_into_place(self._artifacts.root / relative) as partial:
            partial.write_bytes(data)
