"""The requests to transcription servers, and what is read in their answers."""

import re
from typing import Any, ClassVar, Final, Protocol

import msgspec
from msgspec import Struct

from chat_backend.hearing.engine import Passage, Word
from chat_backend.providers.failure import Trouble
from chat_backend.providers.replies import FORM_STATUSES
from chat_backend.providers.servers import base_url, with_version

# Whisper's servers write languages out, Scribe has codes of three letters; for the rest the code
# is theirs.
_LANGUAGES: Final = {
    "english": "en", "eng": "en", "german": "de", "deu": "de", "french": "fr", "fra": "fr",
    "spanish": "es", "spa": "es", "italian": "it", "ita": "it", "dutch": "nl", "nld": "nl",
    "portuguese": "pt", "por": "pt", "polish": "pl", "pol": "pl", "turkish": "tr", "tur": "tr",
    "arabic": "ar", "ara": "ar", "chinese": "zh", "zho": "zh", "japanese": "ja", "jpn": "ja",
}  # fmt: skip


class TranscriptionForm(Struct, frozen=True, kw_only=True):
    """How a server is asked.

    Attributes
    ----------
    detailed : bool
        Whether words with their times, and the model's own figures, are asked for.
    base : str
        The base URL, if it differs from the one that was set.
    """

    detailed: bool = True
    base: str = ""


class TranscriptionRequest(Struct, frozen=True, kw_only=True):
    """A POST of a form with the recording as its `file`."""

    url: str
    headers: dict[str, str]
    fields: dict[str, str]


class TranscriptionAPI(Protocol):
    """One protocol, with its server, model and key."""

    provider: ClassVar[str]

    @property
    def url(self) -> str:
        """The server's base URL."""

    @property
    def model(self) -> str:
        """The name of the model that listens."""

    def request(self, language: str | None, form: TranscriptionForm) -> TranscriptionRequest:
        """Return the request for a recording."""

    def alternative(self, form: TranscriptionForm, trouble: Trouble) -> TranscriptionForm | None:
        """Return the form to try after a rejection; None if there is no other way."""

    def read(self, answer: dict[str, Any]) -> tuple[list[Passage], str | None]:
        """Return what an answer says, and in which language."""


class Scribe(Struct, frozen=True, kw_only=True):
    """ElevenLabs: ``POST /v1/speech-to-text``."""

    provider: ClassVar[str] = "elevenlabs"
    url: str
    model: str
    key: str

    def request(self, language: str | None, form: TranscriptionForm) -> TranscriptionRequest:
        """Return the request for a recording."""
        fields = {
            "model_id": self.model,
            "timestamps_granularity": "word",
            # Otherwise laughter and music are written down, in brackets.
            "tag_audio_events": "false",
        }
        return TranscriptionRequest(
            url=f"{base_url(self.url, without='/v1')}/v1/speech-to-text",
            headers={"xi-api-key": self.key},
            fields=fields | ({"language_code": language} if language else {}),
        )

    def alternative(self, form: TranscriptionForm, trouble: Trouble) -> TranscriptionForm | None:
        """Return None: there is one form."""
        return None

    def read(self, answer: dict[str, Any]) -> tuple[list[Passage], str | None]:
        """Return what an answer says; sounds that are no words are left out."""
        spoken = [each for each in _dicts(answer, "words") if each.get("type", "word") == "word"]
        text = _text(answer.get("text"))
        if any(each.get("type") == "audio_event" for each in _dicts(answer, "words")):
            text = " ".join(_text(each.get("text")) for each in spoken)
        passage = Passage(text=text, words=_words(spoken, "text"))
        return [passage], _language(answer.get("language_code"))


class OpenAITranscription(Struct, frozen=True, kw_only=True):
    """``POST /v1/audio/transcriptions``, at OpenAI or at any server with this protocol."""

    provider: ClassVar[str] = "openai"
    url: str
    model: str
    key: str | None

    def request(self, language: str | None, form: TranscriptionForm) -> TranscriptionRequest:
        """Return the request for a recording."""
        fields = {"model": self.model, "temperature": "0", "response_format": "json"}
        if form.detailed:
            fields |= {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
        return TranscriptionRequest(
            url=f"{form.base or base_url(self.url)}/audio/transcriptions",
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            fields=fields | ({"language": language} if language else {}),
        )

    def alternative(self, form: TranscriptionForm, trouble: Trouble) -> TranscriptionForm | None:
        """Return the form to try after a rejection: below /v1, or without the details."""
        further = with_version(base_url(self.url))
        if trouble.kind == "missing" and further and not form.base:
            return msgspec.structs.replace(form, base=further)
        named = re.search(r"response_format|verbose_json|granularit", trouble.words)
        if form.detailed and named and trouble.status in FORM_STATUSES:
            return msgspec.structs.replace(form, detailed=False)
        return None

    def read(self, answer: dict[str, Any]) -> tuple[list[Passage], str | None]:
        """Return what an answer says, by segment where it has the model's figures."""
        passages = [
            Passage(
                text=_text(each.get("text")),
                no_speech=_number(each.get("no_speech_prob")),
                log_probability=_number(each.get("avg_logprob")),
                compression=_number(each.get("compression_ratio")),
            )
            for each in _dicts(answer, "segments")
        ]
        whole = Passage(text=_text(answer.get("text")))
        words = _words(_dicts(answer, "words"), "word")
        passages = passages or [whole]
        if words:  # they are the whole answer's, not a segment's
            passages[0] = msgspec.structs.replace(passages[0], words=words)
        return passages, _language(answer.get("language"))


def _dicts(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = answer.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _words(found: list[dict[str, Any]], name: str) -> tuple[Word, ...] | None:
    words = tuple(
        Word(
            text=_text(each.get(name)),
            start=_number(each.get("start")),
            end=_number(each.get("end")),
        )
        for each in found
    )
    return words or None


def _language(value: Any) -> str | None:
    code = _text(value).strip().lower()
    return _LANGUAGES.get(code, code) or None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and abs(value) < 1e9
    return float(value) if is_number else 0.0
