"""The requests to speech servers, and what to send where one is rejected."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, Protocol

import msgspec
from msgspec import Struct

from chat_backend.providers.failure import Trouble
from chat_backend.providers.replies import FORM_STATUSES
from chat_backend.providers.servers import base_url, with_version
from chat_backend.speech.voices import ElevenLabsVoice, OpenAIVoice, Voices
from shared_schema.ids import VoiceProfile

RequestFormat = Literal["pcm", "wav"]

# What messages call the form of a request.
_FORMAT: Final = re.compile(
    r"(response|output)[ _]?format|\bpcm(_\d+)?\b|\bformat\b|\bwav\b|\bmp3\b|codec", re.IGNORECASE
)
_OTHER: Final = re.compile(r"\b(model|voice|input|text|language|too long)\b", re.IGNORECASE)
_EXTRAS: Final = ("speed", "instructions")


class RequestForm(Struct, frozen=True, kw_only=True):
    """How speech is requested from a server.

    Attributes
    ----------
    format : RequestFormat
        Raw samples, or a file.
    base : str
        The base URL, if it differs from the one that was set.
    without : tuple of str
        Fields of a request that the server rejected.
    """

    format: RequestFormat = "pcm"
    base: str = ""
    without: tuple[str, ...] = ()


class SpeechRequest(Struct, frozen=True, kw_only=True):
    """A POST for speech. `raw`: raw samples are wanted, of the rate `rate_hz`."""

    url: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bool
    rate_hz: int = 24_000


class SpeechAPI(Protocol):
    """One protocol, with its server, model, key and voices."""

    provider: ClassVar[str]

    @property
    def url(self) -> str:
        """The server's base URL."""

    @property
    def model(self) -> str:
        """The name of the model that speaks."""

    @property
    def form(self) -> RequestForm:
        """The form of the first request."""

    def request(self, text: str, profile: VoiceProfile, form: RequestForm) -> SpeechRequest:
        """Return the request for a text."""

    def alternative(self, form: RequestForm, trouble: Trouble) -> RequestForm | None:
        """Return the form to try after a rejection; None if there is no other way."""

    def voice(self, profile: VoiceProfile) -> str:
        """Return the voice of a profile."""

    def with_voices(self, voices: Voices) -> "SpeechAPI":
        """Return the same API with other voices."""


class ElevenLabs(Struct, frozen=True, kw_only=True):
    """``POST /v1/text-to-speech/{voice_id}/stream``."""

    provider: ClassVar[str] = "elevenlabs"
    url: str
    model: str
    key: str
    voices: Mapping[VoiceProfile, ElevenLabsVoice]
    form: RequestForm = RequestForm()

    def request(self, text: str, profile: VoiceProfile, form: RequestForm) -> SpeechRequest:
        """Return the request for a text."""
        settings = msgspec.structs.asdict(self.voices[profile])
        voice = settings.pop("voice_id")
        raw = form.format == "pcm"
        output_format = "pcm_24000" if raw else "mp3_44100_128"
        return SpeechRequest(
            url=f"{base_url(self.url, without='/v1')}/v1/text-to-speech/{voice}/stream"
            f"?output_format={output_format}",
            headers={"xi-api-key": self.key},
            body={"text": text, "model_id": self.model, "voice_settings": settings},
            raw=raw,
        )

    def alternative(self, form: RequestForm, trouble: Trouble) -> RequestForm | None:
        """Return the form to try after a rejection: for MP3."""
        return _as_file(form, trouble)

    def voice(self, profile: VoiceProfile) -> str:
        """Return the voice of a profile."""
        return self.voices[profile].voice_id

    def with_voices(self, voices: Voices) -> "ElevenLabs":
        """Return the same API with other voices."""
        return msgspec.structs.replace(self, voices=voices.elevenlabs)


class OpenAISpeech(Struct, frozen=True, kw_only=True):
    """``POST /v1/audio/speech``, at OpenAI or at any server with this protocol."""

    provider: ClassVar[str] = "openai"
    url: str
    model: str
    key: str | None
    voices: Mapping[VoiceProfile, OpenAIVoice]
    rate_hz: int = 24_000
    form: RequestForm = RequestForm()

    def request(self, text: str, profile: VoiceProfile, form: RequestForm) -> SpeechRequest:
        """Return the request for a text."""
        voice = self.voices[profile]
        body: dict[str, Any] = {
            "model": self.model,
            "input": text,
            "voice": voice.voice,
            "response_format": form.format,
            "speed": voice.speed,
        }
        if voice.instructions:
            body["instructions"] = voice.instructions
        return SpeechRequest(
            url=f"{form.base or base_url(self.url)}/audio/speech",
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            body={name: value for name, value in body.items() if name not in form.without},
            raw=form.format == "pcm",
            rate_hz=self.rate_hz,
        )

    def alternative(self, form: RequestForm, trouble: Trouble) -> RequestForm | None:
        """Return the form to try after a rejection: below /v1, for a WAV, without what it names."""
        kind = trouble.kind
        further = with_version(base_url(self.url))
        missing = kind == "missing" or (kind == "sound" and trouble.status == 404)
        if missing and further and not form.base:
            return msgspec.structs.replace(form, base=further)
        if kind in {"request", "server"} and trouble.status in FORM_STATUSES:
            for name in _EXTRAS:
                if name not in form.without and re.search(rf"\b{name}\b", trouble.words):
                    return msgspec.structs.replace(form, without=(*form.without, name))
        return _as_file(form, trouble)

    def voice(self, profile: VoiceProfile) -> str:
        """Return the voice of a profile."""
        return self.voices[profile].voice

    def with_voices(self, voices: Voices) -> "OpenAISpeech":
        """Return the same API with other voices."""
        return msgspec.structs.replace(self, voices=voices.openai)


def described(form: RequestForm) -> str:
    """Return in words what was learned of a server."""
    parts = [
        f"answers at {form.base}: add the /v1 to its URL" if form.base else "",
        "sends files instead of raw samples" if form.format == "wav" else "",
        f"does not support {', '.join(form.without)}" if form.without else "",
    ]
    return "; ".join(part for part in parts if part)


def _as_file(form: RequestForm, trouble: Trouble) -> RequestForm | None:
    """Return the request for a file in place of raw samples, where that may be the reason."""
    if form.format != "pcm":
        return None
    rejected = trouble.status in FORM_STATUSES and (
        _FORMAT.search(trouble.words)
        or (trouble.status in {400, 415, 422} and not _OTHER.search(trouble.words))
    )
    if trouble.other_format or (rejected and trouble.kind in {"request", "server", "access"}):
        return msgspec.structs.replace(form, format="wav")
    return None
