"""Speech engines, and the embedded voice as the fallback of another."""

from pathlib import Path
from typing import Final, Protocol

import structlog
from msgspec import Struct

from chat_backend.errors import SpeechFailed
from chat_backend.providers.usage import Account
from chat_backend.speech.voices import Voices
from shared_schema.ids import VoiceProfile

log = structlog.get_logger("chat")

EMBEDDED: Final = "hibari"


class FallbackUsed(Struct, frozen=True, kw_only=True):
    """The engine that spoke instead of the chosen one, and why."""

    engine: str
    reason: str


class Speech(Protocol):
    """Turns texts into speech. One instance serves all slots at once."""

    async def start(self) -> None:
        """Load everything, so that the first utterance is not slower than the others."""

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> FallbackUsed | None:
        """Write `text` as a mono PCM_16 WAV to `path`, completely or not at all.

        Returns the fallback that spoke, if the chosen engine failed. The file is written under
        another name and moved into place; missing parent folders are made. The event loop is never
        blocked.

        Raises
        ------
        SpeechFailed
            If the text is empty or contains nothing to speak, or the file cannot be written.
        """

    def with_voices(self, voices: Voices) -> "Speech":
        """Return the same engine with other voices; both share what `start` loads."""

    async def close(self) -> None:
        """Wait for running utterances, and release all resources."""


class SpeechWithFallback:
    """Speaks with `chosen`, if there is one, and with the embedded voice if that fails."""

    def __init__(
        self, embedded: Speech, account: Account, chosen: tuple[Speech, Account] | None = None
    ) -> None:
        self._embedded = embedded
        self._account = account
        self._chosen = chosen

    async def start(self) -> None:
        """Start both."""
        if self._chosen:
            await self._chosen[0].start()
        await self._embedded.start()

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> FallbackUsed | None:
        """Write the speech; return the fallback that spoke, if any.

        Raises
        ------
        SpeechFailed
            If both fail.
        """
        if self._chosen is None:
            await self._speak_embedded(text, profile, path)
            return None
        speech, account = self._chosen
        try:
            return await speech.speak(text, profile, path)
        except SpeechFailed as error:
            reason = str(error)
        try:
            await self._speak_embedded(text, profile, path)
        except SpeechFailed as error:
            raise SpeechFailed(f"{reason}; and {EMBEDDED}: {error}") from None
        log.warning("speech fell back", engine=EMBEDDED, reason=reason, file=path.name)
        account.fallback()
        return FallbackUsed(engine=EMBEDDED, reason=reason)

    def with_voices(self, voices: Voices) -> "SpeechWithFallback":
        """Return the same engines, the chosen one with other voices."""
        chosen = self._chosen and (self._chosen[0].with_voices(voices), self._chosen[1])
        return SpeechWithFallback(self._embedded, self._account, chosen)

    async def _speak_embedded(self, text: str, profile: VoiceProfile, path: Path) -> None:
        with self._account.timed():
            await self._embedded.speak(text, profile, path)
        self._account.characters(len(text))

    async def close(self) -> None:
        """Close both."""
        if self._chosen:
            await self._chosen[0].close()
        await self._embedded.close()
