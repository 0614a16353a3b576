"""Visitors' recordings and what was heard in them, where RR_STT_KEEP says that they are kept."""

import asyncio
import contextlib
import os
import shutil
import time
from typing import Final

import structlog

from chat_backend.hearing.recording import SUFFIXES
from shared_schema.ids import is_session_id
from shared_schema.layout import HEARING_ROOT, Artifacts, moved_into_place

log = structlog.get_logger("chat")

SECONDS_A_DAY: Final = 86_400.0
PRUNE_INTERVAL_S: Final = 3600.0


class KeptRecordings:
    """The folders ``stt/sessions/<id>`` below an artifacts folder. Never served."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    async def keep(
        self, stt_session_id: str, container: str, data: bytes, transcript: bytes
    ) -> tuple[str, str]:
        """Write a recording and its transcript; return their paths. Raises OSError."""
        folder = f"{HEARING_ROOT}/{stt_session_id}"
        audio, text = f"{folder}/recording{SUFFIXES[container]}", f"{folder}/transcript.json"
        await asyncio.to_thread(self._write, audio, data)
        await asyncio.to_thread(self._write, text, transcript)
        return audio, text

    def _write(self, relative: str, data: bytes) -> None:
        with moved_into_place(self._artifacts.path(relative)) as partial:
            partial.write_bytes(data)

    def prune(self, *, older_than_s: float) -> int:
        """Remove recordings that are older than that; return how many. Blocks."""
        limit = time.time() - older_than_s
        removed = 0
        with contextlib.suppress(OSError), os.scandir(self._artifacts.root / HEARING_ROOT) as all_:
            for entry in all_:
                with contextlib.suppress(OSError):
                    if is_session_id(entry.name) and entry.stat().st_mtime < limit:
                        shutil.rmtree(entry.path)
                        removed += 1
        return removed

    async def prune_hourly(self, keep_days: float) -> None:
        """Do so for ever; what is held open is tried again the next time."""
        while True:
            removed = await asyncio.to_thread(self.prune, older_than_s=keep_days * SECONDS_A_DAY)
            if removed:
                log.info("old recordings removed", recordings=removed)
            await asyncio.sleep(PRUNE_INTERVAL_S)
