"""Speech from a server: streamed into a file as it comes, and moved into place when whole."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import anyio
import httpx

from chat_backend.errors import SpeechFailed
from chat_backend.providers.conduct import Conduct
from chat_backend.providers.failure import (
    ProviderFailed,
    excerpt,
    refused,
    retry_after,
    unreachable,
)
from chat_backend.providers.keys import Keys
from chat_backend.speech.dialects import Dialect
from chat_backend.speech.received import NotSpeech, finish
from shared_schema.ids import VoiceProfile
from shared_schema.layout import moved_into_place

# A minute and a half of sound; a server that sends more does not speak our text.
MAX_BYTES: Final = 90 * 24_000 * 2
_ERROR_BYTES: Final = 4096
_SOUND_TYPES: Final = ("audio/", "application/octet-stream", "binary/octet-stream")


class RemoteSpeech:
    """Speaks through one server. `within_s` is what an utterance may take, pauses included."""

    def __init__(self, dialect: Dialect, conduct: Conduct, keys: Keys, *, within_s: float) -> None:
        self._dialect = dialect
        self._conduct = conduct
        self._keys = keys
        self._within_s = within_s
        self._http: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """Open the connections' pool; nobody is called yet."""
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(60.0, connect=10.0))

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        """Write `text` as a mono PCM_16 WAV of 24 kHz to `path`, whole or not at all.

        Raises
        ------
        SpeechFailed
            If there is nothing to speak, the server does not give speech in time, or the file
            can't be written.
        """
        if not any(sign.isalnum() for sign in text):
            raise SpeechFailed("nothing in the text can be spoken: it has no words")
        until = time.monotonic() + self._within_s
        try:
            with moved_into_place(path) as partial:
                await self._conduct.call(lambda: self._fetch(text, profile, partial), until=until)
        except ProviderFailed as error:
            raise SpeechFailed(str(error)) from None
        except OSError as error:
            name = f"{path.parent.name}/{path.name}"
            raise SpeechFailed(f"cannot write {name}: {error.strerror or error}") from error
        self._conduct.account.characters(len(text))

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _fetch(self, text: str, profile: VoiceProfile, partial: Path) -> None:
        """Make one call."""
        if self._http is None:
            raise SpeechFailed("the voice is not started")
        provider = self._dialect.provider
        request = self._dialect.request(self._http, text, profile)
        try:
            response = await self._http.send(request, stream=True)
            try:
                await self._checked(response)
                async with await anyio.open_file(partial, "wb") as file:
                    async for chunk in _bounded(response):
                        await file.write(chunk)
            finally:
                await response.aclose()
            await asyncio.to_thread(finish, partial, text)
        except NotSpeech as error:
            raise self._no_speech(str(error)) from None
        except httpx.TimeoutException:
            raise ProviderFailed(
                f"{provider} did not answer in time", error_type="timeout", again=True, down=True
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Without the cause: its request has the key in a header.
            raise unreachable(provider, type(error).__name__) from None

    async def _checked(self, response: httpx.Response) -> None:
        """Raise if the answer's head says that no sound follows."""
        if response.status_code != httpx.codes.OK:
            raise refused(
                response.status_code,
                self._dialect.provider,
                detail=self._keys.struck_out(_detail(await _head_of(response))),
                retry_after_s=retry_after(response.headers.get("retry-after")),
            )
        kind = response.headers.get("content-type", "audio/pcm")
        if not kind.startswith(_SOUND_TYPES):
            raise self._no_speech(excerpt(self._keys.struck_out(kind)))

    def _no_speech(self, what: str) -> ProviderFailed:
        return ProviderFailed(
            f"{self._dialect.provider} sent no speech: {what}",
            error_type="server_error",
            again=True,
            down=True,
        )


async def _bounded(response: httpx.Response) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > MAX_BYTES:
            raise NotSpeech(f"more than {MAX_BYTES} bytes")
        yield chunk


async def _head_of(response: httpx.Response) -> str:
    """Return the beginning of an error's body."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= _ERROR_BYTES:
            break
    return bytes(body[:_ERROR_BYTES]).decode("utf-8", "replace")


def _detail(body: str) -> str:
    """Return what an error's body says, unless it is a page."""
    return "" if body.lstrip().startswith("<") else body
