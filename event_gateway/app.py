"""The gateway's HTTP and WebSocket routes."""

import asyncio
import time
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from event_gateway.commands.describe import describe
from event_gateway.delivery import CLOSE_DISABLED, Delivery
from event_gateway.errors import OutboxUnavailable
from event_gateway.metrics import Metrics
from event_gateway.orchestrator import Orchestrator
from event_gateway.studio.routes import Studio
from event_gateway.studio.status import SessionStatus
from shared_schema import SERVER_NAME, VERSION
from shared_schema.ids import is_session_id
from shared_schema.runtime.web.access import AccessControl
from shared_schema.runtime.web.answers import Json, problem
from shared_schema.runtime.web.misdirected import Misdirected
from shared_schema.runtime.web.tokens import Token
from shared_schema.settings import Settings

# For all clients of the gateway. The other paths show visitors' texts or change the show: if
# RR_OPERATOR_TOKEN is set, they are for the operator only.
PUBLIC_PATHS: Final = (
    "/healthz",
    "/readyz",
    "/metrics",
    "/asyncapi.json",
    "/v1/playback",
    "/v1/audio/",
    "/pages/",
)


class Gateway(Struct, frozen=True, kw_only=True):
    """The endpoints of a gateway that publishes events."""

    settings: Settings
    orchestrator: Orchestrator
    delivery: Delivery
    metrics: Metrics
    studio: Studio

    def app(self) -> Misdirected:
        """Return the ASGI application."""
        routes = [
            # Some TouchDesigner builds can only open "/".
            *[WebSocketRoute(path, self.events) for path in _paths(self.settings)],
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.exposition),
            Route("/v1/sessions", self.sessions),
            Route("/v1/sessions/{session_id}", self.delete, methods=["DELETE"]),
            Route("/v1/events/history", self.history),
            Route("/asyncapi.json", self.asyncapi),
            *self.studio.routes(),
        ]
        app = Starlette(
            routes=routes, exception_handlers={OutboxUnavailable: self._outbox_unavailable}
        )
        return _guarded(app, self.settings)

    async def _outbox_unavailable(self, _: Request, error: Exception) -> Response:
        """Answer a request that needs the outbox while it cannot be read."""
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; /readyz says more")

    async def events(self, websocket: WebSocket) -> None:
        """The one TouchDesigner socket."""
        await self.delivery.serve(websocket)

    async def healthz(self, _: Request) -> Response:
        """Answer 200: the process is running."""
        client = self.delivery.client
        return Json(
            {
                "server": SERVER_NAME,
                "version": VERSION,
                "clientConnected": client is not None,
                "clientName": client.name if client else "",
                "backendHeard": self.orchestrator.backend_alive,
                "sessionsLive": len(self.orchestrator.readiness),
            }
        )

    async def readyz(self, _: Request) -> Response:
        """Answer 200 if the gateway can do its work, or 503 with the reasons."""
        problems = self.orchestrator.problems()
        status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
        details = {"quiet": self.studio.quiet.on, "outbox": self.orchestrator.outbox.loss}
        return Json({"ready": not problems, "reasons": problems, "details": details}, status)

    async def exposition(self, _: Request) -> Response:
        """Return the metrics in Prometheus' text format."""
        self.orchestrator.count_received()
        return PlainTextResponse(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def sessions(self, _: Request) -> Response:
        """Return the live sessions, and what plays."""
        now = time.monotonic()
        sessions = [SessionStatus.of(each, now) for each in self.orchestrator.readiness]
        playback = self.studio.status_stream.playback()
        return Json({"sessions": sessions, "playback": playback})

    async def delete(self, request: Request) -> Response:
        """Remove a session's events, and rehearsals of it, at once."""
        session_id = request.path_params["session_id"]
        if not is_session_id(session_id):
            return problem(HTTPStatus.NOT_FOUND, "no such session", field="sessionId")
        if self.studio.rehearsal.status.of == session_id:
            await self.studio.rehearsal.stop("its session was deleted")
        removed = 0
        try:
            for count in self.orchestrator.delete(session_id):
                removed += count
                await asyncio.sleep(0)
        except OutboxUnavailable as error:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        return Json({"sessionId": session_id, "deleted": True, "events": removed})

    async def history(self, request: Request) -> Response:
        """Return a session's events after a `seq`, as they were or would have been sent."""
        session_id = request.query_params.get("sessionId", "")
        after = request.query_params.get("after", "0")
        if not session_id:
            return problem(
                HTTPStatus.BAD_REQUEST, "is missing; name the session", field="sessionId"
            )
        if not after.isascii() or not after.isdigit() or len(after) > 15:
            return problem(
                HTTPStatus.BAD_REQUEST,
                "expected the last seq that you received, 0 for none",
                field="after",
            )
        rows = self.orchestrator.outbox.history(session_id, after_seq=int(after))
        return Json({"events": [msgspec.Raw(row.event.encode()) for row in rows]})

    async def asyncapi(self, request: Request) -> Response:
        """Return the description of the socket, as AsyncAPI 3."""
        return Json(describe(self.settings))


def disabled_app(settings: Settings) -> Misdirected:
    """Return the application of a gateway that is switched off: health only, with the reason."""

    async def events(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(CLOSE_DISABLED, "events are off: RR_EVENTS_WS_ENABLED=false")

    async def healthz(_: Request) -> Response:
        return Json({"server": SERVER_NAME, "version": VERSION, "enabled": False})

    routes = [
        *[WebSocketRoute(path, events) for path in _paths(settings)],
        Route("/healthz", healthz),
        Route("/readyz", healthz),
    ]
    return _guarded(Starlette(routes=routes), settings)


def _paths(settings: Settings) -> list[str]:
    return sorted({"/", settings.events_ws_path})


def _guarded(app: Starlette, settings: Settings) -> Misdirected:
    guarded = AccessControl(
        app,
        host=settings.gateway_host,
        allowed_origins=settings.allowed_origins,
        origins_setting="RR_ALLOWED_ORIGINS",
        token=Token.of(settings, "events_token"),
        operator=Token.of(settings, "operator_token"),
        public_paths=PUBLIC_PATHS,
    )
    return Misdirected(guarded, settings)
