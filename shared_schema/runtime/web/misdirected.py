"""Answers clients that take the gateway for the chat backend, which used to be at its port.

A browser shows a page nothing of an answer without CORS headers, only "Failed to fetch". So these
answers are given before access control, to every page: they contain the chat's address only.
"""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared_schema.runtime.web.answers import Json
from shared_schema.runtime.web.hosts import chat_url
from shared_schema.runtime.web.refusals import RefusalLog
from shared_schema.settings import Settings

PATHS: Final = frozenset({"/v1/chat", "/v1/stt"})
_CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "*",
}


class Misdirected:
    """ASGI middleware: 421 for a POST to the chat's paths, 204 for its preflight."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._chat_url = chat_url(settings)
        self._refusals = RefusalLog("web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"] not in PATHS:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await Response(None, HTTPStatus.NO_CONTENT, _CORS)(scope, receive, send)
        elif scope["method"] == "POST":
            await self._refusal(scope["path"])(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, path: str) -> Response:
        message = (
            f"the chat is at {self._chat_url}{path}; this is the gateway, for TouchDesigner: set"
            f" the client's base URL to {self._chat_url}"
        )
        self._refusals.warning("request refused", kind="misdirected", reason=message, path=path)
        body = {
            "detail": f"Please look at {self._chat_url}",
            "error": {"field": "", "message": message},
        }
        return Json(body, HTTPStatus.MISDIRECTED_REQUEST, _CORS)
