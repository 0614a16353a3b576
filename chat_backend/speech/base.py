"""What the workflow needs of a speech engine."""

from pathlib import Path
from typing import Protocol

from msgspec import Struct

from shared_schema.ids import VoiceProfile


class StoodIn(Struct, frozen=True, kw_only=True):
    """The engine that spoke instead of the chosen one, and why."""

    engine: str
    reason: str


class Speech(Protocol):
    """Speaks texts. One instance serves all slots at once."""

    async def start(self) -> None:
        """Load what is needed, so that the first utterance is not slower than the others."""

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> StoodIn | None:
        """Write `text` as a mono PCM_16 WAV to `path`, whole or not at all.

        Returns who stood in, if the chosen engine could not speak it. The file is written beside
        its name and moved into place; missing parent folders are made. The event loop is never
        blocked.

        Raises
        ------
        SpeechFailed
            If the text is empty or holds nothing that can be spoken, or the file can't be written.
        """

    async def close(self) -> None:
        """Let running utterances end and give back what was loaded."""
