"""How the speech servers want to be asked."""

from collections.abc import Mapping
from typing import Protocol

import httpx
import msgspec

from chat_backend.speech.voices import ElevenLabsVoice, OpenAIVoice
from shared_schema.ids import VoiceProfile


class Dialect(Protocol):
    """One protocol, with its server, model, key and voices."""

    @property
    def provider(self) -> str:
        """The provider's name, for messages and accounts."""

    def request(self, http: httpx.AsyncClient, text: str, profile: VoiceProfile) -> httpx.Request:
        """Return the request for raw samples: 24 kHz, mono, 16 bit."""

    def voice(self, profile: VoiceProfile) -> str:
        """Return the name of the voice that speaks a profile."""


class ElevenLabs:
    """``POST /v1/text-to-speech/{voice_id}/stream``."""

    provider = "elevenlabs"

    def __init__(
        self,
        *,
        url: str,
        model: str,
        key: str,
        voices: Mapping[VoiceProfile, ElevenLabsVoice],
    ) -> None:
        self._url = url.rstrip("/")
        self._model = model
        self._key = key
        self._voices = voices

    def request(self, http: httpx.AsyncClient, text: str, profile: VoiceProfile) -> httpx.Request:
        """Return the request for raw samples."""
        voice = self._voices[profile]
        settings = msgspec.structs.asdict(voice)
        del settings["voice_id"]
        return http.build_request(
            "POST",
            f"{self._url}/v1/text-to-speech/{voice.voice_id}/stream",
            params={"output_format": "pcm_24000"},
            headers={"xi-api-key": self._key},
            json={"text": text, "model_id": self._model, "voice_settings": settings},
        )

    def voice(self, profile: VoiceProfile) -> str:
        """Return the name of the voice that speaks a profile."""
        return self._voices[profile].voice_id


class OpenAISpeech:
    """``POST /v1/audio/speech``, at OpenAI or at any server that speaks so."""

    provider = "openai"

    def __init__(
        self,
        *,
        url: str,
        model: str,
        key: str | None,
        voices: Mapping[VoiceProfile, OpenAIVoice],
    ) -> None:
        self._url = url.rstrip("/")
        self._model = model
        self._key = key
        self._voices = voices

    def request(self, http: httpx.AsyncClient, text: str, profile: VoiceProfile) -> httpx.Request:
        """Return the request for raw samples."""
        voice = self._voices[profile]
        body: dict[str, object] = {
            "model": self._model,
            "input": text,
            "voice": voice.voice,
            "response_format": "pcm",
            "speed": voice.speed,
        }
        if voice.instructions:
            body["instructions"] = voice.instructions
        return http.build_request(
            "POST",
            f"{self._url}/audio/speech",
            headers={"Authorization": f"Bearer {self._key}"} if self._key else None,
            json=body,
        )

    def voice(self, profile: VoiceProfile) -> str:
        """Return the name of the voice that speaks a profile."""
        return self._voices[profile].voice
