"""What a provider may do instead of answering well, the same in every protocol."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

Act = Literal[
    "well",
    "401",
    "429",
    "429-long",
    "500",
    "hang",
    "cut",
    "html",
    # Models only
    "no-json",
    "wrong-target",
    "wrong-voice",
    "essay",
    "endless",  # cut by the limit on tokens
    "together",  # well, but not before a second one is here
    # Speech only
    "empty",
    "short",
    "silence",
    "text-as-sound",
    "wav",
    "after-turn-3",  # well, but not before a model was asked in Turn 3
    # Hearing only; "empty" and "essay" are an answer without words, and an invented one
    "no-details",
    "another-form",  # the bare words of what was said
    "breaks-on-it",  # an error that quotes them
]

_KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key", "xi-api-key")
RETRY_AFTER_S = 1
LONG_RETRY_AFTER_S = 900


async def misbehave(act: Act, request: Request) -> Response | None:
    """Return the answer of an act that needs no protocol, or None."""
    # A provider that quotes what it was sent: the key, within what is passed on of its words.
    keys = [request.headers[name] for name in _KEY_HEADERS if name in request.headers]
    said = f"refused: {keys}"
    error = {"error": {"type": "error", "message": said, "code": 0, "status": "REFUSED"}}
    match act:
        case "401":
            return JSONResponse(error, status_code=401)
        case "429" | "429-long":
            seconds = RETRY_AFTER_S if act == "429" else LONG_RETRY_AFTER_S
            return JSONResponse(error, status_code=429, headers={"Retry-After": str(seconds)})
        case "500":
            return JSONResponse(error, status_code=500)
        case "html":
            return HTMLResponse("<html><body>Sign in to the hotel's network</body></html>")
        case "hang":
            while (await request.receive())["type"] != "http.disconnect":
                pass
        case "cut":
            return StreamingResponse(
                _cut(), headers={"content-length": "100000", "content-type": "application/json"}
            )
        case _:
            pass
    return None


async def _cut() -> AsyncIterator[bytes]:
    yield b'{"id": "1", "half": '
    await asyncio.sleep(0)  # the head and the half leave before the line breaks
    raise ConnectionAbortedError
