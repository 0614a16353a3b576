"""Limits the total memory of all request bodies, and answers what outlasts the server."""

import asyncio
from http import HTTPStatus
from typing import Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared_schema.runtime.web.answers import problem
from shared_schema.runtime.web.refusals import RefusalLog
from shared_schema.settings import variable

RETRY_AFTER_S: Final = 5
# For a visitor, whose recording may be such a body.
NOT_NOW: Final = "Not now. Please try again in a moment."

log = structlog.get_logger("web")


class BodyMemoryFull(Exception):
    """The bodies of all requests together exceed the limit."""


class BodyMemory:
    """ASGI middleware: counts a body until its response begins, and answers 503 at the limit."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._held = 0
        self._refusals = RefusalLog("web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; if there is no room for its body, answer 503 and raise in its reader.

        One that outlasts the shutdown is answered with 503 as well, unless its response has begun.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        held = 0
        refused = begun = False

        def release() -> None:
            nonlocal held
            self._held -= held
            held = 0

        async def counting() -> Message:
            nonlocal held, refused
            message = await receive()
            size = len(message.get("body", b""))
            if self._held + size > self._max_bytes:
                refused = True
                raise BodyMemoryFull
            held += size
            self._held += size
            return message

        async def releasing(message: Message) -> None:
            nonlocal begun
            if refused:  # the application's response to the exception
                return
            if message["type"] == "http.response.start":
                begun = True
                release()
            await send(message)

        try:
            await self._app(scope, counting, releasing)
        except ClientDisconnect:
            log.debug("the client disconnected before its request was complete", path=scope["path"])
        except BodyMemoryFull:
            release()
            await self._refuse(scope, receive, send)
        except asyncio.CancelledError:  # uvicorn cancels what outlasts the shutdown, nothing else
            if not begun:
                answer = problem(
                    HTTPStatus.SERVICE_UNAVAILABLE, "the server is ending", detail=NOT_NOW
                )
                await answer(scope, receive, send)
        finally:
            release()

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        setting = variable("http_max_body_memory_mb")
        self._refusals.warning(
            "request refused: too many bodies at once",
            kind="memory",
            path=scope["path"],
            limit=f"{setting}={self._max_bytes / 1e6:g}",
        )
        answer = problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"the current requests are too large together ({setting}); try again",
            detail=NOT_NOW,
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )
        await answer(scope, receive, send)
