"""Which voice speaks a profile, by engine, and the settings file that overrides it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from shared_schema.decoding import InvalidSetting
from shared_schema.ids import VoiceProfile

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Pace = Annotated[float, Meta(ge=0.25, le=4.0)]


class ElevenLabsVoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A voice of ElevenLabs and its ``voice_settings``, by their names there."""

    voice_id: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9]+\Z")]
    stability: Share = 0.5
    similarity_boost: Share = 0.75
    style: Share = 0.0
    use_speaker_boost: bool = True
    speed: Annotated[float, Meta(ge=0.7, le=1.2)] = 1.0


class OpenAIVoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A voice of OpenAI's protocol. `instructions` are for models that take them."""

    voice: str
    speed: Pace = 1.0
    instructions: str = ""


# ElevenLabs' premade voices, which every account has.
ELEVENLABS_VOICES: Final[Mapping[VoiceProfile, ElevenLabsVoice]] = MappingProxyType(
    {
        "friendly_casual": ElevenLabsVoice(voice_id="iP95p4xoKVk53GoZ742B", stability=0.45),
        "warm_professional": ElevenLabsVoice(
            voice_id="XrExE9yKIg1WjnnlVkGX", stability=0.6, style=0.1
        ),
        "energetic_upbeat": ElevenLabsVoice(
            voice_id="FGY2WhTYpPnrIDTdsKH5", stability=0.3, style=0.5, speed=1.1
        ),
        "calm_soothing": ElevenLabsVoice(
            voice_id="SAz9YHcvj6GT2YYXdXww", stability=0.8, speed=0.88
        ),
        "confident_charming": ElevenLabsVoice(
            voice_id="JBFqnCBsd6RMkjVDRZzb", stability=0.5, style=0.3, speed=0.95
        ),
        "playful_expressive": ElevenLabsVoice(
            voice_id="cgSgspJ2msm6clMCkdW9", stability=0.25, style=0.6
        ),
    }
)

OPENAI_VOICES: Final[Mapping[VoiceProfile, OpenAIVoice]] = MappingProxyType(
    {
        "friendly_casual": OpenAIVoice(
            voice="alloy", instructions="Easy and close, as across a kitchen table."
        ),
        "warm_professional": OpenAIVoice(
            voice="sage", instructions="Clear and kind, like someone who explains well."
        ),
        "energetic_upbeat": OpenAIVoice(
            voice="coral", speed=1.1, instructions="Bright, quick and delighted."
        ),
        "calm_soothing": OpenAIVoice(
            voice="shimmer", speed=0.9, instructions="Nearly whispered, slow, with long pauses."
        ),
        "confident_charming": OpenAIVoice(
            voice="onyx", speed=0.95, instructions="Low and sure, with a smile in it."
        ),
        "playful_expressive": OpenAIVoice(
            voice="fable", instructions="Playful, with big leaps of pitch."
        ),
    }
)


class VoicesFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What RR_TTS_VOICES points to; profiles that it leaves out keep their voice."""

    elevenlabs: dict[VoiceProfile, ElevenLabsVoice] = field(default_factory=dict)
    openai: dict[VoiceProfile, OpenAIVoice] = field(default_factory=dict)


def load_voices_file(path: Path | None) -> VoicesFile:
    """Read the settings file; without one, nothing is overridden.

    Raises
    ------
    InvalidSetting
        Saying what in the file can't be used.
    """
    if path is None:
        return VoicesFile()
    try:
        return msgspec.toml.decode(path.read_bytes(), type=VoicesFile)
    except OSError as error:
        raise InvalidSetting(f"RR_TTS_VOICES={path}: {error.strerror or error}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidSetting(f"RR_TTS_VOICES={path}: {error}") from None
