"""From an upload to what was said: at most so many at once, and nothing is left of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from msgspec import Struct

from chat_backend.errors import ChatBackendError
from chat_backend.hearing.engine import Heard, Hearing, WrongLanguage
from chat_backend.hearing.listener import Listener
from chat_backend.hearing.recording import Recording, kind_of
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

# A load that takes longer than this has failed; the first recording then says why.
START_TIMEOUT_S: Final = 60.0


class Busy(ChatBackendError):
    """As many recordings as the limit allows are being listened to."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What was said, and the recording that said it."""

    heard: Heard
    recording: Recording


class Ears:
    """Listens to recordings with one engine."""

    def __init__(self, listener: Listener, hearing: Hearing, settings: Settings) -> None:
        self.hearing = hearing
        self._listener = listener
        self._longest_s = settings.stt_max_duration_s
        self._free = settings.stt_concurrency
        self._starting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process; it loads its model while the server already answers."""
        await asyncio.to_thread(self._listener.start)
        self._starting = asyncio.create_task(self._loaded(), name="hearing")

    async def close(self) -> None:
        """End everything."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self.hearing.close()
        await asyncio.to_thread(self._listener.close)

    async def listen(self, data: bytes, language: str | None) -> Outcome:
        """Return what is said in an uploaded file.

        Raises
        ------
        Busy, WrongLanguage, NotASound, TooLong, NothingSaid, ProviderFailed
        """
        kind_of(data)  # what is no sound needs no place
        understood = self.hearing.languages
        if language and understood is not None and language not in understood:
            raise WrongLanguage(f"{language!r} is not understood: {', '.join(understood)}")
        async with self._place():
            recording = await self._listener.prepare(data, longest_s=self._longest_s)
            heard = await self.hearing.hear(recording, language)
        return Outcome(heard=heard, recording=recording)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._free <= 0:
            raise Busy("others are being listened to (RR_STT_CONCURRENCY)")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def _loaded(self) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self.hearing.start()
        except Exception as error:
            log.warning("hearing is not ready", engine=self.hearing.provider, reason=repr(error))
