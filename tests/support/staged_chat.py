"""A chat backend whose speech can be staged: which files break or hang, and how slowly it speaks.

It is the real backend with the real voice; only the finished WAV is spoiled, as a disk or a
careless hand might do it. What to spoil is read from ``stage.json`` beside the artifacts folder
before each utterance: ``break``, ``mute`` and ``hang`` list places as ``"<turn>:<slot or *>"`` (the
summary is ``4:0``),
``wait_s`` is how long each utterance waits, and ``words`` how many of its words are spoken. A file
that hangs is a pipe that nobody writes to: its
wave job begins and does not end (POSIX).

Every callback of the event loop that takes `LONG_CALLBACK_S` of the processor is logged.
"""

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from chat_backend.errors import SpeechFailed
from chat_backend.server import serve
from chat_backend.speech.engine import Speech
from chat_backend.speech.hibari import HibariSpeech
from chat_backend.speech.voices import Voices
from shared_schema.ids import VoiceProfile
from shared_schema.runtime.log.logs import configure_logging
from shared_schema.settings import load_settings

LONG_CALLBACK = "callback too long"
LONG_CALLBACK_S = 0.05
log = structlog.get_logger("chat")
PLACE = re.compile(r"turn_(\d)/slot-(\d)_")
SUMMARY = ("4", "0")


class StagedSpeech:
    """Speaks as the real voice does, and then does what the stage says."""

    def __init__(self, voice: Speech, stage: Path) -> None:
        self._voice = voice
        self._stage = stage

    async def start(self) -> None:
        await self._voice.start()

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        directions: dict[str, Any] = {}
        if self._stage.exists():
            directions = json.loads(self._stage.read_text("utf-8"))
        place = PLACE.search(path.as_posix())
        turn, slot = place.groups() if place is not None else SUMMARY
        here = {f"{turn}:{slot}", f"{turn}:*", "*:*"}
        await asyncio.sleep(directions.get("wait_s", 0))
        if here & set(directions.get("mute", ())):
            raise SpeechFailed("staged: no voice")
        spoken = " ".join(text.split()[: directions.get("words")])
        await self._voice.speak(spoken, profile, path)
        if here & set(directions.get("break", ())):
            path.write_bytes(b"this is no sound")
        if here & set(directions.get("hang", ())):
            path.unlink()
            os.mkfifo(path)

    def with_voices(self, voices: Voices) -> "StagedSpeech":
        return StagedSpeech(self._voice.with_voices(voices), self._stage)

    async def close(self) -> None:
        await self._voice.close()


def log_long_callbacks() -> None:
    """Measure processor time: how long a callback waits for a core says how busy the machine is."""
    run = asyncio.Handle._run

    def measured(handle: asyncio.Handle) -> None:
        before = time.thread_time()
        run(handle)
        took_s = time.thread_time() - before
        if took_s >= LONG_CALLBACK_S:
            log.warning(LONG_CALLBACK, took_s=round(took_s, 3), callback=repr(handle)[:300])

    asyncio.Handle._run = measured  # type: ignore[assignment, method-assign]


if __name__ == "__main__":
    log_long_callbacks()
    settings = load_settings()
    configure_logging(level=settings.log_level, form=settings.log_format, service="chat")
    voice = HibariSpeech(workers=settings.speech_workers)
    stage = settings.artifacts_dir.parent / "stage.json"
    sys.exit(serve(settings, speech=StagedSpeech(voice, stage)))
