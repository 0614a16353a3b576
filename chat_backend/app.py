"""Serves the chat backend's HTTP routes."""

from collections.abc import AsyncIterator
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import asdict
from sse_starlette import ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chat_backend.agents.models.opening import Cast
from chat_backend.hearing.routes import HearingRoute
from chat_backend.metrics import Metrics
from chat_backend.notice import notice
from chat_backend.session.sessions import Sessions, TooManySessions
from chat_backend.session.stream import SessionStream
from chat_backend.session.visits import Visits
from chat_backend.show.current import CurrentShow
from chat_backend.speech.engine import EMBEDDED
from chat_backend.storage.retention import free_gb
from shared_schema import SERVER_NAME, VERSION
from shared_schema.chat import (
    DEFAULT_SLOTS,
    EVENT_NAMES,
    decode_chat_request,
    decode_reset_request,
    encode_chat_event,
)
from shared_schema.decoding import InvalidMessage, decode
from shared_schema.ids import AGENT_IDS, VOICE_PROFILES, AgentId, is_session_id
from shared_schema.layout import Artifacts
from shared_schema.runtime.web.access import AccessControl
from shared_schema.runtime.web.answers import EventStream, Json, limited_body, problem, sound_route
from shared_schema.runtime.web.hosts import gateway_url_for_page
from shared_schema.runtime.web.pages import PAGE_HEADERS, Pages, policy
from shared_schema.runtime.web.tokens import Token
from shared_schema.settings import Settings

# A comment line that keeps proxies from cutting a stream in a long turn, in seconds.
SSE_PING_S = 15
RETRY_AFTER_S = 5
RESET_MAX_BYTES = 1024
PAGES = Path(__file__).parent / "pages"
log = structlog.get_logger("chat")

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Voices(Struct, frozen=True, kw_only=True):
    """Which provider answers under each agent's id, and which engine speaks: names, never keys."""

    agents: dict[AgentId, str]
    speech: str


class Said(Struct, frozen=True):
    """What a visitor would ask."""

    message: str


_SAID = msgspec.json.Decoder(Said)


class Kiosk(Pages):
    """The kiosk's page, in the words of the show in force.

    Shown to visitors, it warns once if the technician's is open to them.
    """

    def __init__(
        self, folder: Path, *, token: Token, settings: Settings, current: CurrentShow
    ) -> None:
        super().__init__(folder, token=token)
        self._template = Template((folder / "index.html").read_text("utf-8"))
        self._current = current
        self._settings = settings
        self._warned = bool(settings.operator_token)

    async def index(self, request: Request) -> Response:
        """The page itself."""
        if "kiosk" in request.query_params and not self._warned:
            self._warned = True
            log.warning(
                "a kiosk is open, and whoever uses it can read all visitors' words at the gateway:"
                " set RR_OPERATOR_TOKEN"
            )
        response = await super().index(request)
        # It follows what the gateway says of the water.
        gateway = gateway_url_for_page(self._settings, request.url.hostname or "localhost")
        response.headers["Content-Security-Policy"] = policy(connect=gateway)
        return response

    async def page(self, _: Request) -> Response:
        """Return the page, without its token."""
        words = asdict(self._current.show.words.kiosk)
        shown = {name: escape(text) for name, text in words.items()}
        return HTMLResponse(self._template.substitute(shown), headers=PAGE_HEADERS)


class Chat(Struct, frozen=True, kw_only=True):
    """The endpoints of the chat backend."""

    settings: Settings
    sessions: Sessions
    visits: Visits
    current: CurrentShow
    cast: Cast
    artifacts: Artifacts
    metrics: Metrics
    voices: Voices
    hearing: HearingRoute

    def app(self) -> AccessControl:
        """Return the ASGI application."""
        token = Token.of(self.settings, "chat_token")
        kiosk = Kiosk(PAGES, token=token, settings=self.settings, current=self.current)
        routes = [
            Route("/v1/chat", self.chat, methods=["POST"]),
            Route("/v1/sessions/{session_id}/stop", self.stop, methods=["POST"]),
            Route("/v1/sessions/{session_id}", self.delete, methods=["DELETE"]),
            Route("/v1/reset", self.reset, methods=["POST"]),
            Route("/v1/care", self.care, methods=["POST"]),
            Route("/v1/stt", self.hearing.stt, methods=["POST"]),
            Route("/v1/agents", self.list_agents),
            Route("/v1/health", self.health),
            sound_route(self.artifacts),
            *kiosk.routes(),
            Route("/metrics", self.exposition),
        ]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=self.settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
        )
        return AccessControl(
            Starlette(routes=routes, middleware=[cors]),
            host=self.settings.chat_host,
            allowed_origins=self.settings.cors_origins,
            origins_setting="RR_CORS_ORIGINS",
            token=token,
            operator=Token.of(self.settings, "operator_token"),
            public_paths=("/",),
            operator_methods=("DELETE",),
        )

    async def chat(self, request: Request) -> Response:
        """Begin a session and stream it."""
        limit = self.settings.chat_max_body_bytes
        body = await limited_body(request, limit)
        if body is None:
            return problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body is above {limit} bytes (RR_CHAT_MAX_BODY_BYTES)",
                field="message",
            )
        try:
            wanted = decode_chat_request(body, max_chars=self.settings.chat_message_max_chars)
        except InvalidMessage as error:
            status = HTTPStatus.UNPROCESSABLE_ENTITY if error.field else HTTPStatus.BAD_REQUEST
            return problem(status, str(error), field=error.field)
        await self.current.check()
        try:
            workflow = self.sessions.start(wanted)
        except TooManySessions as error:
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                str(error),
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        return EventStream(_sse(workflow.stream), ping=SSE_PING_S)

    async def stop(self, request: Request) -> Response:
        """End a running session in order."""
        session_id = request.path_params["session_id"]
        if await self.sessions.stop(session_id):
            return Json({"sessionId": session_id, "stopped": True})
        return problem(HTTPStatus.NOT_FOUND, "no such session runs", field="sessionId")

    async def delete(self, request: Request) -> Response:
        """Remove a session at once: end it, forget it, remove its files. The operator's."""
        session_id = request.path_params["session_id"]
        removal = await self.sessions.delete(session_id) if is_session_id(session_id) else None
        if removal is None:
            return problem(HTTPStatus.NOT_FOUND, "no such session", field="sessionId")
        left = removal.left
        return Json({"sessionId": session_id, "deleted": not left, "left": left})

    async def reset(self, request: Request) -> Response:
        """Forget the history of one visit, or of all; running sessions and files stay."""
        body = await limited_body(request, RESET_MAX_BYTES)
        if body is None:
            reason = f"the body is above {RESET_MAX_BYTES} bytes"
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason, field="visitId")
        try:
            wanted = decode_reset_request(body)
        except InvalidMessage as error:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), field=error.field)
        return Json({"reset": True, "visits": self.visits.reset(wanted.visit_id)})

    async def care(self, request: Request) -> Response:
        """Return what a page shows instead of a session, where a message needs a human answer."""
        limit = self.settings.chat_max_body_bytes
        body = await limited_body(request, limit)
        if body is None:
            reason = f"the body is above {limit} bytes (RR_CHAT_MAX_BODY_BYTES)"
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason, field="message")
        try:
            said = decode(_SAID, body)
        except InvalidMessage as error:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), field=error.field)
        return Json({"sentence": self.current.show.words.care.answer(said.message)})

    async def list_agents(self, _: Request) -> Response:
        """Who can sit in a slot, and with which voices they speak."""
        await self.current.check()
        agents = self.cast(self.current.show)
        default = {slot.agent_id: slot.slot_id for slot in DEFAULT_SLOTS}
        return Json(
            {
                "agents": [
                    {
                        "agentId": agent,
                        "description": agents.describe(agent),
                        "defaultSlotId": default[agent],
                    }
                    for agent in AGENT_IDS
                ],
                "voiceProfiles": list(VOICE_PROFILES),
            }
        )

    async def health(self, request: Request) -> Response:
        """The process lives; how many visitors it has; where pages find the gateway."""
        running, most = self.sessions.running, self.settings.chat_max_sessions
        return Json(
            {
                "server": SERVER_NAME,
                "version": VERSION,
                "status": "ok" if running < most else "busy",
                "sessionsRunning": running,
                "sessionsMax": most,
                "wavesEnabled": self.settings.waves_enabled,
                "eventsEnabled": self.settings.events_ws_enabled,
                "gateway": gateway_url_for_page(self.settings, request.url.hostname or "localhost"),
                "visitIdleS": self.settings.chat_visit_idle_s,
                "agents": self.voices.agents,
                "speech": self.voices.speech,
                "show": {
                    "folder": self.settings.show and self.settings.show.as_posix(),
                    "problem": self.current.problem or None,
                },
                "hearing": self.hearing.engine,
                "hearingMaxS": self.settings.stt_max_duration_s,
                # None: many.
                "hearingLanguages": self.hearing.languages,
                "notice": self._notice(),
                "consent": self.current.show.words.notice.consent,
                "languages": ("en",) if self.voices.speech == EMBEDDED else None,
                "warnings": self._warnings(),
            }
        )

    def _notice(self) -> str:
        return notice(
            self.current.show.words.notice.text,
            self.settings,
            agents=self.voices.agents.values(),
            speech=self.voices.speech,
            hearing=self.hearing.engine,
        )

    def _warnings(self) -> list[str]:
        """Return what an operator should look after soon."""
        free, least = free_gb(self.artifacts.root), self.settings.disk_min_gb
        if free >= least:
            return []
        return [
            f"only {free:.1f} GB are free where the sessions are kept (RR_DISK_MIN_GB={least:g}):"
            " run `python -m chat_backend sessions prune`, or set RR_ARTIFACTS_KEEP_DAYS"
        ]

    async def exposition(self, _: Request) -> Response:
        """What was counted, for Prometheus."""
        return Response(self.metrics.text(), media_type=METRICS_TYPE)


async def _sse(stream: SessionStream) -> AsyncIterator[ServerSentEvent]:
    async for event in stream.listen():
        yield ServerSentEvent(encode_chat_event(event), event=EVENT_NAMES[type(event)])
