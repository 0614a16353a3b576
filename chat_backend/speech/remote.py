"""Speech from a server: streamed into a file, and moved into place when complete."""

import asyncio
import time
from copy import copy
from pathlib import Path
from typing import Final

import anyio
import httpx
import msgspec
from msgspec import Struct

from chat_backend.errors import SpeechFailed
from chat_backend.providers.calls import ProviderCalls
from chat_backend.providers.failure import ProviderFailed, Trouble, failed, refused
from chat_backend.providers.http import ProviderHttp
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Hints
from chat_backend.speech.decoding import Expected
from chat_backend.speech.formats import NotSpeech
from chat_backend.speech.received import MAX_S_PER_CHARACTER, finish
from chat_backend.speech.speech_api import RequestForm, SpeechAPI, SpeechRequest, described
from chat_backend.speech.voices import Voices
from shared_schema.ids import VoiceProfile
from shared_schema.layout import moved_into_place

# Decoding limits the sound in seconds; this limits disk and memory until then: 90 s at the highest
# rate, two channels of floats.
MAX_BYTES: Final = 140_000_000
_MAX_ADAPTATIONS: Final = 5


class _Learned(Struct):
    """The form of request that the server takes."""

    form: RequestForm


class RemoteSpeech:
    """Speaks through one server, each utterance within `timeout_s`, retries included."""

    def __init__(
        self,
        api: SpeechAPI,
        calls: ProviderCalls,
        keys: Keys,
        *,
        timeout_s: float,
        hints: Hints,
    ) -> None:
        self._api = api
        self._calls = calls
        self._keys = keys
        self._timeout_s = timeout_s
        self._hints = hints
        self._learned = _Learned(api.form)
        self._http = ProviderHttp(api.provider, api.url, keys, hints)

    async def start(self) -> None:
        """Do nothing: no call is made yet."""

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        """Write `text` as a mono PCM_16 WAV of 24 kHz to `path`, completely or not
        at all.

        Raises
        ------
        SpeechFailed
            If there is nothing to speak, the server sends no speech in time, or the file cannot be
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
            raise SpeechFailed(str(error), remedy=error.remedy) from None
        except OSError as error:
            name = f"{path.parent.name}/{path.name}"
            raise SpeechFailed(f"cannot write {name}: {error.strerror or error}") from error
        self._calls.account.characters(len(text))

    def with_voices(self, voices: Voices) -> "RemoteSpeech":
        """Return the same engine with other voices; connections and what was learned are shared."""
        other = copy(self)
        other._api = self._api.with_voices(voices)
        return other

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _fetch(self, text: str, profile: VoiceProfile, partial: Path) -> None:
        """Make one call, adapted to what the server takes."""
        form = self._learned.form
        unread: Trouble | None = None
        for _ in range(_MAX_ADAPTATIONS):
            request = self._api.request(text, profile, form)
            trouble = await self._exchange(request, text, partial)
            if trouble is None:
                if form != self._learned.form:
                    self._learned.form = form
                    self._hints.add(f"{self._api.provider} {described(form)}")
                return
            following = self._api.alternative(form, trouble)
            if trouble.other_format:
                unread = trouble
            if following is None:
                # If another format did not help, the first failure is more useful.
                raise refused(self._api.provider, unread or trouble)
            form = following
        raise failed(self._api.provider, "request", "(in every form that we know)")

    async def _exchange(self, request: SpeechRequest, text: str, partial: Path) -> Trouble | None:
        """Send a request and write its speech; return the error if there is none."""
        try:
            async with self._http.post(
                request.url, headers=request.headers, json=request.body
            ) as reply:
                if not reply.is_success:
                    return await self._http.refusal(reply)
                await _save(reply, partial)
                await self._finish(request, reply, text, partial)
                return None
        except NotSpeech as error:
            words = self._keys.redacted(error.trouble.words)
            return msgspec.structs.replace(error.trouble, words=words)

    async def _finish(
        self, request: SpeechRequest, reply: httpx.Response, text: str, partial: Path
    ) -> None:
        """Turn the received file into the final one; raise `NotSpeech` if it is none."""
        headers = reply.headers
        expected = Expected(
            raw=request.raw,
            rate_hz=request.rate_hz,
            framed="content-length" in headers or "transfer-encoding" in headers,
            longest_s=MAX_S_PER_CHARACTER * len(text),
        )
        media_type = headers.get("content-type", "")
        await asyncio.to_thread(finish, partial, text, media_type, expected)


async def _save(reply: httpx.Response, partial: Path) -> None:
    """Write a response's body as it arrives; raise `NotSpeech` if it does not end."""
    size = 0
    async with await anyio.open_file(partial, "wb") as file:
        async for chunk in reply.aiter_bytes():
            size += len(chunk)
            if size > MAX_BYTES:
                raise NotSpeech(f"more than {MAX_BYTES} bytes")
            await file.write(chunk)
