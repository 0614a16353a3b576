"""An engine that can fail, and the embedded voice, which speaks what it could not."""

from pathlib import Path
from typing import Final

import structlog

from chat_backend.errors import SpeechFailed
from chat_backend.providers.accounts import Account
from chat_backend.speech.base import Speech, StoodIn
from shared_schema.ids import VoiceProfile

log = structlog.get_logger("chat")

EMBEDDED: Final = "hibari"


class SpeechWithFallback:
    """Speaks with `chosen`; what it can't speak for good, `embedded` does, and it is said so."""

    def __init__(self, chosen: Speech, embedded: Speech, account: Account) -> None:
        self._chosen = chosen
        self._embedded = embedded
        self._account = account

    async def start(self) -> None:
        """Start both."""
        await self._chosen.start()
        await self._embedded.start()

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> StoodIn | None:
        """Write the speech, and return who stood in, if anybody did.

        Raises
        ------
        SpeechFailed
            If neither could speak it.
        """
        try:
            return await self._chosen.speak(text, profile, path)
        except SpeechFailed as error:
            first = error
        try:
            await self._embedded.speak(text, profile, path)
        except SpeechFailed as error:
            raise SpeechFailed(f"{first}; and {EMBEDDED}: {error}") from None
        log.warning("speech fell back", engine=EMBEDDED, reason=str(first), file=path.name)
        self._account.fallback()
        return StoodIn(engine=EMBEDDED, reason=str(first))

    async def close(self) -> None:
        """Close both."""
        await self._chosen.close()
        await self._embedded.close()


class CountedSpeech:
    """An embedded engine whose utterances are counted as a provider's are."""

    def __init__(self, engine: Speech, account: Account) -> None:
        self._engine = engine
        self._account = account

    async def start(self) -> None:
        """Start it."""
        await self._engine.start()

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> StoodIn | None:
        """Write the speech and count it."""
        with self._account.timed():
            stood_in = await self._engine.speak(text, profile, path)
        self._account.characters(len(text))
        return stood_in

    async def close(self) -> None:
        """Close it."""
        await self._engine.close()
