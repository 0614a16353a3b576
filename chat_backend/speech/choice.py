"""Which engine speaks, by the settings and the keys that are there."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from chat_backend.metrics import Metrics
from chat_backend.providers import keys as key_names
from chat_backend.providers.accounts import Account
from chat_backend.providers.conduct import Conduct, Patience, patience_of
from chat_backend.providers.keys import Keys
from chat_backend.speech.base import Speech
from chat_backend.speech.fallback import EMBEDDED, CountedSpeech, SpeechWithFallback
from chat_backend.speech.hibari import HibariSpeech
from chat_backend.speech.voices import ELEVENLABS_VOICES, OPENAI_VOICES, load_voices_file
from shared_schema.decoding import InvalidSetting
from shared_schema.ids import VoiceProfile
from shared_schema.settings import Settings

if TYPE_CHECKING:
    from chat_backend.speech.dialects import Dialect
    from chat_backend.speech.remote import RemoteSpeech

T = TypeVar("T")
Engine = Literal["hibari", "elevenlabs", "openai"]

OPENAI_URL: Final = "https://api.openai.com/v1"
# Of a slot's time in a turn; what is left is for the embedded voice, should it have to stand in.
SHARE_OF_TURN: Final = 0.3


def chosen_engine(settings: Settings, keys: Keys) -> Engine:
    """Return which engine speaks.

    Raises
    ------
    InvalidSetting
        If the engine that RR_TTS names lacks its key.
    """
    elevenlabs = keys.of(key_names.ELEVENLABS) is not None
    openai = bool(settings.tts_openai_url) or keys.of(key_names.TTS, key_names.OPENAI) is not None
    match settings.tts:
        case "auto" if elevenlabs:
            return "elevenlabs"
        case "auto" if openai:
            return "openai"
        case "auto" | "hibari":
            return "hibari"
        case "elevenlabs" if not elevenlabs:
            raise InvalidSetting(f"RR_TTS=elevenlabs needs {key_names.ELEVENLABS}")
        case "openai" if not openai:
            raise InvalidSetting(f"RR_TTS=openai needs {key_names.OPENAI} or RR_TTS_OPENAI_URL")
        case engine:
            return engine


def dialect_of(engine: Engine, settings: Settings, keys: Keys) -> "Dialect | None":
    """Return how a remote engine is asked; None for the embedded one.

    Raises
    ------
    InvalidSetting
        If the file of RR_TTS_VOICES can't be used.
    """
    file = load_voices_file(settings.tts_voices)
    if engine == "hibari":
        return None
    # An HTTP client is nothing for a start that calls nobody.
    from chat_backend.speech.dialects import ElevenLabs, OpenAISpeech  # noqa: PLC0415

    match engine:
        case "elevenlabs":
            return ElevenLabs(
                url=settings.elevenlabs_url,
                model=settings.elevenlabs_model,
                key=keys.of(key_names.ELEVENLABS) or "",
                voices=_merged(ELEVENLABS_VOICES, file.elevenlabs),
            )
        case "openai":
            # OpenAI's key is OpenAI's: another server gets only the key that is meant for it.
            own = settings.tts_openai_url
            names = (key_names.TTS,) if own else (key_names.TTS, key_names.OPENAI)
            return OpenAISpeech(
                url=own or OPENAI_URL,
                model=settings.tts_openai_model,
                key=keys.of(*names),
                voices=_merged(OPENAI_VOICES, file.openai),
            )


def build_speech(
    settings: Settings, keys: Keys, metrics: Metrics, *, patience: Patience | None = None
) -> Speech:
    """Return the speech of a show, not started yet.

    Raises
    ------
    InvalidSetting
        If what is wished for can't be had.
    """
    dialect = dialect_of(chosen_engine(settings, keys), settings, keys)
    embedded = CountedSpeech(
        HibariSpeech(workers=settings.speech_workers), Account(metrics, "speech", EMBEDDED)
    )
    if dialect is None:
        return embedded
    remote = remote_speech(dialect, settings, keys, metrics, patience=patience)
    if settings.tts_fallback == "off":
        return remote
    return SpeechWithFallback(remote, embedded, Account(metrics, "speech", dialect.provider))


def remote_speech(
    dialect: "Dialect",
    settings: Settings,
    keys: Keys,
    metrics: Metrics,
    *,
    patience: Patience | None = None,
) -> "RemoteSpeech":
    """Return the engine that speaks a dialect."""
    from chat_backend.speech.remote import RemoteSpeech  # noqa: PLC0415  # as above

    account = Account(metrics, "speech", dialect.provider)
    return RemoteSpeech(
        dialect,
        Conduct(dialect.provider, patience or patience_of(settings), account),
        keys,
        within_s=SHARE_OF_TURN * settings.chat_turn_timeout_s,
    )


def _merged(
    voices: Mapping[VoiceProfile, T], changed: Mapping[VoiceProfile, T]
) -> Mapping[VoiceProfile, T]:
    return {**voices, **changed}
