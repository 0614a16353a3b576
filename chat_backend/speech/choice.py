"""Chooses the speech engine from the settings and keys."""

from typing import Final

from chat_backend.metrics import Metrics
from chat_backend.providers import keys as key_names
from chat_backend.providers.calls import CallLimits, ProviderCalls, limits_of
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import OPENAI_URL, Hints
from chat_backend.providers.usage import Account
from chat_backend.show.show import Show
from chat_backend.speech.engine import EMBEDDED, Speech, SpeechWithFallback
from chat_backend.speech.hibari import HibariSpeech
from chat_backend.speech.speech_api import ElevenLabs, OpenAISpeech, RequestForm, SpeechAPI
from shared_schema.decoding import InvalidSetting
from shared_schema.settings import Settings

# Of a slot's time in a turn; the rest is for the embedded voice as the fallback.
SHARE_OF_TURN: Final = 0.3


def speech_api_of(settings: Settings, keys: Keys, show: Show) -> SpeechAPI | None:
    """Return the API of the speech server; None for the embedded voice.

    Raises
    ------
    InvalidSetting
        If the engine that RR_TTS names lacks its key.
    """
    voices = show.voices
    eleven_key = keys.of(key_names.ELEVENLABS)
    # OpenAI's key is for OpenAI only: another server gets its own key.
    own = settings.tts_openai_url
    openai_key = keys.of(key_names.TTS, *(() if own else (key_names.OPENAI,)))
    openai = own or keys.of(key_names.TTS, key_names.OPENAI)
    if settings.tts == "elevenlabs" and not eleven_key:
        raise InvalidSetting(f"RR_TTS=elevenlabs needs {key_names.ELEVENLABS}")
    if settings.tts == "openai" and not openai:
        raise InvalidSetting(f"RR_TTS=openai needs {key_names.OPENAI} or RR_TTS_OPENAI_URL")
    if eleven_key and settings.tts in {"auto", "elevenlabs"}:
        return ElevenLabs(
            url=settings.elevenlabs_url,
            model=settings.elevenlabs_model,
            key=eleven_key,
            voices=voices.elevenlabs,
        )
    if openai and settings.tts in {"auto", "openai"}:
        return OpenAISpeech(
            url=own or OPENAI_URL,
            model=settings.tts_openai_model,
            key=openai_key,
            voices=voices.openai,
            rate_hz=settings.tts_openai_rate,
            form=RequestForm(format=show.models.speech.response_format),
        )
    return None


def build_speech(
    api: SpeechAPI | None,
    settings: Settings,
    keys: Keys,
    metrics: Metrics,
    *,
    limits: CallLimits | None = None,
    hints: Hints | None = None,
) -> Speech:
    """Return the configured engine, not started yet; `limits` default to the settings'."""
    embedded = HibariSpeech(workers=settings.speech_workers)
    embedded_account = Account(metrics, "speech", EMBEDDED)
    if api is None:
        return SpeechWithFallback(embedded, embedded_account)
    # A start that calls no provider needs no HTTP client.
    from chat_backend.speech.remote import RemoteSpeech  # noqa: PLC0415

    account = Account(metrics, "speech", api.provider)
    remote = RemoteSpeech(
        api,
        ProviderCalls(api.provider, limits or limits_of(settings, "speech"), account),
        keys,
        timeout_s=SHARE_OF_TURN * settings.chat_turn_timeout_s,
        hints=hints or Hints(),
    )
    if settings.tts_fallback == "off":
        return remote
    return SpeechWithFallback(embedded, embedded_account, (remote, account))
