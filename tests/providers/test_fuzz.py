"""Whatever a provider sends, it becomes an answer, or an error that says why; never noise.

60 examples a test, or as many as FUZZ_EXAMPLES says: 2,000 and more at night.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import tempfile
import wave
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chat_backend.agents.models.answers import InvalidAnswer, object_in, validated
from chat_backend.agents.models.compatible import completion, from_stream, unanswered
from chat_backend.errors import AgentFailed, SpeechFailed
from chat_backend.metrics import Metrics
from chat_backend.providers import replies
from chat_backend.providers.calls import CallLimits, ProviderCalls
from chat_backend.providers.failure import Trouble, refused
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import Hints
from chat_backend.providers.usage import Account
from chat_backend.show.show import load_show
from chat_backend.speech.choice import speech_api_of
from chat_backend.speech.decoding import _is_noise
from chat_backend.speech.remote import RemoteSpeech
from chat_backend.speech.speech_api import SpeechAPI
from shared_schema.settings import Settings
from tests.providers.asking import response_question
from tests.support.sounds import FILES, MORE_FILES, NO_SOUND, pcm

# Many examples take their time.
pytestmark = pytest.mark.timeout(300 + 3 * int(os.environ.get("FUZZ_EXAMPLES", "0")))
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
fuzzed = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ONCE = CallLimits(attempts=1, call_s=20.0, first_pause_s=0.01, longest_pause_s=0.01, jitter_s=0.01)
HAS_AV = importlib.util.find_spec("av") is not None
SOUNDS = [make() for make in (FILES | (MORE_FILES if HAS_AV else {})).values()]
SOUNDS += [pcm(), pcm(16_000), pcm(order=">")]

# --- speech


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Return random bytes, text, or a sound that was cut, changed, or put behind something."""
    kind = draw(st.sampled_from(["random", "text", "cut", "changed", "mixed", "none"]))
    if kind == "random":
        seed, size = draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 60_000))
        head = draw(st.binary(max_size=16))
        return head + np.random.default_rng(seed).bytes(size)
    if kind == "text":
        return draw(st.text(max_size=50)).encode("utf-8", "replace") * draw(st.integers(1, 2000))
    if kind == "none":
        return draw(st.sampled_from(list(NO_SOUND.values())))
    sound = bytearray(draw(st.sampled_from(SOUNDS)))
    if kind == "cut":
        return bytes(sound[draw(st.integers(0, 64)) : draw(st.integers(0, len(sound)))])
    if kind == "changed":
        for _ in range(draw(st.integers(1, 8))):
            at = draw(st.integers(0, min(len(sound), 4000) - 1))
            sound[at] = draw(st.integers(0, 255))
        return bytes(sound)
    other = draw(st.sampled_from(SOUNDS))
    at = draw(st.integers(0, len(sound)))
    return bytes(sound[:at]) + other[draw(st.integers(0, 2000)) :]


media_types = st.one_of(
    st.sampled_from(
        [
            "audio/pcm",
            "audio/mpeg",
            "text/html; charset=utf-8",
            "application/json",
            "AUDIO/L16;RATE=22050;CHANNELS=2",
            "audio/pcm;rate=;channels=x",
            "audio/pcm;rate=99999999999999999999",
            "audio/basic",
            "",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
)
headers = st.fixed_dictionaries(
    {"content-type": media_types},
    optional={
        "retry-after": st.sampled_from(["1", "-5", "nan", "soon", "1e999", "Mon, 99 Foo"]),
        "location": st.sampled_from(
            ["", "/x", "http://", "https://elsewhere/x", "//[::1", "mailto:x"]
        ),
        "transfer-encoding": st.just("chunked"),
    },
)
statuses = st.sampled_from([200, 200, 200, 200, 201, 204, 302, 308, 400, 401, 404, 422, 429, 500])


def api() -> SpeechAPI:
    """Return the protocol of a server of one's own."""
    settings = Settings(tts="openai", tts_openai_url="http://localhost:1/v1")
    found = speech_api_of(settings, Keys({}), load_show(settings))
    assert found is not None
    return found


@fuzzed
@given(body=bodies(), kinds=headers, status=statuses)
def test_any_reply_of_a_speech_server_is_speech_or_an_error(
    body: bytes, kinds: dict[str, str], status: int
) -> None:
    """A file of the one form, without noise, or a tts_error of one line and no file."""

    def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=kinds, content=body)

    async def speak(path: Path) -> None:
        calls = ProviderCalls("openai", ONCE, Account(Metrics(), "speech", "openai"))
        speech = RemoteSpeech(api(), calls, Keys({}), timeout_s=30.0, hints=Hints())
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
            speech._http._http = http
            await speech.speak("Hello, water.", "friendly_casual", path)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        failure: SpeechFailed | None = None
        try:
            asyncio.run(speak(path))
        except SpeechFailed as error:
            failure = error
        if failure:
            assert failure.error_type == "tts_error"
            assert "\n" not in str(failure)
            assert 5 < len(str(failure)) < 400
            assert list(path.parent.iterdir()) == []
            return
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
            data = file.readframes(file.getnframes())
    signal = (np.frombuffer(data, "<i2") / 32768.0).astype(np.float32)
    assert 0.15 < len(signal) / 24_000 < 91.0
    assert np.abs(signal).max() < 0.9
    assert not _is_noise(signal, 24_000, least=0.0)


@fuzzed
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(0, 200_000), head=st.binary(max_size=12))
def test_random_bytes_are_never_spoken(seed: int, size: int, head: bytes) -> None:
    """Whatever they begin with."""
    from chat_backend.speech.decoding import Expected, decoded  # noqa: PLC0415
    from chat_backend.speech.formats import NotSpeech  # noqa: PLC0415

    body = head + np.random.default_rng(seed).bytes(size)
    if size < 200:
        return
    with pytest.raises(NotSpeech):
        decoded(body, "audio/pcm", Expected())


# --- models

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True),
    st.text(max_size=30),
    st.sampled_from(
        [
            '{"text": "The harbour keeps the ropes.", "voice_profile": "calm_soothing"}',
            "```json\n{",
            "</think>{'text': 'x'}",
            "\ud83d",
            "content_filter",
            "stop",
            "length",
            "assistant",
            "error",
        ]
    ),
)
NAMES = """
choices message content text error errors type code status role finish_reason delta usage
prompt_tokens completion_tokens input_tokens output_tokens tool_calls function arguments refusal
reasoning_content reasoning output candidates parts finishReason promptFeedback blockReason
stop_reason id model object created detail base_resp status_code success incomplete_details
reason usageMetadata voice_profile index name thinking annotations response
"""
names = st.sampled_from(NAMES.split())
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=25,
)


@st.composite
def answers(draw: st.DrawFn, protocol: str) -> bytes:
    """Return a reply near a protocol's form, or far from it."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    value = draw(values)
    match draw(st.sampled_from(["any", "near", "near", "nearer"])), protocol:
        case "any", _:
            body: Any = value
        case "near", "anthropic":
            body = {"content": value, "stop_reason": draw(values)}
        case "near", "responses":
            body = {"output": value, "usage": draw(values), "status": draw(values)}
        case "near", "gemini":
            body = {"candidates": value, "usageMetadata": draw(values)}
        case "near", _:
            body = {"choices": value, "usage": draw(values)}
        case _, "anthropic":
            body = {"content": [{"type": "text", "text": value}], "usage": draw(values)}
        case _, "responses":
            content = [{"type": "output_text", "text": value, "annotations": []}]
            body = {"output": [{"type": "message", "content": content, "role": draw(values)}]}
        case _, "gemini":
            body = {"candidates": [{"content": {"parts": [{"text": value}]}}]}
        case _:
            body = {"choices": [{"message": {"content": value}, "finish_reason": draw(values)}]}
    return json.dumps(body).encode()


def ask(protocol: str, status: int, body: bytes, kinds: dict[str, str]) -> Any:
    """Return what an agent makes of a reply."""
    import httpx2  # noqa: PLC0415

    from chat_backend.agents.models.agent import ModelAgent  # noqa: PLC0415
    from chat_backend.agents.models.client import ServerClient, build_model  # noqa: PLC0415
    from tests.providers.odd_models import seat_of  # noqa: PLC0415

    seat = seat_of(protocol)

    async def run() -> Any:
        def reply(_: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(status, headers=kinds, content=body)

        client = ServerClient(seat, Keys({}), Hints())
        client._transport = httpx2.MockTransport(reply)
        async with client:
            calls = ProviderCalls("p", ONCE, Account(Metrics(), "text", "p"))
            model = build_model(seat, Keys({}), client)
            agent = ModelAgent(model, calls, load_show(Settings()), timeout_s=30.0)
            return await agent.respond(response_question("gpt-4o"))

    return asyncio.run(run())


@pytest.mark.parametrize("protocol", ["anthropic", "responses", "gemini", "chat"])
def test_any_reply_of_a_model_is_an_answer_or_an_error(protocol: str) -> None:
    """Of a type that the page knows, and never `unknown`."""
    pytest.importorskip("pydantic_ai", reason="needs the extra: uv sync --extra llm")

    @fuzzed
    @given(body=answers(protocol), kinds=headers, status=statuses)
    def check(body: bytes, kinds: dict[str, str], status: int) -> None:
        failure: AgentFailed | None = None
        try:
            answer = ask(protocol, status, body, kinds)
        except AgentFailed as error:
            failure = error
        if failure:
            assert failure.error_type in {"server_error", "rate_limit", "timeout", "network"}
            assert "\n" not in str(failure)
            assert 5 < len(str(failure)) < 500
            assert failure.remedy
            return
        answer.text.encode()
        assert any(sign.isalnum() for sign in answer.text)

    check()


@fuzzed
@given(value=values)
@example(value={"choices": [{"message": {"content": [{"text": {"value": "x"}}]}}]})
def test_any_json_is_read_without_a_crash(value: Any) -> None:
    """The pure readers, one by one."""
    clean = replies.clean(value)
    body = json.dumps(value).encode()
    assert replies.parsed(body) is None or isinstance(replies.text_in(body), str)
    trouble = replies.trouble_in(clean)
    assert trouble is None or 400 <= trouble.status <= 599
    if isinstance(clean, dict):
        for protocol in ("anthropic", "openai-responses", "google", "openai-chat"):
            unanswered(clean, protocol)
        content = completion(clean)["choices"][0]["message"]["content"]
        assert isinstance(content, str)
    from_stream(f"data: {json.dumps(value)}\n\n")


@fuzzed
@given(text=st.text(max_size=300) | st.text("{}[]\"',:\\ntex `</think>", max_size=300))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    """An object, or none; valid, or with a reason."""
    from chat_backend.agents.base import CommentSelection  # noqa: PLC0415

    found = object_in(text)
    with contextlib.suppress(InvalidAnswer):
        validated(found, CommentSelection, 200, [1, 2])


@fuzzed
@given(status=st.integers(300, 599), words=st.text(max_size=200), inside=st.booleans())
def test_any_status_and_words_are_a_failure_of_one_line(
    status: int, words: str, inside: bool
) -> None:
    """With what an operator can do."""
    failure = refused("p", Trouble(status=status, words=words, inside=inside))
    assert failure.error_type != "unknown"
    assert failure.remedy
    assert "\n" not in str(failure)
    assert len(str(failure)) < 300
