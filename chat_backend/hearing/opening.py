"""Opens the engine that hears: chosen by the settings, the keys and what is installed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from chat_backend.hearing.engine import Hearing
from chat_backend.hearing.listener import Listener
from chat_backend.hearing.routes import HearingRoute
from chat_backend.hearing.service import Ears
from chat_backend.hearing.transcription_api import OpenAITranscription, Scribe, TranscriptionAPI
from chat_backend.hearing.whisper import WHISPER, Whisper, is_installed, weights_folder
from chat_backend.metrics import Metrics
from chat_backend.providers import keys as key_names
from chat_backend.providers.calls import ProviderCalls, limits_of
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import OPENAI_URL, Hints
from chat_backend.providers.usage import Account
from chat_backend.storage.recordings import KeptRecordings
from shared_schema.decoding import InvalidSetting
from shared_schema.layout import Artifacts
from shared_schema.settings import Settings

REMEDY: Final = (
    "install the extra (uv sync --extra ears), or set ELEVENLABS_API_KEY, RR_STT_OPENAI_URL or"
    " OPENAI_API_KEY"
)
SWITCHED_OFF: Final = "hearing is switched off: RR_STT=off"
NO_ENGINE: Final = f"nothing here can hear: {REMEDY}"


Engine = tuple[Listener, Hearing]


def build_hearing(
    settings: Settings, keys: Keys, metrics: Metrics, *, hints: Hints | None = None
) -> Engine | str:
    """Return the configured engine and the process that prepares its recordings, not started.

    Where nothing hears, the reason and the remedy are returned in its place.

    Raises
    ------
    InvalidSetting
        If the engine that RR_STT names lacks its key, its server, or the extra.
    """
    if settings.stt == "off":
        return SWITCHED_OFF
    weights = settings.stt_whisper_model
    installed = is_installed(weights)
    if settings.stt == "whisper" and not installed:
        raise InvalidSetting("RR_STT=whisper needs the extra: uv sync --extra ears")
    if weights is not None and not (weights / "model.bin").is_file():
        raise InvalidSetting(f"RR_STT_WHISPER_MODEL={weights} has no model.bin (CTranslate2)")
    if installed and settings.stt in {"auto", "whisper"}:
        listener = Listener(weights_folder(weights))
        calls = _calls(settings, metrics, WHISPER)
        return listener, Whisper(listener, calls, timeout_s=settings.stt_timeout_s)
    api = _api_of(settings, keys)
    if api is None:
        return NO_ENGINE
    # A start that calls no provider needs no HTTP client.
    from chat_backend.hearing.remote import RemoteHearing  # noqa: PLC0415

    hearing = RemoteHearing(
        api,
        _calls(settings, metrics, api.provider),
        keys,
        timeout_s=settings.stt_timeout_s,
        hints=hints or Hints(),
    )
    return Listener(None), hearing


@asynccontextmanager
async def open_hearing(
    engine: Engine | str, settings: Settings, metrics: Metrics, artifacts: Artifacts
) -> AsyncIterator[HearingRoute]:
    """Start what `build_hearing` returned, and yield the endpoint."""
    kept = KeptRecordings(artifacts) if settings.stt_keep else None
    async with AsyncExitStack() as stack:
        if isinstance(engine, str):
            ears, reason = None, engine
        else:
            ears, reason = Ears(*engine, settings), ""
            stack.push_async_callback(ears.close)
            await ears.start()
        yield HearingRoute(settings=settings, metrics=metrics, ears=ears, reason=reason, kept=kept)


def _calls(settings: Settings, metrics: Metrics, provider: str) -> ProviderCalls:
    account = Account(metrics, "hearing", provider)
    return ProviderCalls(provider, limits_of(settings, "hearing"), account)


def _api_of(settings: Settings, keys: Keys) -> TranscriptionAPI | None:
    eleven_key = keys.of(key_names.ELEVENLABS)
    own = settings.stt_openai_url
    # OpenAI's key is for OpenAI only: another server gets its own key.
    openai_key = keys.of(key_names.STT, *(() if own else (key_names.OPENAI,)))
    if settings.stt == "elevenlabs" and not eleven_key:
        raise InvalidSetting(f"RR_STT=elevenlabs needs {key_names.ELEVENLABS}")
    if settings.stt == "openai" and not (own or openai_key):
        raise InvalidSetting(f"RR_STT=openai needs {key_names.OPENAI} or RR_STT_OPENAI_URL")
    if eleven_key and settings.stt in {"auto", "elevenlabs"}:
        return Scribe(
            url=settings.elevenlabs_url, model=settings.stt_elevenlabs_model, key=eleven_key
        )
    if own or openai_key:
        return OpenAITranscription(
            url=own or OPENAI_URL, model=settings.stt_openai_model, key=openai_key
        )
    return None
