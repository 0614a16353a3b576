"""A page of ours and its files: read once, served from memory, and asking nobody else.

The content security policy keeps it so: scripts, styles, sounds and streams from this server only.
"""

import hashlib
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared_schema.runtime.web.access import TOKEN_COOKIE

# What both pages are made with: the water, the sounds.
SHARED_PAGES: Final = Path(__file__).parents[2] / "pages"

# By name, because a Windows registry may say something else, and modules are refused then.
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "media-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class _File(Struct, frozen=True):
    content: bytes
    media_type: str
    etag: str


class Pages:
    """``/`` and ``/pages/<file>`` of one server."""

    def __init__(self, folder: Path, *, token: str = "") -> None:
        self._token = token
        self._files = {
            path.name: _read(path)
            for each in (SHARED_PAGES, folder)
            for path in sorted(each.iterdir())
            if path.suffix in _TYPES
        }

    def routes(self) -> Sequence[Route]:
        """Return what serves the page and its files."""
        return [Route("/", self.index), Route("/pages/{name}", self.file)]

    async def index(self, request: Request) -> Response:
        """The page itself; opened with the token, it keeps it for its own requests."""
        response = self._serve("index.html", request)
        if self._token:
            response.set_cookie(TOKEN_COOKIE, self._token, httponly=True, samesite="strict")
        return response

    async def file(self, request: Request) -> Response:
        """One of the page's files."""
        return self._serve(request.path_params["name"], request)

    def _serve(self, name: str, request: Request) -> Response:
        file = self._files.get(name)
        if file is None:
            return JSONResponse({"error": {"message": "no such file"}}, HTTPStatus.NOT_FOUND)
        headers = {**_HEADERS, "ETag": file.etag}
        if request.headers.get("if-none-match") == file.etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)


def _read(path: Path) -> _File:
    content = path.read_bytes()
    return _File(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:16]}"')
