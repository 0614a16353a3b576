"""``POST /v1/stt``: a recording in, what was said out; and a sentence for the visitor if not."""

import time
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from chat_backend.errors import ChatBackendError
from chat_backend.hearing.engine import Word, WrongLanguage
from chat_backend.hearing.recording import MEDIA_TYPES, SUFFIXES, NotASound, NothingSaid, TooLong
from chat_backend.hearing.service import Busy, Ears, Outcome
from chat_backend.metrics import Metrics
from chat_backend.providers.failure import ProviderFailed
from chat_backend.storage.recordings import KeptRecordings
from shared_schema.ids import new_session_id
from shared_schema.runtime.log.said import said
from shared_schema.runtime.web.answers import Json, problem
from shared_schema.settings import Settings

log = structlog.get_logger("chat")

RETRY_AFTER_S: Final = 2
DEFAULT_LANGUAGE: Final = "en"
# Asks for whatever language is spoken.
ANY_LANGUAGE: Final = "auto"
# The form around the recording, with fields that existing clients send.
FORM_MAX_BYTES: Final = 65_536
_MAX_FIELDS: Final = 32

# For the visitor: what happened, and what to do.
_AGAIN: Final = "Please try again."
CUT: Final = f"Your recording did not arrive. {_AGAIN}"
LARGE: Final = "That was too much at once. Please say it shorter."
NO_SOUND: Final = f"What arrived was not a sound. {_AGAIN}"
NOTHING: Final = "Nothing was heard. Come closer, speak up, and keep holding while you speak."
BUSY: Final = "The water is listening to somebody else. Try again in a moment."
DEAF: Final = "The water cannot hear here. Please write to it."
FAILED: Final = "The water did not understand that. Try again in a moment, or write to it."
FOREIGN: Final = "The water does not understand this language here."


class Refused(ChatBackendError):
    """Why a request is not answered: what the visitor reads, and what the machine says."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        message: str,
        *,
        field: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s

    def response(self) -> Response:
        """Return the answer."""
        headers = None
        if self.retry_after_s is not None:
            headers = {"Retry-After": f"{max(1, round(self.retry_after_s))}"}
        return problem(
            self.status, str(self), field=self.field, detail=self.detail, headers=headers
        )


class Transcript(Struct, frozen=True, kw_only=True):
    """The answer, in the field names that existing clients read."""

    stt_session_id: str
    transcript: str
    audio_path: str
    transcript_path: str
    duration_ms: int
    mime_type: str
    words: tuple[Word, ...] | None
    language_code: str | None


class HearingRoute(Struct, frozen=True, kw_only=True):
    """The endpoint. `ears` is None where nothing hears; then `reason` names the remedy."""

    settings: Settings
    metrics: Metrics
    ears: Ears | None
    reason: str
    kept: KeptRecordings | None

    @property
    def engine(self) -> str | None:
        """The name of what hears."""
        return self.ears.hearing.provider if self.ears else None

    @property
    def languages(self) -> tuple[str, ...] | None:
        """The codes of what it understands; None: many."""
        return self.ears.hearing.languages if self.ears else ()

    async def stt(self, request: Request) -> Response:
        """Return what is said in an uploaded recording."""
        begun = time.monotonic()
        try:
            response: Response = Json(await self._transcript(request))
        except Refused as error:
            response = error.response()
        self.metrics.hearing_requests.labels(response.status_code).inc()
        self.metrics.hearing_seconds.observe(time.monotonic() - begun)
        return response

    async def _transcript(self, request: Request) -> Transcript:
        if self.ears is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, DEAF, self.reason)
        data, language = await _upload(request, self.settings.stt_max_bytes)
        try:
            outcome = await self.ears.listen(data, language)
        except (ChatBackendError, OSError) as error:
            raise _refused(error) from None
        return await self._answer(data, outcome)

    async def _answer(self, data: bytes, outcome: Outcome) -> Transcript:
        recording, heard = outcome.recording, outcome.heard
        said.note(heard.text)
        seconds = recording.duration_s or max((word.end for word in heard.words or ()), default=0.0)
        answer = Transcript(
            stt_session_id=new_session_id(),
            transcript=heard.text,
            audio_path="",
            transcript_path="",
            duration_ms=round(1000 * seconds),
            mime_type=MEDIA_TYPES[recording.container],
            words=heard.words,
            language_code=heard.language,
        )
        if self.kept is None:
            return answer
        try:
            audio, text = await self.kept.keep(
                answer.stt_session_id,
                SUFFIXES[recording.container],
                data,
                msgspec.json.encode(answer),
            )
        except OSError as error:
            # What was said is worth more than its copy.
            log.warning("a recording could not be kept", reason=error.strerror or str(error))
            return answer
        return msgspec.structs.replace(answer, audio_path=audio, transcript_path=text)


class _InMemory(MultiPartParser):
    """Starlette's parser, which would write a large file to a temporary one on disk."""

    spool_max_size = 0  # never


async def _upload(request: Request, max_bytes: int) -> tuple[bytes, str | None]:
    """Return the recording and the language that a form contains."""
    large = Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        LARGE,
        f"the recording is above {max_bytes} bytes (RR_STT_MAX_BYTES)",
        field="file",
    )
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(HTTPStatus.BAD_REQUEST, CUT, "the body is not multipart/form-data")

    async def bounded() -> Any:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > max_bytes + FORM_MAX_BYTES:
                raise large
            yield chunk

    parser = _InMemory(
        Headers(raw=request.headers.raw),
        bounded(),
        max_files=_MAX_FIELDS,
        max_fields=_MAX_FIELDS,
        max_part_size=FORM_MAX_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refused(HTTPStatus.BAD_REQUEST, CUT, f"not readable: {error.message}") from None
    try:
        file = form.get("file")
        data = await file.read() if isinstance(file, UploadFile) else b""
        language = form.get("language_code")
    finally:
        await form.close()
    if not data:
        reason = "is missing" if file is None else "is empty, or no file"
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, CUT, reason, field="file")
    if len(data) > max_bytes:
        raise large
    return data, _language(language if isinstance(language, str) else "")


def _language(text: str) -> str | None:
    """Return the code of a language without its region; None for any."""
    code = text.strip().lower().replace("_", "-").partition("-")[0] or DEFAULT_LANGUAGE
    return None if code == ANY_LANGUAGE else code


def _refused(error: Exception) -> Refused:
    """Return the answer that a failure means."""
    message = str(error)
    match error:
        case Busy():
            return Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, BUSY, message, retry_after_s=RETRY_AFTER_S
            )
        case TooLong():
            return Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                LARGE,
                f"{message} (RR_STT_MAX_DURATION_S)",
                field="file",
            )
        case NotASound():
            return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, NO_SOUND, message, field="file")
        case NothingSaid():
            return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, NOTHING, message, field="file")
        case WrongLanguage():
            return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, FOREIGN, message, field="language_code")
        case ProviderFailed(kind="load"):
            return Refused(
                HTTPStatus.TOO_MANY_REQUESTS, FAILED, message, retry_after_s=error.retry_after_s
            )
    log.error("a recording was not heard", reason=message)
    return Refused(HTTPStatus.BAD_GATEWAY, FAILED, message)
