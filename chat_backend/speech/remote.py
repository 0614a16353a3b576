"""Speech from a server: streamed into a file as it comes, and moved into place when whole."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import anyio
import httpx

from chat_backend.errors import SpeechFailed
from chat_backend.providers.calls import ProviderCalls
from chat_backend.providers.failure import (
    ProviderFailed,
    excerpt,
    refused,
    retry_after,
    timed_out,
    unreachable,
)
from chat_backend.providers.keys import Keys
from chat_backend.speech.received import NotSpeech, finish
from chat_backend.speech.speech_api import SpeechAPI
from shared_schema.ids import VoiceProfile
from shared_schema.layout import moved_into_place

# A minute and a half of sound; a server that sends more is not speaking our text.
MAX_BYTES: Final = 90 * 24_000 * 2
_ERROR_BYTES: Final = 4096
_SOUND_TYPES: Final = ("audio/", "application/octet-stream", "binary/octet-stream")


class RemoteSpeech:
    """Speaks through one server, each utterance within `timeout_s`, repeats included."""

    def __init__(
        self, api: SpeechAPI, calls: ProviderCalls, keys: Keys, *, timeout_s: float
    ) -> None:
        self._api = api
        self._calls = calls
        self._keys = keys
        self._timeout_s = timeout_s
        self._http: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """Open the pool of connections; no call is made yet."""
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(60.0, connect=10.0))

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        """Write `text` as a mono PCM_16 WAV of 24 kHz to `path`, whole or not at all.

        Raises
        ------
        SpeechFailed
            If there is nothing to speak, the server sends no speech in time, or the file can't be
            written.
        """
        if not any(sign.isalnum() for sign in text):
            raise SpeechFailed("nothing in the text can be spoken: it has no words")
        deadline = time.monotonic() + self._timeout_s
        try:
            with moved_into_place(path) as partial:
                await self._calls.call(
                    lambda: self._fetch(text, profile, partial), deadline=deadline
                )
        except ProviderFailed as error:
            raise SpeechFailed(str(error)) from None
        except OSError as error:
            name = f"{path.parent.name}/{path.name}"
            raise SpeechFailed(f"cannot write {name}: {error.strerror or error}") from error
        self._calls.account.characters(len(text))

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()

    async def _fetch(self, text: str, profile: VoiceProfile, partial: Path) -> None:
        """Make one call."""
        if self._http is None:
            raise SpeechFailed("the voice is not started")
        provider = self._api.provider
        request = self._api.request(text, profile)
        try:
            async with self._http.stream(
                "POST", request.url, headers=request.headers, json=request.body
            ) as response:
                await self._checked(response)
                async with await anyio.open_file(partial, "wb") as file:
                    async for chunk in _bounded(response):
                        await file.write(chunk)
            await asyncio.to_thread(finish, partial, text)
        except NotSpeech as error:
            raise self._no_speech(str(error)) from None
        except httpx.TimeoutException:
            raise timed_out(provider) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Without the cause: its request has the key in a header.
            raise unreachable(provider, type(error).__name__) from None

    async def _checked(self, response: httpx.Response) -> None:
        """Raise if status or media type say that no sound follows."""
        if response.status_code != httpx.codes.OK:
            raise refused(
                response.status_code,
                self._api.provider,
                detail=self._keys.redacted(await _detail(response)),
                retry_after_s=retry_after(response.headers.get("retry-after")),
            )
        kind = response.headers.get("content-type", "audio/pcm")
        if not kind.startswith(_SOUND_TYPES):
            raise self._no_speech(excerpt(self._keys.redacted(kind)))

    def _no_speech(self, what: str) -> ProviderFailed:
        return ProviderFailed(f"{self._api.provider} sent no speech: {what}", again=True, down=True)


async def _bounded(response: httpx.Response) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > MAX_BYTES:
            raise NotSpeech(f"more than {MAX_BYTES} bytes")
        yield chunk


async def _detail(response: httpx.Response) -> str:
    """Return the beginning of an error's body, unless it is a web page."""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= _ERROR_BYTES:
            break
    text = body[:_ERROR_BYTES].decode("utf-8", "replace")
    return "" if text.lstrip().startswith("<") else text
