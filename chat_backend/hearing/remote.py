"""Hearing by a server: one form with the recording, one JSON answer."""

import time
from typing import Any, Final

import httpx
import msgspec

from chat_backend.hearing.engine import Heard, Word, believed
from chat_backend.hearing.recording import Recording
from chat_backend.hearing.transcription_api import TranscriptionAPI, TranscriptionForm
from chat_backend.providers import replies
from chat_backend.providers.calls import ProviderCalls
from chat_backend.providers.failure import Trouble, failed, refused
from chat_backend.providers.http import ProviderHttp
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Hints

# An hour of speech, with a line for every word.
MAX_ANSWER_BYTES: Final = 4_000_000
_MAX_FORMS: Final = 3


class RemoteHearing:
    """Listens through one server, each recording within `timeout_s`, retries included."""

    languages = None

    def __init__(
        self,
        api: TranscriptionAPI,
        calls: ProviderCalls,
        keys: Keys,
        *,
        timeout_s: float,
        hints: Hints,
    ) -> None:
        self.provider = api.provider
        self._api = api
        self._calls = calls
        self._keys = keys
        self._timeout_s = timeout_s
        self._form = TranscriptionForm()
        self._hints = hints
        self._http = ProviderHttp(api.provider, api.url, keys, hints)

    async def start(self) -> None:
        """Do nothing: no call is made yet."""

    async def hear(self, recording: Recording, language: str | None) -> Heard:
        """Return what is said.

        Raises
        ------
        NothingSaid, ProviderFailed
        """
        file = recording.file
        answer = await self._calls.call(
            lambda: self._ask(file, language), deadline=time.monotonic() + self._timeout_s
        )
        passages, heard_language = self._api.read(answer)
        later = [
            msgspec.structs.replace(passage, words=_later(passage.words, recording.starts_s))
            for passage in passages
        ]
        return believed(later, heard_language)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _ask(self, file: tuple[str, bytes, str], language: str | None) -> dict[str, Any]:
        """Make one call, in the form that the server takes."""
        form = self._form
        for _ in range(_MAX_FORMS):
            request = self._api.request(language, form)
            async with self._http.post(
                request.url, headers=request.headers, data=request.fields, files={"file": file}
            ) as reply:
                answer = await self._answer(reply)
            if not isinstance(answer, Trouble):
                if form != self._form:
                    self._form = form
                    self._hints.add(_described(self._api, form))
                return answer
            following = self._api.alternative(form, answer)
            if following is None:
                raise refused(self._api.provider, _discreet(answer))
            form = following
        raise failed(self._api.provider, "request", "(in every form that we know)")

    async def _answer(self, reply: httpx.Response) -> dict[str, Any] | Trouble:
        if not reply.is_success:
            return await self._http.refusal(reply)
        body = bytearray()
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                return Trouble(status=200, words="an answer that does not end", known="protocol")
        answer = replies.parsed(bytes(body))
        trouble = replies.trouble_in(answer)
        if trouble is not None:
            return msgspec.structs.replace(trouble, words=self._keys.redacted(trouble.words))
        if isinstance(answer, dict) and isinstance(answer.get("text"), str):
            return answer
        return Trouble(status=200, words=replies.described(bytes(body)), known="protocol")


def _discreet(trouble: Trouble) -> Trouble:
    """Return an error without its words where they may be what a visitor said.

    A server that refuses the request (4xx) has not listened; a filter has.
    """
    refused_unheard = 400 <= trouble.status < 500 and not trouble.inside
    if trouble.known == "protocol" or (refused_unheard and trouble.kind != "filter"):
        return trouble
    return msgspec.structs.replace(trouble, known=trouble.kind, words="")


def _later(words: tuple[Word, ...] | None, by_s: float) -> tuple[Word, ...] | None:
    """Return words at their places in the whole recording."""
    return words and tuple(
        msgspec.structs.replace(
            word, start=round(word.start + by_s, 3), end=round(word.end + by_s, 3)
        )
        for word in words
    )


def _described(api: TranscriptionAPI, form: TranscriptionForm) -> str:
    parts = [
        f"answers at {form.base}: add the /v1 to its URL" if form.base else "",
        "" if form.detailed else "tells no figures: what it invents for noise is not recognised",
    ]
    return f"{api.provider} " + "; ".join(part for part in parts if part)
