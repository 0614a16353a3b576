"""Serves the technician's page and the command `rehearse`."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field
from sse_starlette import ServerSentEvent
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from event_gateway.quiet import Quiet
from event_gateway.studio.recordings import Recordings
from event_gateway.studio.rehearsal import Rehearsal, RehearsalRefused, RehearsalRequest
from event_gateway.studio.status import StatusStream, StreamPlace
from shared_schema.decoding import InvalidMessage, decode
from shared_schema.ids import is_session_id
from shared_schema.layout import Artifacts
from shared_schema.runtime.web.answers import EventStream, Json, limited_body, problem, sound_route
from shared_schema.runtime.web.pages import Pages
from shared_schema.runtime.web.refusals import RefusalLog
from shared_schema.runtime.web.tokens import Token

PAGES: Final = Path(__file__).parent / "pages"
REQUEST_MAX_BYTES: Final = 4096
REQUEST_EXAMPLE: Final = '{"sessionId": "latest", "speed": 1, "loop": false}'
# Interval of comment lines, so that proxies do not close an idle stream, in seconds.
PING_INTERVAL_S: Final = 15
STREAMS_MAX: Final = 16

_request_decoder = msgspec.json.Decoder(RehearsalRequest)


class Streams:
    """The open streams of one route; one more than `STREAMS_MAX` gets the place of the oldest.

    A page whose device sleeps keeps its stream, and cannot be told from one that waits for news.
    """

    def __init__(self) -> None:
        self._places: dict[StreamPlace, None] = {}  # in the order in which they were opened
        self._refusals = RefusalLog("web")

    def answer(self, events: Callable[[StreamPlace], AsyncIterator[ServerSentEvent]]) -> Response:
        """Stream the events."""
        if len(self._places) >= STREAMS_MAX:
            oldest = next(iter(self._places))
            self.leave(oldest)
            oldest.taken = True
            self._refusals.warning(
                "stream ended: too many pages are open", kind="streams", limit=STREAMS_MAX
            )
        place = StreamPlace()
        self._places[place] = None  # now: others may ask before this one sends anything
        return _PlacedStream(events(place), place, self)

    def leave(self, place: StreamPlace) -> None:
        """Give a place back."""
        self._places.pop(place, None)


class _PlacedStream(EventStream):
    """Gives its place back when it ends, also if it never began."""

    def __init__(
        self, events: AsyncIterator[ServerSentEvent], place: StreamPlace, streams: Streams
    ) -> None:
        super().__init__(events, ping=PING_INTERVAL_S)
        self._place = place
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.leave(self._place)


class Studio(Struct, frozen=True, kw_only=True):
    """The endpoints besides the events socket."""

    artifacts: Artifacts
    recordings: Recordings
    rehearsal: Rehearsal
    quiet: Quiet
    status_stream: StatusStream
    page_token: Token
    allowed_origins: tuple[str, ...]
    watchers: Streams = field(default_factory=Streams)
    playback_watchers: Streams = field(default_factory=Streams)

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        # Pages of the chat backend read what plays.
        cors = Middleware(CORSMiddleware, allow_origins=self.allowed_origins)
        return [
            *Pages(PAGES, token=self.page_token).routes(),
            sound_route(self.artifacts),
            Route("/v1/watch", self.watch),
            Route("/v1/playback", self.playback, middleware=[cors]),
            Route("/v1/recordings", self.list_recordings),
            Route("/v1/recordings/{session_id}", self.recording),
            Route("/v1/rehearsal", self.rehearsal_status, methods=["GET"]),
            Route("/v1/rehearsal", self.rehearse, methods=["POST"]),
            Route("/v1/rehearsal", self.stop, methods=["DELETE"]),
            Route("/v1/quiet", self.switch_quiet, methods=["GET", "POST", "DELETE"]),
        ]

    async def watch(self, request: Request) -> Response:
        """Stream to the page; continues after the last log line that it has."""
        # The header is the browser's when it reconnects, the parameter the page's on a new start.
        after = request.query_params.get("after", "")
        last = request.headers.get("last-event-id", after)
        known = last.isascii() and last.isdigit() and len(last) <= 15
        events = partial(self.status_stream.stream, int(last) if known else None)
        return self.watchers.answer(events)

    async def playback(self, _: Request) -> Response:
        """Stream what plays, by the client's reports."""
        return self.playback_watchers.answer(self.status_stream.playback_stream)

    async def list_recordings(self, _: Request) -> Response:
        """Return the newest sessions that can be sent again."""
        return Json({"recordings": self.recordings.newest()})

    async def recording(self, request: Request) -> Response:
        """Return a past session's ``session.json``."""
        session_id = request.path_params["session_id"]
        document = self.recordings.document(session_id) if is_session_id(session_id) else None
        if document is None:
            return problem(HTTPStatus.NOT_FOUND, "no such session; /v1/recordings lists them")
        return Json(document)

    async def rehearsal_status(self, _: Request) -> Response:
        """Return the state of the rehearsal."""
        return Json(self.rehearsal.status)

    async def rehearse(self, request: Request) -> Response:
        """Start a rehearsal."""
        body = await limited_body(request, REQUEST_MAX_BYTES)
        if body is None:
            return problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"longer than {REQUEST_MAX_BYTES} bytes"
            )
        try:
            status = await self.rehearsal.start(decode(_request_decoder, body or b"{}"))
        except InvalidMessage as error:
            return problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"{error.field}: {error}; e.g. {REQUEST_EXAMPLE}"
            )
        except RehearsalRefused as refused:
            return problem(refused.status, str(refused))
        return Json(status, HTTPStatus.ACCEPTED)

    async def stop(self, _: Request) -> Response:
        """Stop the rehearsal."""
        await self.rehearsal.stop()
        return Json(self.rehearsal.status)

    async def switch_quiet(self, request: Request) -> Response:
        """Switch Quiet on (POST) or off (DELETE), or only tell its state."""
        if request.method == "POST":
            self.quiet.switch(on=True)
            await self.rehearsal.stop("it is quiet")
        elif request.method == "DELETE":
            self.quiet.switch(on=False)
        return Json({"quiet": self.quiet.on})
