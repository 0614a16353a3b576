"""A server's page and its files: Starlette's static files with a content security policy.

The policy allows scripts, styles, sounds and streams only from the server of the page; the kiosk's
also the gateway's streams.
"""

import mimetypes
from collections.abc import Sequence
from http import HTTPStatus
from os import PathLike, stat_result
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shared_schema.runtime.web.answers import problem
from shared_schema.runtime.web.tokens import Token

# Modules of both pages: the water, the sounds.
SHARED_PAGES: Final = Path(__file__).parents[2] / "pages"

# Explicit, because a Windows registry may differ, and browsers then refuse modules.
_TYPES: Final = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


def policy(*, connect: str = "") -> str:
    """Return the content security policy of a page that also reads streams from `connect`."""
    allowed = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {connect}".strip(),
        "media-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


# What each response with a page or one of its files has.
PAGE_HEADERS: Final = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Pages(StaticFiles):
    """``/`` and ``/pages/<file>`` of one server."""

    def __init__(self, folder: Path, *, token: Token | None = None) -> None:
        super().__init__(directory=folder)
        self.all_directories = [folder, SHARED_PAGES]
        self._token = token
        for suffix, media_type in _TYPES.items():
            mimetypes.add_type(media_type, suffix)

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes of the page and its files."""
        return [Route("/", self.index), Mount("/pages", self)]

    async def index(self, request: Request) -> Response:
        """The page; opened with its token, the browser keeps it for the page's requests."""
        response = await self.page(request)
        if self._token:
            self._token.keep(response, secure=request.url.scheme == "https")
        return response

    async def page(self, request: Request) -> Response:
        """Return the page without its token."""
        return await self.get_response("index.html", request.scope)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, or our own error response."""
        try:
            return await super().get_response(path, scope)
        except HTTPException as refused:
            status = HTTPStatus(refused.status_code)
            message = "no such file" if status == HTTPStatus.NOT_FOUND else status.phrase
            return problem(status, message, headers=refused.headers)

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return the file with the policy."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(PAGE_HEADERS)
        return response
