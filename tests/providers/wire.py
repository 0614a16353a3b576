"""Servers that speak the providers' protocols, written from their documented formats.

One application has all of them, so that a whole show needs one port. Each request is kept, to be
looked at; what a provider does is scripted per protocol, and the last act goes on for ever.
"""

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import uvicorn
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from shared_schema.ids import SLOT_IDS
from tests.providers.acts import Act, misbehave
from tests.support.processes import free_port, until

RATE_HZ = 24_000
S_PER_CHARACTER = 0.06
ANSWER = "The water keeps what you said, and gives it back slowly."
TOKENS = (120, 30)


class Received(Struct):
    """A request as it came."""

    protocol: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]


class Wire:
    """The servers' script and memory."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.acts: dict[str, list[Act]] = defaultdict(lambda: ["well"])
        self.at_once: dict[str, int] = defaultdict(int)
        self.most_at_once: dict[str, int] = defaultdict(int)
        self.url = ""

    def script(self, protocol: str, *acts: Act) -> None:
        """Say what a protocol's server does next; the last act goes on."""
        self.acts[protocol] = list(acts)

    def of(self, protocol: str) -> list[Received]:
        """Return what came in a protocol."""
        return [each for each in self.received if each.protocol == protocol]

    async def take(self, protocol: str, request: Request) -> tuple[Act, dict[str, Any]]:
        """Note a request, and return what to do with it."""
        if request.headers["content-type"].startswith("multipart/"):
            async with request.form() as form:
                body = {
                    name: value if isinstance(value, str) else await value.read()
                    for name, value in form.multi_items()
                }
        else:
            body = json.loads(await request.body())
        self.received.append(
            Received(
                protocol=protocol,
                path=request.url.path,
                query=dict(request.query_params),
                headers=dict(request.headers),
                body=body,
            )
        )
        acts = self.acts[protocol]
        return (acts.pop(0) if len(acts) > 1 else acts[0]), body

    @property
    def asked_in_turn_3(self) -> bool:
        """Return whether a question came after six answers and six comments."""
        return sum(
            each.protocol not in {"elevenlabs", "speech"} for each in self.received
        ) > 2 * len(SLOT_IDS)

    def app(self) -> Starlette:
        """Return all servers."""
        return Starlette(
            routes=[
                Route("/v1/messages", self._model("anthropic", _anthropic), methods=["POST"]),
                Route("/v1/responses", self._model("responses", _responses), methods=["POST"]),
                Route("/v1/chat/completions", self._model("chat", _chat), methods=["POST"]),
                Route(
                    "/v1beta/models/{call:path}",
                    self._model("gemini", _gemini),
                    methods=["POST"],
                ),
                Route(
                    "/v1/text-to-speech/{voice}/stream",
                    self._speech("elevenlabs", "text"),
                    methods=["POST"],
                ),
                Route("/v1/audio/speech", self._speech("speech", "input"), methods=["POST"]),
                Route("/v1/speech-to-text", self._hearing("scribe", _scribe), methods=["POST"]),
                Route(
                    "/v1/audio/transcriptions",
                    self._hearing("transcriptions", _transcription),
                    methods=["POST"],
                ),
            ]
        )

    def _model(self, protocol: str, shape: Callable[[str, str], dict[str, Any]]) -> Any:
        async def answer(request: Request) -> Response:
            act, body = await self.take(protocol, request)
            with self._counted(protocol):
                other = await misbehave(act, request)
                if other is not None:
                    return other
                while act == "together" and self.most_at_once[protocol] < 2:
                    await asyncio.sleep(0.001)
                text = self.words(act, schema_of(protocol, body))
                answer = shape(text, str(body.get("model", "gemini")))
                return JSONResponse(_cut_by_limit(answer) if act == "endless" else answer)

        return answer

    def words(self, act: Act, schema: dict[str, Any]) -> str:
        """Return a model's answer."""
        return _words(act, schema)

    def _speech(self, protocol: str, field: str) -> Any:
        async def answer(request: Request) -> Response:
            act, body = await self.take(protocol, request)
            with self._counted(protocol):
                other = await misbehave(act, request)
                if other is not None:
                    return other
                while act == "after-turn-3" and not self.asked_in_turn_3:
                    await asyncio.sleep(0.001)
                data, kind = _sound(act, body[field])
                chunks = [data[at : at + 4096] for at in range(0, len(data), 4096)]
                return StreamingResponse(iter(chunks), media_type=kind)

        return answer

    def _hearing(self, protocol: str, shape: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        async def answer(request: Request) -> Response:
            act, body = await self.take(protocol, request)
            with self._counted(protocol):
                other = await misbehave(act, request)
                if other is not None:
                    return other
                if act == "no-details" and body["response_format"] != "json":
                    said = {"error": {"message": "response_format verbose_json is not supported"}}
                    return JSONResponse(said, status_code=400)
                if act == "empty":
                    return JSONResponse({"text": " "})
                if act == "essay":
                    return JSONResponse(INVENTED)
                if act == "another-form":
                    return PlainTextResponse(SAID)
                if act == "breaks-on-it":
                    said = {"error": {"message": f"cannot punctuate: {SAID}"}}
                    return JSONResponse(said, status_code=500)
                return JSONResponse(shape(body))

        return answer

    @contextmanager
    def _counted(self, protocol: str) -> Iterator[None]:
        self.at_once[protocol] += 1
        self.most_at_once[protocol] = max(self.most_at_once[protocol], self.at_once[protocol])
        try:
            yield
        finally:
            self.at_once[protocol] -= 1


@contextmanager
def serving(wire: Wire | None = None) -> Iterator[Wire]:
    """Yield servers that run in a thread of this process, on a port of their own."""
    wire = wire or Wire()
    port = free_port()
    wire.url = f"http://127.0.0.1:{port}"
    config = uvicorn.Config(
        wire.app(),
        host="127.0.0.1",
        port=port,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=0,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="wire")
    thread.start()
    try:
        until(lambda: server.started, "the providers' servers")
        yield wire
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10.0)
        assert not thread.is_alive()


def schema_of(protocol: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a request wants its answer to follow."""
    found: dict[str, Any] = {}
    match protocol:
        case "anthropic":
            found = body["output_config"]["format"]["schema"]
        case "responses":
            found = body["text"]["format"]["schema"]
        case "chat":
            found = body["response_format"]["json_schema"]["schema"]
        case "gemini":
            found = body["generationConfig"]["responseJsonSchema"]
        case _:
            raise AssertionError(protocol)
    return found


def _words(act: Act, schema: dict[str, Any]) -> str:
    fields = schema["properties"]
    answer: dict[str, Any] = {"text": ANSWER}
    for name in ("voice_profile", "target_slot_id", "sentiment"):
        if name in fields:
            answer[name] = fields[name]["enum"][0]
    match act:
        case "endless":
            return '{"text": "and on, and on, and on'
        case "no-json":
            return f"Certainly! Here is what I say: {ANSWER}"
        case "wrong-target":
            others = {1, 2, 3, 4, 5, 6} - set(fields["target_slot_id"]["enum"])
            answer["target_slot_id"] = min(others)
        case "wrong-voice":
            answer["voice_profile"] = "whisper"
        case "essay":
            answer["text"] = "Water is a long story. " * 450
        case _:
            pass
    return json.dumps(answer)


def _cut_by_limit(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as it is when the limit on tokens came before its end."""
    encoded = json.dumps(answer)
    for done, cut in (
        ('"stop_reason": "end_turn"', '"stop_reason": "max_tokens"'),
        ('"finish_reason": "stop"', '"finish_reason": "length"'),
        ('"finishReason": "STOP"', '"finishReason": "MAX_TOKENS"'),
        (
            '"status": "completed", "model"',
            '"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, '
            '"model"',
        ),
    ):
        encoded = encoded.replace(done, cut)
    found: dict[str, Any] = json.loads(encoded)
    return found


def _anthropic(text: str, model: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1]},
    }


def _responses(text: str, model: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": "completed",
        "model": model,
        "output": [
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": TOKENS[0],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": TOKENS[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(TOKENS),
        },
    }


def _chat(text: str, model: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": TOKENS[0],
            "completion_tokens": TOKENS[1],
            "total_tokens": sum(TOKENS),
        },
    }


def _gemini(text: str, model: str) -> dict[str, Any]:
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": text}]},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": TOKENS[0],
            "candidatesTokenCount": TOKENS[1],
            "totalTokenCount": sum(TOKENS),
        },
        "modelVersion": model,
        "responseId": "response-1",
    }


SAID = "What does the water remember?"
INVENTED = {
    "text": "Thank you for watching.",
    "language": "english",
    "segments": [{"text": "Thank you for watching.", "no_speech_prob": 0.93, "avg_logprob": -0.4}],
}


def _scribe(body: dict[str, Any]) -> dict[str, Any]:
    assert body["file"][:4] == b"RIFF"
    words = [
        {"text": word, "start": number / 4, "end": number / 4 + 0.2, "type": "word"}
        for number, word in enumerate(SAID.split())
    ]
    noise = {"text": "(splash)", "start": 2.0, "end": 2.5, "type": "audio_event"}
    return {
        "language_code": "eng",
        "language_probability": 0.98,
        "text": f"{SAID} (splash)",
        "words": [*words, {"text": " ", "start": 0.2, "end": 0.25, "type": "spacing"}, noise],
    }


def _transcription(body: dict[str, Any]) -> dict[str, Any]:
    assert body["file"][:4] == b"RIFF"
    if body["response_format"] == "json":
        return {"text": SAID}
    segment = {"text": SAID, "no_speech_prob": 0.02, "avg_logprob": -0.3, "compression_ratio": 0.9}
    words = [
        {"word": word, "start": number / 4, "end": number / 4 + 0.2}
        for number, word in enumerate(SAID.split())
    ]
    return {"text": SAID, "language": "english", "segments": [segment], "words": words}


def _sound(act: Act, text: str) -> tuple[bytes, str]:
    match act:
        case "empty":
            return b"", "audio/pcm"
        case "short":
            return voiced(0.1), "audio/pcm"
        case "silence":
            return bytes(2 * RATE_HZ * 2), "audio/pcm"
        case "text-as-sound":
            return b'{"detail": "quota"}' * 4000, "audio/pcm"
        case "wav":
            return _wav(voiced(S_PER_CHARACTER * len(text))), "audio/wav"
        case _:
            return voiced(S_PER_CHARACTER * len(text)), "audio/pcm"


@lru_cache(maxsize=16)
def voiced(seconds: float) -> bytes:
    """Return a hum with syllables: raw samples, 24 kHz, mono, 16 bit."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hum = sum(np.sin(2 * np.pi * 150 * number * time) / number for number in range(1, 9))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)
    return bytes((6000 * hum * syllables).astype("<i2").tobytes())


def _wav(samples: bytes) -> bytes:
    size = len(samples)
    head = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    rates = RATE_HZ.to_bytes(4, "little") + (2 * RATE_HZ).to_bytes(4, "little")
    form = (1).to_bytes(2, "little") + (1).to_bytes(2, "little") + rates
    return (
        head
        + form
        + (2).to_bytes(2, "little")
        + (16).to_bytes(2, "little")
        + b"data"
        + size.to_bytes(4, "little")
        + samples
    )
