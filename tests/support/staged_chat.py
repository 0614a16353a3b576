"""A chat backend whose speech can be staged: which files break or hang, and how slowly it speaks.

It is the real backend with the real voice; only the finished WAV is spoiled, as a disk or a
careless hand might do it. What to spoil is read from ``stage.json`` beside the artifacts folder
before each utterance: ``break``, ``mute`` and ``hang`` list places as ``"<turn>:<slot or *>"``, and
``wait_s`` is how long each utterance waits. A file that hangs is a pipe that nobody writes to: its
wave job begins and does not end (POSIX).
"""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from chat_backend.errors import SpeechFailed
from chat_backend.server import serve
from chat_backend.speech.engine import Speech
from chat_backend.speech.hibari import HibariSpeech
from shared_schema.ids import VoiceProfile
from shared_schema.runtime.process.logs import configure_logging
from shared_schema.settings import load_settings

SLOW_CALLBACK_S = 0.05
PLACE = re.compile(r"turn_(\d)/slot-(\d)_")


class StagedSpeech:
    """Speaks as the real voice does, and then does what the stage says."""

    def __init__(self, voice: Speech, stage: Path) -> None:
        self._voice = voice
        self._stage = stage

    async def start(self) -> None:
        await self._voice.start()
        asyncio.get_running_loop().slow_callback_duration = SLOW_CALLBACK_S

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        directions: dict[str, Any] = {}
        if self._stage.exists():
            directions = json.loads(self._stage.read_text("utf-8"))
        place = PLACE.search(path.as_posix())
        assert place is not None
        turn, slot = place.groups()
        here = {f"{turn}:{slot}", f"{turn}:*", "*:*"}
        await asyncio.sleep(directions.get("wait_s", 0))
        if here & set(directions.get("mute", ())):
            raise SpeechFailed("staged: no voice")
        await self._voice.speak(text, profile, path)
        if here & set(directions.get("break", ())):
            path.write_bytes(b"this is no sound")
        if here & set(directions.get("hang", ())):
            path.unlink()
            os.mkfifo(path)

    async def close(self) -> None:
        await self._voice.close()


if __name__ == "__main__":
    settings = load_settings()
    configure_logging(level=settings.log_level, form=settings.log_format, service="chat")
    voice = HibariSpeech(workers=settings.speech_workers)
    stage = settings.artifacts_dir.parent / "stage.json"
    sys.exit(serve(settings, speech=StagedSpeech(voice, stage)))
