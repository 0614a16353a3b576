"""How the speech servers are asked: URL, headers and body of a request."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import msgspec
from msgspec import Struct

from chat_backend.speech.voices import ElevenLabsVoice, OpenAIVoice
from shared_schema.ids import VoiceProfile


class SpeechRequest(Struct, frozen=True, kw_only=True):
    """A POST for raw samples: 24 kHz, mono, 16 bit."""

    url: str
    headers: dict[str, str]
    body: dict[str, Any]


class SpeechAPI(Protocol):
    """One protocol, with its server, model, key and voices."""

    provider: ClassVar[str]

    @property
    def model(self) -> str:
        """The name of the model that speaks."""

    def request(self, text: str, profile: VoiceProfile) -> SpeechRequest:
        """Return the request for a text."""

    def voice(self, profile: VoiceProfile) -> str:
        """Return the name of the voice that speaks a profile."""


class ElevenLabs(Struct, frozen=True, kw_only=True):
    """``POST /v1/text-to-speech/{voice_id}/stream``."""

    provider: ClassVar[str] = "elevenlabs"
    url: str
    model: str
    key: str
    voices: Mapping[VoiceProfile, ElevenLabsVoice]

    def request(self, text: str, profile: VoiceProfile) -> SpeechRequest:
        """Return the request for a text."""
        settings = msgspec.structs.asdict(self.voices[profile])
        path = f"/v1/text-to-speech/{settings.pop('voice_id')}/stream?output_format=pcm_24000"
        return SpeechRequest(
            url=self.url.rstrip("/") + path,
            headers={"xi-api-key": self.key},
            body={"text": text, "model_id": self.model, "voice_settings": settings},
        )

    def voice(self, profile: VoiceProfile) -> str:
        """Return the name of the voice that speaks a profile."""
        return self.voices[profile].voice_id


class OpenAISpeech(Struct, frozen=True, kw_only=True):
    """``POST /v1/audio/speech``, at OpenAI or at any server with this protocol."""

    provider: ClassVar[str] = "openai"
    url: str
    model: str
    key: str | None
    voices: Mapping[VoiceProfile, OpenAIVoice]

    def request(self, text: str, profile: VoiceProfile) -> SpeechRequest:
        """Return the request for a text."""
        voice = self.voices[profile]
        body = {
            "model": self.model,
            "input": text,
            "voice": voice.voice,
            "response_format": "pcm",
            "speed": voice.speed,
        }
        return SpeechRequest(
            url=f"{self.url.rstrip('/')}/audio/speech",
            headers={"Authorization": f"Bearer {self.key}"} if self.key else {},
            body=body | ({"instructions": voice.instructions} if voice.instructions else {}),
        )

    def voice(self, profile: VoiceProfile) -> str:
        """Return the name of the voice that speaks a profile."""
        return self.voices[profile].voice
