"""Finds errors in providers' responses, in the various forms that servers use."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from chat_backend.providers.failure import UNNAMED_STATUS, Trouble

# Where an error's message and code may be, below the error's own object.
_WORDS: Final = (
    "message", "msg", "detail", "details", "error_description", "description", "title", "reason",
    "status_msg", "error_msg", "error", "errors", "metadata", "raw", "loc", "param",
)  # fmt: skip
_CODES: Final = ("code", "status", "type", "status_code", "statusCode", "http_status", "error_code")
# Statuses that may reject the form of a request: how JSON or sound is asked for.
FORM_STATUSES: Final = frozenset({400, 404, 406, 415, 422, 500, 501})
_FAILED: Final = {"error", "failed", "failure", "fail"}
_MAX_DEPTH: Final = 6
# What a message means stands at its beginning; a log line has less of it.
_READ_CHARS: Final = 16_384
_TITLE: Final = re.compile(r"<title[^>]*+>([^<]*+)", re.IGNORECASE)


def parsed(body: bytes) -> Any:
    """Return a JSON body's value; None if it is not JSON."""
    try:
        return clean(json.loads(body.decode("utf-8-sig", "replace"), strict=False))
    except (ValueError, RecursionError):
        return None


def clean(value: Any) -> Any:
    """Return a JSON value without lone surrogates, which cannot be written to files or sockets."""
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return value
        case dict():
            return {clean(key): clean(each) for key, each in value.items()}
        case list():
            return [clean(each) for each in value]
    return value


def trouble_in(body: Any) -> Trouble | None:
    """Return the error that a parsed 200 contains, if any."""
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return None
    for name in ("error", "errors"):
        if body.get(name):
            return _trouble(body[name], body)
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return _trouble(base, base)
    is_error = (
        body.get("type") == "error"
        or body.get("object") == "error"
        or body.get("success") is False
        or body.get("ok") is False
        or (isinstance(body.get("status"), str) and body["status"].lower() in _FAILED)
    )
    return _trouble(body, body) if is_error else None


def json_error_in(body: Any) -> Trouble | None:
    """Return what a JSON object says where anything but JSON was asked for; None if nothing."""
    trouble = trouble_in(body)
    if trouble is None and isinstance(body, dict) and words_in(body):
        return _trouble(body, body)
    return trouble


def words_in(body: Any) -> str:
    """Return a parsed error's message, with its codes, in one line."""
    return ": ".join(word for word in dict.fromkeys(_texts(body, 0)) if word)[:_READ_CHARS]


def status_in(*places: Any) -> int:
    """Return the HTTP status in an error, or by default that of a server error."""
    for place in places:
        if isinstance(place, dict):
            for name in _CODES:
                status = _status(place.get(name))
                if status:
                    return status
    return UNNAMED_STATUS


def text_in(body: bytes) -> str:
    """Return the message in an error's body: its text, or the title of a page."""
    value = parsed(body)
    if isinstance(value, dict | list):
        return words_in(value)
    text = _decoded(body)
    return _page(text) if text.startswith("<") else text


def described(body: bytes) -> str:
    """Return what a successful response is that is no answer, without quoting it.

    It may be an answer in another form: what a visitor said, or a voice to them.
    """
    text = _decoded(body)
    if text.startswith("<"):
        return _page(text)
    if not text:
        return "an empty response"
    form = "text" if parsed(body) is None else "JSON without an answer"
    return f"{form}, {len(body)} bytes"


def _decoded(body: bytes) -> str:
    return body[:_READ_CHARS].decode("utf-8", "replace").strip()


def _page(text: str) -> str:
    title = _TITLE.search(text)
    shown = title[1] if title else re.sub(r"<[^>]*>", " ", text[:2000])
    return f"a web page ({' '.join(shown.split())[:80]})"


def _trouble(error: Any, body: dict[str, Any]) -> Trouble:
    return Trouble(
        status=status_in(error, body), words=words_in(error) or words_in(body), inside=True
    )


def _status(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal():
        value = int(value[:4])
    return value if isinstance(value, int) and 400 <= value <= 599 else 0


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    match value:
        case str():
            yield value
        case list():
            for each in value[:5]:
                yield from _texts(each, depth + 1)
        case dict():
            for name in _WORDS:
                yield from _texts(value.get(name), depth + 1)
            for name in _CODES:
                each = value.get(name)
                if isinstance(each, str) and not each.isdecimal() and each.lower() not in _FAILED:
                    yield each
