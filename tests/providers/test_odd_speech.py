"""Servers of speech that are "compatible": what they send, and what is made of it."""

import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chat_backend.errors import SpeechFailed
from chat_backend.metrics import Metrics
from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Hints
from chat_backend.show.show import load_show
from chat_backend.speech.choice import build_speech, speech_api_of
from chat_backend.speech.engine import FallbackUsed, Speech
from shared_schema.settings import Settings
from tests.providers.conftest import SECRETS
from tests.providers.odd import Odd, Reply, Request, as_json, sound
from tests.support.sounds import (
    FILES,
    NO_SOUND,
    PITCH_HZ,
    RANDOM,
    SECONDS,
    pcm,
    pitch_hz,
    wav,
)

TEXT = "The tide comes back to look for what it forgot."


@asynccontextmanager
async def voice(
    odd: Odd, limits: CallLimits, hints: Hints | None = None, **more: Any
) -> AsyncIterator[Speech]:
    """Yield the speech of a show whose server is the odd one."""
    chosen: dict[str, Any] = {"tts": "openai", "tts_openai_url": f"{odd.url}/v1"}
    settings = Settings(**{**chosen, **more})
    keys = Keys(SECRETS)
    api = speech_api_of(settings, keys, load_show(settings))
    speech = build_speech(api, settings, keys, Metrics(), limits=limits, hints=hints)
    await speech.start()
    try:
        yield speech
    finally:
        await speech.close()


async def spoken(odd: Odd, limits: CallLimits, path: Path, **more: Any) -> FallbackUsed | None:
    """Speak a text, and return which fallback spoke it."""
    async with voice(odd, limits, **more) as speech:
        return await speech.speak(TEXT, "friendly_casual", path)


async def failure(odd: Odd, limits: CallLimits, path: Path, **more: Any) -> SpeechFailed:
    """Return why a text was not spoken, without a fallback."""
    with pytest.raises(SpeechFailed) as raised:
        await spoken(odd, limits, path, tts_fallback="off", **more)
    assert raised.value.remedy, "an operator learns what to do"
    return raised.value


def is_the_sound(path: Path) -> bool:
    """Return whether a file holds the known sound, within 3 %."""
    with wave.open(str(path)) as file:
        data = file.readframes(file.getnframes())
        assert file.getframerate() == 24_000
    signal = (np.frombuffer(data, "<i2") / 32768.0).astype(np.float32)
    length = (len(signal) / 24_000 - 0.1) / SECONDS  # 50 ms of silence on both sides
    return abs(length - 1) < 0.03 and abs(pitch_hz(signal) / PITCH_HZ - 1) < 0.03


@pytest.mark.parametrize(
    ("form", "framing"),
    [
        *((form, "chunked") for form in (*FILES, "raw")),
        *((form, framing) for form in ("raw", "wav", "mp3") for framing in ("length", "close")),
    ],
)
async def test_every_form_is_spoken_however_it_is_sent(
    odd: Odd, quick: CallLimits, tmp_path: Path, form: str, framing: Any
) -> None:
    """With its length, in chunks, or until the line closes."""
    data = pcm() if form == "raw" else FILES[form]()
    odd.always(sound(data, "audio/pcm", framing=framing))
    assert await spoken(odd, quick, tmp_path / "a.wav", tts_fallback="off") is None
    assert is_the_sound(tmp_path / "a.wav")


@pytest.mark.parametrize("what", ["random bytes", "noise in a WAV"])
async def test_the_embedded_voice_speaks_where_no_sound_comes(
    odd: Odd, quick: CallLimits, tmp_path: Path, what: str
) -> None:
    """And it is said what came instead."""
    odd.always(sound(NO_SOUND[what], "audio/mpeg"))
    fallback = await spoken(odd, quick, tmp_path / "a.wav")
    assert fallback is not None
    assert fallback.reason.startswith("openai sent no speech (")
    assert not is_the_sound(tmp_path / "a.wav")


@pytest.mark.parametrize("share", [0.3, 0.7])
@pytest.mark.parametrize("form", ["raw", "wav", "mp3", "ogg vorbis", "flac", "aiff"])
async def test_a_cut_stream_is_not_spoken(
    odd: Odd, quick: CallLimits, tmp_path: Path, form: str, share: float
) -> None:
    """Not even its half."""
    data = pcm() if form == "raw" else FILES[form]()
    cut = data[: int(len(data) * share)]
    odd.always(sound(cut, "audio/mpeg", framing="cut" if form == "raw" else "close"))
    await failure(odd, quick, tmp_path / "a.wav")


async def test_a_rate_that_is_not_declared_can_be_set(
    odd: Odd, quick: CallLimits, tmp_path: Path
) -> None:
    """RR_TTS_OPENAI_RATE."""
    odd.always(sound(pcm(22_050), "audio/pcm"))
    path = tmp_path / "a.wav"
    assert await spoken(odd, quick, path, tts_openai_rate=22_050, tts_fallback="off") is None
    assert is_the_sound(path)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"error": {"message": "response_format 'pcm' is not supported", "code": None}}),
        (422, {"detail": [{"loc": ["body", "response_format"], "msg": "unexpected value"}]}),
        (400, {"error": "Only wav and mp3 are supported"}),
        (500, {"detail": "ValueError: unknown format pcm"}),
        (415, {"message": "unsupported codec"}),
        (400, {}),
    ],
)
async def test_a_server_that_knows_no_raw_samples_is_asked_for_a_file(
    odd: Odd, quick: CallLimits, tmp_path: Path, status: int, error: Any
) -> None:
    """Once; it is remembered, and hinted."""

    def answer(request: Request) -> Reply:
        wanted = request.body["response_format"]
        return sound(wav(), "audio/wav") if wanted == "wav" else as_json(error, status)

    odd.answer = answer
    hints = Hints()
    async with voice(odd, quick, hints, tts_fallback="off") as speech:
        for name in ("a.wav", "b.wav"):
            await speech.speak(TEXT, "friendly_casual", tmp_path / name)
            assert is_the_sound(tmp_path / name)
    assert [each.body["response_format"] for each in odd.received] == ["pcm", "wav", "wav"]
    assert hints.lines == ["openai sends files instead of raw samples"]


async def test_a_server_that_sends_what_cannot_be_read_is_asked_for_a_file(
    odd: Odd, quick: CallLimits, tmp_path: Path
) -> None:
    """Floats in place of 16-bit samples, for example."""
    floats = NO_SOUND["floats as raw samples"]

    def answer(request: Request) -> Reply:
        return sound(wav() if request.body["response_format"] == "wav" else floats)

    odd.answer = answer
    assert await spoken(odd, quick, tmp_path / "a.wav", tts_fallback="off") is None
    assert is_the_sound(tmp_path / "a.wav")


async def test_the_settings_file_says_what_a_server_sends(
    odd: Odd, quick: CallLimits, tmp_path: Path
) -> None:
    """Then nothing need be found out."""
    file = tmp_path / "agents.toml"
    file.write_text('[speech]\nresponse_format = "wav"\n', "utf-8")
    odd.always(sound(wav(), "audio/wav"))
    await spoken(odd, quick, tmp_path / "a.wav", agent_models=file, tts_fallback="off")
    assert [each.body["response_format"] for each in odd.received] == ["wav"]


@pytest.mark.parametrize("name", ["speed", "instructions"])
async def test_fields_that_a_server_does_not_know_are_left_out(
    odd: Odd, quick: CallLimits, tmp_path: Path, name: str
) -> None:
    """Where its words name them."""

    def answer(request: Request) -> Reply:
        if name in request.body:
            return as_json({"error": {"message": f"Unrecognized argument: {name}"}}, 400)
        return sound(pcm())

    odd.answer = answer
    assert await spoken(odd, quick, tmp_path / "a.wav", tts_fallback="off") is None
    assert len(odd.received) == 2


@pytest.mark.parametrize(
    "elsewhere",
    [
        Reply(status=404, body=b"404 page not found"),
        as_json({"detail": "Not Found"}, 404),
        as_json({"detail": "Method Not Allowed"}, 405),
        Reply(body=b"<html><title>Studio</title></html>", headers={"content-type": "text/html"}),
    ],
)
async def test_a_forgotten_v1_is_found_once_and_hinted(
    odd: Odd, quick: CallLimits, tmp_path: Path, elsewhere: Reply
) -> None:
    """The operator learns the URL to write."""
    odd.answer = lambda request: sound(pcm()) if request.path == "/v1/audio/speech" else elsewhere
    hints = Hints()
    async with voice(odd, quick, hints, tts_openai_url=odd.url, tts_fallback="off") as speech:
        for name in ("a.wav", "b.wav"):
            await speech.speak(TEXT, "friendly_casual", tmp_path / name)
    assert odd.paths() == ["/audio/speech", "/v1/audio/speech", "/v1/audio/speech"]
    assert hints.lines == [f"openai answers at {odd.url}/v1: add the /v1 to its URL"]


@pytest.mark.parametrize("end", ["/v1/", "/v1/audio/speech", "/v1/audio/speech/"])
async def test_a_url_may_end_as_it_was_copied(
    odd: Odd, quick: CallLimits, tmp_path: Path, end: str
) -> None:
    """With a slash, or with the endpoint itself."""
    odd.always(sound(pcm()))
    await spoken(odd, quick, tmp_path / "a.wav", tts_openai_url=odd.url + end, tts_fallback="off")
    assert odd.paths() == ["/v1/audio/speech"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_on_the_same_host_is_followed(
    odd: Odd, quick: CallLimits, tmp_path: Path, status: int
) -> None:
    """With the same request, key included."""

    def answer(request: Request) -> Reply:
        if request.path == "/api/audio/speech":
            return sound(pcm())
        return Reply(status=status, headers={"location": "/api/audio/speech"})

    odd.answer = answer
    assert await spoken(odd, quick, tmp_path / "a.wav", tts_fallback="off") is None
    first, second = odd.received
    assert first.body == second.body
    assert second.headers["authorization"] == f"Bearer {SECRETS['TTS_API_KEY']}"


@pytest.mark.parametrize(
    "location", ["https://elsewhere.example/v1/audio/speech", "//elsewhere.example/x"]
)
async def test_a_redirect_to_another_host_is_named_and_not_followed(
    odd: Odd, quick: CallLimits, tmp_path: Path, location: str
) -> None:
    """No key goes there."""
    odd.always(Reply(status=307, headers={"location": location}))
    error = await failure(odd, quick, tmp_path / "a.wav")
    assert "redirects to another host" in str(error)
    assert "://elsewhere.example" in str(error)
    assert len(odd.received) == 1


@pytest.mark.parametrize("location", [None, "", "mailto:x@y", "http://"])
async def test_a_redirect_that_leads_nowhere_is_an_error(
    odd: Odd, quick: CallLimits, tmp_path: Path, location: str | None
) -> None:
    """So is a loop."""
    odd.always(Reply(status=302, headers={} if location is None else {"location": location}))
    await failure(odd, quick, tmp_path / "a.wav")
    odd.always(Reply(status=302, headers={"location": "/v1/audio/speech"}))
    assert "redirect loop" in str(await failure(odd, quick, tmp_path / "a.wav"))


ELEVEN_QUOTA = {"detail": {"status": "quota_exceeded", "message": "You have 0 credits left."}}
OPENAI_QUOTA = {
    "error": {
        "message": "You exceeded your current quota, please check your plan and billing details.",
        "type": "insufficient_quota",
        "code": "insufficient_quota",
    }
}


@pytest.mark.parametrize(
    ("status", "body", "says", "calls"),
    [
        (401, ELEVEN_QUOTA, "no credit or quota left (401): You have 0 credits left.", 1),
        (429, OPENAI_QUOTA, "no credit or quota left (429): You exceeded", 1),
        (402, {"error": "Payment Required"}, "no credit or quota left (402)", 1),
        (401, {"detail": "Invalid API key"}, "rejected the API key (401): Invalid API key", 1),
        (
            400,
            {"error": {"status": "INVALID_ARGUMENT", "message": "API key not valid."}},
            "rejected the API key (400): API key not valid.",
            1,
        ),
        (
            403,
            {"error": {"message": "Project p has no access to model tts-1", "code": "x"}},
            "denied access (403): Project p has no access to model tts-1",
            1,
        ),
        (
            401,
            {"detail": {"status": "missing_permissions", "message": "Missing the permission tts"}},
            "denied access (401)",
            1,
        ),
        (
            404,
            {"error": {"message": "The model `tts-9` does not exist", "code": "model_not_found"}},
            "does not know the model (404)",
            1,
        ),
        (429, {"error": {"message": "Rate limit reached. Add a payment method"}}, "limits our", 3),
        (429, {"detail": {"status": "too_many_concurrent_requests"}}, "limits our calls (429", 3),
        (503, {"error": {"message": "Model is overloaded"}}, "is overloaded (503)", 3),
        (529, {"error": {"type": "overloaded_error"}}, "is overloaded (529)", 3),
        (500, {"error": "boom"}, "failed (500): boom", 3),
        (
            400,
            {"error": {"message": "flagged by our content policy", "code": "content_filter"}},
            "refused to answer",
            1,
        ),
        (400, {"detail": "voice 'alloy' is not known"}, "rejected the request (400): voice", 1),
        (404, b"<html><title>404</title></html>", "has nothing at this URL (404)", 1),
    ],
)
async def test_the_providers_words_reach_the_operator(  # noqa: PLR0917
    odd: Odd, quick: CallLimits, tmp_path: Path, status: int, body: Any, says: str, calls: int
) -> None:
    """What they mean decides, not the status alone; what can't pass is not tried again."""
    odd.always(as_json(body, status))
    error = await failure(odd, quick, tmp_path / "a.wav")
    assert says in str(error)
    assert len(odd.received) == calls


@pytest.mark.parametrize(
    ("body", "says", "calls"),
    [
        ({"error": {"message": "Invalid API key", "code": 401}}, "rejected the API key", 1),
        (OPENAI_QUOTA, "no credit or quota left", 1),
        ({"error": {"message": "Rate limit", "code": "429"}}, "limits our calls", 3),
        ({"error": "internal"}, "failed (inside a 200): internal", 3),
        ([{"error": {"code": 503, "message": "busy"}}], "is overloaded", 3),
        ({"type": "error", "error": {"type": "overloaded_error"}}, "is overloaded", 3),
        ({"success": False, "message": "out of credits"}, "no credit", 1),
        ({"type": "about:blank", "title": "Unauthorized", "status": 401}, "rejected the API", 1),
        ({"code": 429, "msg": "slow down"}, "limits our calls", 3),
        ({"detail": "no such voice"}, "failed (inside a 200): no such voice", 3),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "credit", 1),
    ],
)
async def test_an_error_inside_a_200_counts_as_its_status(  # noqa: PLR0917
    odd: Odd, quick: CallLimits, tmp_path: Path, body: Any, says: str, calls: int
) -> None:
    """Whatever its label."""
    odd.always(as_json(body, content_type="audio/pcm"))
    error = await failure(odd, quick, tmp_path / "a.wav")
    assert says in str(error)
    assert len(odd.received) == calls


async def test_keys_that_are_quoted_back_are_redacted(
    odd: Odd, quick: CallLimits, tmp_path: Path
) -> None:
    """Whole, in part, in errors and in what should be sound."""
    key = SECRETS["TTS_API_KEY"]
    for reply in (
        as_json({"error": {"message": f"Incorrect API key provided: {key}"}}, 401),
        as_json({"error": {"message": f"Incorrect API key provided: {key[:8]}***{key[-4:]}"}}),
        sound(f"no such key: {key}".encode()),
        sound(f"<html><title>{key}</title></html>".encode()),
    ):
        odd.always(reply)
        message = str(await failure(odd, quick, tmp_path / "a.wav"))
        assert "MARKED" not in message
        assert "[key]" in message


async def test_an_endless_stream_ends(
    odd: Odd, quick: CallLimits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the disk is full."""
    monkeypatch.setattr("chat_backend.speech.remote.MAX_BYTES", 1_000_000)
    odd.always(sound(RANDOM.bytes(1_500_000)))
    assert "more than 1000000 bytes" in str(await failure(odd, quick, tmp_path / "a.wav"))
    assert list(tmp_path.iterdir()) == []
