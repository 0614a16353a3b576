"""Speech over the wire: what is sent, what is kept of what comes, and who stands in."""

import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from chat_backend.errors import SpeechFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from chat_backend.providers.usage import Usage, charged_to
from chat_backend.show.show import load_show
from chat_backend.speech.audio import CEILING_DBFS, SAMPLE_RATE_HZ, TARGET_LUFS, loudness
from chat_backend.speech.choice import build_speech, speech_api_of
from chat_backend.speech.engine import FallbackUsed, Speech
from chat_backend.speech.voices import load_voices
from shared_schema.decoding import InvalidSetting
from shared_schema.ids import VOICE_PROFILES
from shared_schema.settings import Settings
from tests.providers.acts import RETRY_AFTER_S, Act
from tests.providers.asking import settings_for
from tests.providers.conftest import SECRETS
from tests.providers.wire import S_PER_CHARACTER, Wire

TEXT = "The tide comes back to look for what it forgot."
# The servers' names of the two protocols.
PROTOCOLS = ("elevenlabs", "speech")
ENGINE = {"elevenlabs": "elevenlabs", "speech": "openai"}
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
SOON = CallLimits(call_s=0.7, attempts=2, first_pause_s=0.01, longest_pause_s=0.02, jitter_s=0.01)


def settings_of(wire: Wire, protocol: str, **more: object) -> Settings:
    return settings_for(wire, tts=ENGINE[protocol], **more)


def built(
    settings: Settings, keys: Keys, metrics: Metrics, *, limits: CallLimits | None = None
) -> Speech:
    api = speech_api_of(settings, keys, load_show(settings))
    return build_speech(api, settings, keys, metrics, limits=limits)


def engine_of(settings: Settings, keys: Keys) -> str:
    api = speech_api_of(settings, keys, load_show(settings))
    return api.provider if api else "hibari"


@asynccontextmanager
async def voice_at(
    wire: Wire, protocol: str, keys: Keys, limits: CallLimits
) -> AsyncIterator[Speech]:
    """Yield the remote engine alone, started."""
    settings = settings_of(wire, protocol, tts_fallback="off")
    speech = built(settings, keys, Metrics(), limits=limits)
    await speech.start()
    yield speech
    await speech.close()


def heard(path: Path) -> NDArray[np.float32]:
    """Return a file's samples, if its form is the one of all speech."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        assert file.getframerate() == SAMPLE_RATE_HZ
        data = file.readframes(file.getnframes())
    return (np.frombuffer(data, "<i2") / 32768.0).astype(np.float32)


async def test_elevenlabs_is_asked_as_documented(wire: Wire, keys: Keys, tmp_path: Path) -> None:
    """Key, voice, model, settings and raw samples."""
    async with voice_at(wire, "elevenlabs", keys, CallLimits()) as speech:
        await speech.speak(TEXT, "calm_soothing", tmp_path / "a.wav")
    (request,) = wire.of("elevenlabs")
    voice = load_voices(None).elevenlabs["calm_soothing"]
    assert request.path == f"/v1/text-to-speech/{voice.voice_id}/stream"
    assert request.query == {"output_format": "pcm_24000"}
    assert request.headers["xi-api-key"] == SECRETS["ELEVENLABS_API_KEY"]
    assert request.body == {
        "text": TEXT,
        "model_id": "eleven_flash_v2_5",
        "voice_settings": {
            "stability": 0.8,
            "similarity_boost": 0.75,
            "style": 0.0,
            "use_speaker_boost": True,
            "speed": 0.88,
        },
    }


async def test_openai_speech_is_asked_as_documented(wire: Wire, keys: Keys, tmp_path: Path) -> None:
    """A server of one's own gets its own key, never OpenAI's."""
    async with voice_at(wire, "speech", keys, CallLimits()) as speech:
        await speech.speak(TEXT, "confident_charming", tmp_path / "a.wav")
    (request,) = wire.of("speech")
    assert request.headers["authorization"] == f"Bearer {SECRETS['TTS_API_KEY']}"
    assert SECRETS["OPENAI_API_KEY"] not in " ".join(request.headers.values())
    voice = load_voices(None).openai["confident_charming"]
    assert request.body == {
        "model": "gpt-4o-mini-tts",
        "input": TEXT,
        "voice": voice.voice,
        "response_format": "pcm",
        "speed": voice.speed,
        "instructions": voice.instructions,
    }


@each_protocol
async def test_every_profile_has_a_voice_of_its_own(
    wire: Wire, keys: Keys, tmp_path: Path, protocol: str
) -> None:
    """Six profiles, six voices."""
    settings = settings_of(wire, protocol)
    api = speech_api_of(settings, keys, load_show(settings))
    assert api is not None
    assert len({api.voice(profile) for profile in VOICE_PROFILES}) == len(VOICE_PROFILES)


@each_protocol
@pytest.mark.parametrize("act", ["well", "wav"])
async def test_what_comes_becomes_a_file_like_all_others(
    wire: Wire, keys: Keys, tmp_path: Path, protocol: str, act: Act
) -> None:
    """Raw samples or a sound file: the length of the text, the loudness of the embedded voices."""
    wire.script(protocol, act)
    path = tmp_path / "turn_1" / "a.wav"
    async with voice_at(wire, protocol, keys, CallLimits()) as speech:
        await speech.speak(TEXT, "friendly_casual", path)
    signal = heard(path)
    assert signal.size / SAMPLE_RATE_HZ == pytest.approx(S_PER_CHARACTER * len(TEXT), abs=0.2)
    assert loudness(signal, sample_rate=SAMPLE_RATE_HZ) == pytest.approx(TARGET_LUFS, abs=1.0)
    assert 20 * np.log10(np.abs(signal).max()) <= CEILING_DBFS + 0.01
    assert [each.name for each in path.parent.iterdir()] == ["a.wav"]


@each_protocol
@pytest.mark.parametrize(
    ("act", "calls", "says"),
    [
        ("401", 1, "rejected the API key"),
        ("429", 3, "429"),
        ("429-long", 1, "asks to wait 900 s"),
        ("500", 3, "failed (500)"),
        ("cut", 3, "no speech|was lost"),
        ("html", 3, "Sign in to the hotel"),
        ("empty", 3, "nothing"),
        ("short", 3, "of sound for"),
        ("silence", 3, "of sound for|silence"),
        ("text-as-sound", 3, "text instead of sound"),
    ],
)
async def test_a_failure_is_an_error_and_no_file(  # noqa: PLR0917
    wire: Wire,
    keys: Keys,
    quick: CallLimits,
    tmp_path: Path,
    protocol: str,
    act: Act,
    calls: int,
    says: str,
) -> None:
    """A tts_error that says why; nothing half-written is left."""
    wire.script(protocol, act)
    path = tmp_path / "turn_1" / "a.wav"
    async with voice_at(wire, protocol, keys, quick) as speech:
        with pytest.raises(
            SpeechFailed, match=says.replace("(", r"\(").replace(")", r"\)")
        ) as raised:
            await speech.speak(TEXT, "friendly_casual", path)
    assert raised.value.error_type == "tts_error"
    assert raised.value.__cause__ is None
    assert not any(key in str(raised.value) for key in SECRETS.values())
    assert len(wire.of(protocol)) == calls
    assert list(path.parent.iterdir()) == []


@each_protocol
@pytest.mark.parametrize(
    ("acts", "calls"),
    [
        (["500", "500", "well"], 3),
        (["cut", "well"], 2),
        (["hang", "well"], 2),
        (["empty", "well"], 2),
    ],
)
async def test_what_passes_passes(  # noqa: PLR0917
    wire: Wire,
    keys: Keys,
    quick: CallLimits,
    tmp_path: Path,
    protocol: str,
    acts: list[Act],
    calls: int,
) -> None:
    """The file of the call that succeeded, and the account of all."""
    wire.script(protocol, *acts)
    usage = Usage()
    path = tmp_path / "a.wav"
    async with voice_at(wire, protocol, keys, quick) as speech:
        with charged_to(usage):
            await speech.speak(TEXT, "friendly_casual", path)
    assert heard(path).size > 0
    (row,) = usage.rows()
    assert (row.calls, row.failures, row.retries) == (calls, calls - 1, calls - 1)
    assert row.characters == len(TEXT)


@each_protocol
async def test_a_hang_ends(wire: Wire, keys: Keys, tmp_path: Path, protocol: str) -> None:
    """Within the limit of a call, as often as it is made."""
    wire.script(protocol, "hang")
    async with voice_at(wire, protocol, keys, SOON) as speech:
        with pytest.raises(SpeechFailed, match="did not answer within"):
            await speech.speak(TEXT, "friendly_casual", tmp_path / "a.wav")
    assert len(wire.of(protocol)) == SOON.attempts


@each_protocol
async def test_retry_after_is_honoured(
    wire: Wire, keys: Keys, quick: CallLimits, tmp_path: Path, protocol: str
) -> None:
    """No call comes earlier than the provider asked for."""
    wire.script(protocol, "429", "well")
    async with voice_at(wire, protocol, keys, quick) as speech:
        begun = time.monotonic()
        await speech.speak(TEXT, "friendly_casual", tmp_path / "a.wav")
    assert time.monotonic() - begun >= RETRY_AFTER_S


@each_protocol
async def test_a_text_without_words_is_not_sent(
    wire: Wire, keys: Keys, tmp_path: Path, protocol: str
) -> None:
    """It would be paid for."""
    async with voice_at(wire, protocol, keys, CallLimits()) as speech:
        with pytest.raises(SpeechFailed, match="no words"):
            await speech.speak(" ... ", "friendly_casual", tmp_path / "a.wav")
    assert wire.of(protocol) == []


async def test_a_folder_that_cannot_be_written_is_a_failure(
    wire: Wire, keys: Keys, tmp_path: Path
) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "turn_1").write_text("", "utf-8")
    async with voice_at(wire, "speech", keys, CallLimits()) as speech:
        with pytest.raises(SpeechFailed, match=r"cannot write turn_1/a\.wav"):
            await speech.speak(TEXT, "friendly_casual", tmp_path / "turn_1" / "a.wav")


@each_protocol
async def test_the_embedded_voice_stands_in(
    wire: Wire, keys: Keys, quick: CallLimits, tmp_path: Path, protocol: str
) -> None:
    """The file is there, and it is said who spoke and why; off, it is an error."""
    wire.script(protocol, "401")
    metrics, usage = Metrics(), Usage()
    speech = built(settings_of(wire, protocol), keys, metrics, limits=quick)
    await speech.start()
    path = tmp_path / "a.wav"
    try:
        with charged_to(usage):
            fallback = await speech.speak(TEXT, "friendly_casual", path)
            unspeakable = pytest.raises(SpeechFailed, match=r"rejected the API key.*and hibari: ")
            with unspeakable:
                await speech.speak("水は夢を見る", "friendly_casual", tmp_path / "b.wav")
    finally:
        await speech.close()
    assert isinstance(fallback, FallbackUsed)
    assert fallback.engine == "hibari"
    assert "rejected the API key" in fallback.reason
    assert heard(path).size > SAMPLE_RATE_HZ
    embedded, remote = sorted(usage.rows(), key=lambda row: row.provider != "hibari")
    assert (embedded.calls, embedded.failures, embedded.characters) == (2, 1, len(TEXT))
    assert (remote.calls, remote.failures, remote.fallbacks) == (2, 2, 1)
    name = ENGINE[protocol]
    assert f'rr_speech_fallbacks_total{{provider="{name}"}} 1.0' in metrics.text().decode()
    alone = built(settings_of(wire, protocol, tts_fallback="off"), keys, metrics)
    await alone.start()
    with pytest.raises(SpeechFailed, match="rejected the API key"):
        await alone.speak(TEXT, "friendly_casual", tmp_path / "c.wav")
    await alone.close()


def test_the_settings_choose() -> None:
    """The first of ElevenLabs, a server of one's own and OpenAI that can be asked."""
    eleven, openai = Keys({"ELEVENLABS_API_KEY": "e"}), Keys({"OPENAI_API_KEY": "o"})
    own = Settings(tts_openai_url="http://localhost:8880/v1")
    assert engine_of(Settings(), Keys({})) == "hibari"
    assert engine_of(Settings(), eleven) == "elevenlabs"
    assert engine_of(Settings(), openai) == "openai"
    assert engine_of(own, Keys({})) == "openai"
    assert engine_of(own, eleven) == "elevenlabs"
    assert engine_of(Settings(tts="hibari"), eleven) == "hibari"
    assert engine_of(Settings(tts="openai"), Keys({"TTS_API_KEY": "t"})) == "openai"
    with pytest.raises(InvalidSetting, match="ELEVENLABS_API_KEY"):
        engine_of(Settings(tts="elevenlabs"), openai)
    with pytest.raises(InvalidSetting, match="RR_TTS_OPENAI_URL"):
        engine_of(Settings(tts="openai"), eleven)


def test_a_file_overrides_voices(tmp_path: Path) -> None:
    """Those that it names; its mistakes are told with their place."""
    path = tmp_path / "voices.toml"
    path.write_text('[openai.calm_soothing]\nvoice = "af_heart"\nspeed = 0.8\n', "utf-8")
    settings = Settings(tts_voices=path, tts_openai_url="http://localhost:8880/v1")
    api = speech_api_of(settings, Keys({}), load_show(settings))
    assert api is not None
    assert api.voice("calm_soothing") == "af_heart"
    assert api.voice("friendly_casual") == load_voices(None).openai["friendly_casual"].voice
    for wrong in (
        '[openai.whispered]\nvoice = "x"\n',
        '[elevenlabs.calm_soothing]\nvoice_id = "../x"\n',
        '[elevenlabs.calm_soothing]\nvoice_id = "x"\nstability = 2\n',
        "no toml",
    ):
        path.write_text(wrong, "utf-8")
        with pytest.raises(InvalidSetting, match="RR_TTS_VOICES"):
            load_show(settings)
    with pytest.raises(InvalidSetting, match="RR_TTS_VOICES"):
        load_show(Settings(tts_voices=tmp_path / "none.toml"))
