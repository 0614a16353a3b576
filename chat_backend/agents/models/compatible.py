"""Chat completions of servers that deviate from the protocol: adapts requests and responses.

The original request has a JSON schema (``response_format``) and limits its tokens with
``max_completion_tokens``. If a server rejects it, it is sent again in the next `Form`:

    schema -> tool -> json -> prompt

All functions are pure; bodies are parsed JSON.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from chat_backend.providers.failure import Trouble, kind_of
from chat_backend.providers.replies import FORM_STATUSES, status_in, trouble_in, words_in

Form = Literal["schema", "tool", "json", "prompt"]
Tokens = Literal["max_completion_tokens", "max_tokens", "none"]
Body = dict[str, Any]

_FORMS: Final[tuple[Form, ...]] = ("schema", "tool", "json", "prompt")
_TOKENS: Final[tuple[Tokens, ...]] = ("max_completion_tokens", "max_tokens")
_TOOL: Final = "answer"
# Statuses that may reject the request's form even if the message does not name it.
_SILENT: Final = frozenset({400, 415, 422, 501})
_NAMES_FORM: Final = re.compile(
    r"response[ _]?format|json[ _]?(schema|object|mode)|structured[ _]?output|\bschema\b|grammar"
    r"|guided|\btools?\b|tool[ _]?(choice|call|use)|function[ _]?call|output[ _]?(config|format)"
    r"|response[ _]?(json|mime)|text\.format",
    re.IGNORECASE,
)
# Optional fields of a request, by protocol; a dot separates the path into objects.
_OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "anthropic": ("output_config", "thinking"),
    "openai-responses": ("text", "include", "reasoning"),
    "google": (
        "generationConfig.responseJsonSchema",
        "generationConfig.responseMimeType",
        "generationConfig.responseModalities",
        "generationConfig.thinkingConfig",
    ),
}
_FILTERED: Final = frozenset({
    "content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content", "spii",
    "language", "image_safety", "sensitive",
})  # fmt: skip
# Where the answer is, if there are no choices.
_UNWRAPPED: Final = ("response", "content", "text", "output_text")
_LIMITED: Final = frozenset({"length", "max_tokens", "max_output_tokens"})
_INSISTED: Final[Mapping[str, Body]] = {
    "anthropic": {
        "id": "message", "type": "message", "role": "assistant", "model": "model",
        "stop_reason": "end_turn",
    },
    "openai-responses": {
        "id": "response", "object": "response", "created_at": 0, "status": "completed",
        "model": "model", "output": [], "parallel_tool_calls": False, "tool_choice": "auto",
        "tools": [],
    },
    "google": {"modelVersion": "model", "responseId": "response"},
}  # fmt: skip


class Accepted(Struct, frozen=True, kw_only=True):
    """The request format that a server accepts.

    Attributes
    ----------
    form : Form
        How JSON is requested.
    tokens : Tokens
        The field that limits the tokens of an answer.
    both_tried : bool
        Whether it rejected another such field before.
    without : tuple of str
        Fields of a request that it rejected.
    """

    form: Form = "schema"
    tokens: Tokens = "max_completion_tokens"
    both_tried: bool = False
    without: tuple[str, ...] = ()


def adapted(body: Body, accepted: Accepted, protocol: str) -> Body:
    """Return a request in the format that a server accepts."""
    if protocol != "openai-chat":
        dropped = accepted.without
        if accepted.form == "prompt":
            dropped += _OPTIONAL[protocol]
        return _without(body, dropped)
    adapted_body = dict(body)
    limit = next((adapted_body.pop(name) for name in _TOKENS if name in adapted_body), None)
    if limit is not None and accepted.tokens != "none":
        adapted_body[accepted.tokens] = limit
    form = adapted_body.pop("response_format", None) or {}
    match accepted.form:
        case "schema" if form:
            adapted_body["response_format"] = form
        case "tool":
            schema = _object(_object(form).get("json_schema")).get("schema") or {"type": "object"}
            function = {"name": _TOOL, "description": "Give the answer.", "parameters": schema}
            adapted_body["tools"] = [{"type": "function", "function": function}]
            adapted_body["tool_choice"] = {"type": "function", "function": {"name": _TOOL}}
        case "json":
            adapted_body["response_format"] = {"type": "json_object"}
        case _:
            pass
    return _without(adapted_body, accepted.without)


def after_rejection(
    accepted: Accepted, trouble: Trouble, body: Body, protocol: str
) -> Accepted | None:
    """Return the format to try after a rejection; None if none is left.

    Parameters
    ----------
    accepted : Accepted
        What was tried.
    trouble : Trouble
        The rejection.
    body : dict
        The request as it was sent.
    """
    if trouble.status not in FORM_STATUSES:
        return None
    words = trouble.words
    chat = protocol == "openai-chat"
    if chat and accepted.tokens != "none" and re.search(r"max_(completion_)?tokens", words):
        other = _TOKENS[1] if accepted.tokens == _TOKENS[0] else _TOKENS[0]
        tokens = "none" if accepted.both_tried else other
        return msgspec.structs.replace(accepted, tokens=tokens, both_tried=True)
    if accepted.form != "prompt" and _NAMES_FORM.search(words):
        following = _FORMS[_FORMS.index(accepted.form) + 1] if chat else "prompt"
        return msgspec.structs.replace(accepted, form=following)
    names = _OPTIONAL.get(protocol) or tuple(set(body) - {"model", "messages", "stream"})
    for name in names:
        if name not in accepted.without and re.search(rf"\b{name.rpartition('.')[2]}\b", words):
            return msgspec.structs.replace(accepted, without=(*accepted.without, name))
    if accepted.form != "prompt" and trouble.status in _SILENT:
        return msgspec.structs.replace(accepted, form="prompt")
    return None


def described(accepted: Accepted) -> str:
    """Return a description of the format that a server accepts."""
    forms = {
        "schema": "",
        "tool": "answers through a tool instead of a JSON schema",
        "json": "supports JSON mode, but no JSON schema",
        "prompt": "supports no JSON schema: only the prompt requests JSON",
    }
    parts = [forms[accepted.form]]
    if accepted.tokens != "max_completion_tokens":
        parts.append(
            "accepts max_tokens" if accepted.tokens == "max_tokens" else "accepts no max_tokens"
        )
    if accepted.without:
        parts.append(f"does not support {', '.join(accepted.without)}")
    return "; ".join(part for part in parts if part)


def completion(answer: Body) -> Body:
    """Return a chat completion in the protocol's form, with missing parts filled in."""
    choice = _first(answer.get("choices")) or answer
    message = _object(choice.get("message")) or _object(choice.get("delta")) or choice
    text = ""
    for found in (
        *(message.get(name) for name in _UNWRAPPED),
        choice.get("text"),
        _arguments(message),
        *(message.get(name) for name in ("reasoning_content", "reasoning", "thinking")),
    ):
        candidate = _text(found)
        # Without any object, the text itself is shown to the operator.
        if "{" in candidate:
            text = candidate
            break
        text = text or candidate
    usage = _object(answer.get("usage"))
    counts = {name: _count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")}
    reason = choice.get("finish_reason")
    return {
        "id": "completion",
        "object": "chat.completion",
        "created": 0,
        "model": str(answer.get("model") or "model"),
        "choices": [
            {
                "index": 0,
                "finish_reason": "length" if str(reason).lower() in _LIMITED else "stop",
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {**counts, "total_tokens": sum(counts.values())},
    }


def unanswered(answer: Body, protocol: str) -> Trouble | None:
    """Return why a response without an error has no answer: a refusal, a filter, or nothing."""
    found: object
    reason: object
    refusal: object
    match protocol:
        case "anthropic":
            found = answer.get("content")
            reason = answer.get("stop_reason")
            refusal = ""
        case "openai-responses":
            found = answer.get("output") or answer.get("output_text")
            reason = _object(answer.get("incomplete_details")).get("reason")
            refusal = _refusal(answer.get("output"))
        case "google":
            found = answer.get("candidates")
            refusal = _object(answer.get("promptFeedback")).get("blockReason")
            reason = _first(found).get("finishReason")
        case _:
            choice = _first(answer.get("choices"))
            if choice.get("error"):
                return trouble_in(choice)
            message = _object(answer.get("message"))
            found = choice or message or any(answer.get(name) for name in _UNWRAPPED)
            reason = choice.get("finish_reason")
            refusal = _object(choice.get("message")).get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        # Elsewhere than at Google it is no code, but what the model says to the visitor.
        code = refusal if protocol == "google" else ""
        return Trouble(status=200, words=code, known="filter")
    if isinstance(reason, str) and reason.lower() in _FILTERED:
        return Trouble(status=200, words=reason, known="filter")
    limited = isinstance(reason, str) and reason.lower() in _LIMITED
    if not found and not limited:
        # What it says decides the kind, and is not quoted: it may be an answer in another form.
        status = status_in(answer)
        kind = kind_of(status, words_in(answer))
        return Trouble(status=status, words="a response without an answer", known=kind, inside=True)
    return None


def completed(answer: Body, protocol: str) -> Body:
    """Return an answer with the fields that its protocol's library insists on, of their types."""
    if protocol == "openai-chat":
        return completion(answer)
    whole = answer | {
        name: value
        for name, value in _INSISTED.get(protocol, {}).items()
        if not isinstance(answer.get(name), type(value))
    }
    if protocol == "google":
        counted = _object(answer.get("usageMetadata"))
        names = [name for name in counted if name.endswith("TokenCount")]
        return whole | {"usageMetadata": {name: _count(counted.get(name)) for name in names}}
    counted = _object(answer.get("usage"))
    usage = {name: _count(counted.get(name)) for name in ("input_tokens", "output_tokens")}
    if protocol == "openai-responses":
        usage["total_tokens"] = sum(usage.values())
    return whole | {"usage": usage}


def _refusal(output: Any) -> str:
    """Return the text of a refusal in the output of OpenAI's Responses."""
    for item in output if isinstance(output, list) else ():
        parts = item.get("content") if isinstance(item, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") == "refusal":
                return str(part.get("refusal") or "refused")
    return ""


def from_stream(body: str) -> Body:
    """Return the completion that server-sent events contain; empty if there are none."""
    pieces: list[str] = []
    whole: Body = {}
    for line in body.splitlines():
        if not line.startswith("data:") or line[5:].strip() in {"", "[DONE]"}:
            continue
        try:
            event = json.loads(line[5:])
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict):
            continue
        choice = _first(event.get("choices"))
        delta = _object(choice.get("delta")) or _object(choice.get("message"))
        pieces.append(_text(delta.get("content")))
        whole |= {key: value for key, value in event.items() if value}
        if choice.get("finish_reason"):
            whole["finish_reason"] = choice["finish_reason"]
    if not whole or whole.get("error"):
        return whole
    message = {"role": "assistant", "content": "".join(pieces)}
    reason = whole.pop("finish_reason", "stop")
    return whole | {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


def _without(body: Body, names: tuple[str, ...]) -> Body:
    kept = dict(body)
    for name in names:
        outer, _, inner = name.partition(".")
        if inner and isinstance(kept.get(outer), dict):
            kept[outer] = {key: value for key, value in kept[outer].items() if key != inner}
        elif not inner:
            kept.pop(outer, None)
    return kept


def _object(value: Any) -> Body:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> Body:
    return _object(value[0]) if isinstance(value, list) and value else {}


def _arguments(message: Body) -> Any:
    call = _first(message.get("tool_calls")) or message
    function = _object(call.get("function")) or _object(call.get("function_call")) or call
    return function.get("arguments")


def _text(value: Any) -> str:
    """Return the text of a content: a string, parts, or the object itself."""
    match value:
        case str():
            return value
        case list():
            return "".join(_text(part) for part in value)
        case {"type": "thinking" | "reasoning" | "redacted_thinking"}:
            return ""
        case {"text": str(text), **rest} if not rest.keys() - {"type", "annotations"}:
            return text
        case {"text": {"value": str(text)}} | {"content": str(text)}:
            return text
        case dict() if value:
            return json.dumps(value)
    return ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
