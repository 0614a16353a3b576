"""WAV files of the artifacts folder over HTTP, and nothing else, ever."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from shared_schema.decoding import OutsideArtifacts
from shared_schema.layout import Artifacts


def sound_route(artifacts: Artifacts) -> Route:
    """Return ``/v1/audio/<path>``: a WAV or a range of it."""

    async def audio(request: Request) -> Response:
        try:
            path = artifacts.path(request.path_params["path"])
        except OutsideArtifacts:
            path = None
        if path is None or path.suffix != ".wav" or not path.is_file():
            problem = {"error": {"field": "path", "message": "no such WAV"}}
            return JSONResponse(problem, HTTPStatus.NOT_FOUND)
        return FileResponse(path, media_type="audio/wav")

    return Route("/v1/audio/{path:path}", audio)
