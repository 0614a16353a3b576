"""The voice of each profile, by engine, and the settings file that overrides it."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from shared_schema.decoding import InvalidSetting
from shared_schema.ids import VoiceProfile

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Pace = Annotated[float, Meta(ge=0.25, le=4.0)]


class ElevenLabsVoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A voice of ElevenLabs and its ``voice_settings``, with their names there."""

    voice_id: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9]+\Z")]
    stability: Share = 0.5
    similarity_boost: Share = 0.75
    style: Share = 0.0
    use_speaker_boost: bool = True
    speed: Annotated[float, Meta(ge=0.7, le=1.2)] = 1.0


class OpenAIVoice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A voice of OpenAI's protocol. `instructions` are for models that support them."""

    voice: str
    speed: Pace = 1.0
    instructions: str = ""


class Voices(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The voices by profile, of one file or merged."""

    elevenlabs: dict[VoiceProfile, ElevenLabsVoice] = field(default_factory=dict)
    openai: dict[VoiceProfile, OpenAIVoice] = field(default_factory=dict)


def load_voices(path: Path | None) -> Voices:
    """Return every profile's voices: those of the settings file, and our own for the rest.

    Raises
    ------
    InvalidSetting
        Naming what is wrong in the file.
    """
    own = msgspec.toml.decode(
        (resources.files(__package__) / "voices.toml").read_bytes(), type=Voices
    )
    if path is None:
        return own
    try:
        file = msgspec.toml.decode(path.read_bytes(), type=Voices)
    except OSError as error:
        raise InvalidSetting(f"RR_TTS_VOICES={path}: {error.strerror or error}") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidSetting(f"RR_TTS_VOICES={path}: {error}") from None
    return Voices(
        elevenlabs=own.elevenlabs | file.elevenlabs,
        openai=own.openai | file.openai,
    )
