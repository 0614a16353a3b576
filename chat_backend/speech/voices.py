"""The voice of each profile, by engine, and the settings file that overrides it."""

from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct, field

from chat_backend.toml_file import read_toml
from shared_schema.ids import VoiceProfile

OWN: Final = Path(__file__).with_name("voices.toml")

Text = Annotated[str, Meta(min_length=1)]
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
    """The voices by profile, of one file or merged.

    Attributes
    ----------
    elevenlabs, openai : dict
        Each profile's voice.
    guide : dict
        What each profile is good for, as models are told.
    summary : VoiceProfile
        Who speaks the summary.
    """

    elevenlabs: dict[VoiceProfile, ElevenLabsVoice] = field(default_factory=dict)
    openai: dict[VoiceProfile, OpenAIVoice] = field(default_factory=dict)
    guide: dict[VoiceProfile, Text] = field(default_factory=dict)
    summary: VoiceProfile = "calm_soothing"


def load_voices(path: Path | None, *, show: Path | None = None) -> Voices:
    """Return every profile's voices: those of the settings file, a show's, and our own.

    Parameters
    ----------
    path : Path or None
        The file of RR_TTS_VOICES.
    show : Path or None
        The show's ``voices.toml``.

    Raises
    ------
    InvalidSetting
        Naming what is wrong in a file.
    """
    files = [read_toml(OWN)]
    if show is not None:
        files.append(read_toml(show))
    if path is not None:
        files.append(read_toml(path, setting="RR_TTS_VOICES"))
    voices = Voices()
    for file in files:
        content = file.converted(Voices)
        voices = Voices(
            elevenlabs=voices.elevenlabs | content.elevenlabs,
            openai=voices.openai | content.openai,
            guide=voices.guide | content.guide,
            summary=content.summary if "summary" in file.content else voices.summary,
        )
    return voices
