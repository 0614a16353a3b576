"""Responses of both servers besides their pages: errors, sound, and streams."""

import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from shared_schema.decoding import OutsideArtifacts
from shared_schema.layout import SPEECH_ROOT, WAVES_ROOT, Artifacts


class Json(Response):
    """A JSON response; its content is a Struct, or a container of them."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the content as JSON."""
        return msgspec.json.encode(content)


def problem(
    status: HTTPStatus,
    message: str,
    *,
    field: str = "",
    detail: str = "",
    headers: Mapping[str, str] | None = None,
) -> Json:
    """Return the response to a refused request: which field is wrong, and why.

    `detail` is a sentence for a visitor, where there may be one.
    """
    error = {"error": {"field": field, "message": message}}
    return Json({"detail": detail, **error} if detail else error, status, headers)


async def limited_body(request: Request, limit: int) -> bytes | None:
    """Return a request's body; None, without reading on, if it exceeds `limit` bytes."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return body


def sound_route(artifacts: Artifacts) -> Route:
    """Return ``/v1/audio/<path>``, which serves WAV files of sessions, also in ranges."""
    folders = [artifacts.root / folder for folder in (SPEECH_ROOT, WAVES_ROOT)]

    def is_served(path: Path) -> bool:
        with contextlib.suppress(OSError, ValueError):  # e.g. a name that is too long
            return (
                any(path.is_relative_to(folder) for folder in folders)
                and path.suffix == ".wav"
                and path.is_file()
            )
        return False

    async def audio(request: Request) -> Response:
        try:
            path = artifacts.path(request.path_params["path"])
        except OutsideArtifacts:
            path = None
        if path is None or not is_served(path):
            return problem(HTTPStatus.NOT_FOUND, "no such WAV", field="path")
        # A browser would keep it beyond the session.
        return FileResponse(path, media_type="audio/wav", headers={"Cache-Control": "no-store"})

    return Route("/v1/audio/{path:path}", audio)


class EventStream(EventSourceResponse):
    """sse-starlette's response, with a last chunk if the server stops before the stream ends.

    Without it the client gets a broken connection, and uvicorn logs an error for each.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        complete = False

        async def watching_for_the_end(message: Message) -> None:
            nonlocal complete
            await send(message)
            last = not message.get("more_body", False)
            complete = message["type"] == "http.response.body" and last

        await super().__call__(scope, receive, watching_for_the_end)
        if not complete:  # uvicorn sends nothing to a client that has disconnected
            await send({"type": "http.response.body", "body": b"", "more_body": False})
