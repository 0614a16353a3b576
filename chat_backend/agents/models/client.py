"""Requests to models through pydantic-ai. Needs the extra ``llm``; loading takes seconds.

The providers' libraries send through `ServerClient`, which reads every response before they do and
raises `ProviderFailed` for an error, with the provider's own message.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Final

import httpx2
import msgspec
from google.genai import Client as GoogleClient
from google.genai.types import HttpOptions
from pydantic_ai import exceptions
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from chat_backend.agents.models import compatible
from chat_backend.agents.models.answers import object_in
from chat_backend.agents.models.seats import Protocol, Seat
from chat_backend.providers import replies
from chat_backend.providers.calls import ProviderCalls
from chat_backend.providers.failure import (
    ProviderFailed,
    Trouble,
    excerpt,
    failed,
    refused,
    retry_after,
    timed_out,
)
from chat_backend.providers.keys import Keys
from chat_backend.providers.servers import (
    MAX_REDIRECTS,
    OPENAI_URL,
    Hints,
    base_url,
    redirected,
    with_version,
)
from shared_schema.runtime.web.clients import route_to

# The libraries require a key, and without one read their own variables: an OpenAI key must not be
# sent to another server.
NO_KEY: Final = "none-needed"
# `ProviderCalls` ends a call sooner.
TIMEOUT_S: Final = 120.0
# Fifty times the longest answer with its reasoning.
MAX_BYTES: Final = 1_000_000
# At debug level they log requests, some with headers.
_LOGGERS: Final = ("anthropic", "google_genai", "google.auth", "httpcore2", "httpx2", "openai")
_DEFAULT_URLS: Final[dict[Protocol, str]] = {
    "anthropic": "https://api.anthropic.com",
    "openai-responses": OPENAI_URL,
    "openai-chat": OPENAI_URL,
    "google": "https://generativelanguage.googleapis.com",
}
# What the providers' libraries add to a base URL.
_VERSIONS: Final[dict[Protocol, str]] = {"anthropic": "/v1", "google": "/v1beta"}
# A form, a name of the token limit and some fields: no server needs more attempts.
_MAX_ADAPTATIONS: Final = 10
_CHAT_ONLY: Final = (
    "Correct RR_OPENAI_URL; a server that knows only chat completions belongs into RR_LLM_URL."
)
# Kinds that may be about the form of a request.
_ADAPTABLE: Final = frozenset({"request", "server", "missing", "model"})


def silence_libraries() -> None:
    """Keep the providers' libraries from logging what they send."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def build_model(seat: Seat, keys: Keys, http: httpx2.AsyncClient) -> Model:
    """Return the model that a seat describes."""
    key = keys.of(*seat.key_variables) or NO_KEY
    url = url_of(seat)
    match seat.protocol:
        case "anthropic":
            anthropic = AnthropicProvider(api_key=key, base_url=url, http_client=http)
            return AnthropicModel(seat.model, provider=anthropic)
        case "google":
            options = HttpOptions(
                base_url=url,
                httpx_async_client=http,
                timeout=round(1000 * TIMEOUT_S),
                client_args={"trust_env": False},
            )
            with _without_shell_certificates():
                client = GoogleClient(vertexai=False, api_key=key, http_options=options)
            return GoogleModel(seat.model, provider=GoogleProvider(client=client))
    openai = OpenAIProvider(api_key=key, base_url=url, http_client=http)
    if seat.protocol == "openai-responses":
        return OpenAIResponsesModel(seat.model, provider=openai)
    # Regardless of the model's name: `compatible` finds out what its server accepts.
    return OpenAIChatModel(
        seat.model, provider=openai, profile={"supports_json_schema_output": True}
    )


@contextmanager
def _without_shell_certificates() -> Iterator[None]:
    """Hide the certificates in the environment from Google's library.

    It reads them for clients of its own that are never used; a missing file would make the start
    fail.
    """
    names = ("SSL_CERT_FILE", "SSL_CERT_DIR")
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def url_of(seat: Seat) -> str:
    """Return the base URL in the form that the protocol's library expects."""
    return base_url(
        seat.url or _DEFAULT_URLS[seat.protocol], without=_VERSIONS.get(seat.protocol, "")
    )


class ServerClient(httpx2.AsyncClient):
    """The connections to one server, and the request format that it accepts."""

    def __init__(self, seat: Seat, keys: Keys, hints: Hints) -> None:
        self._base = url_of(seat)
        route = route_to(self._base)
        hints.add(route.hint)
        super().__init__(
            timeout=httpx2.Timeout(TIMEOUT_S, connect=10.0),
            trust_env=False,
            proxy=route.proxy,
            verify=route.verify,
        )
        self._provider = seat.provider
        self._protocol = seat.protocol
        self._keys = keys
        self._hints = hints
        self._accepted = seat.accepted
        self._moved_to = ""

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **_: Any
    ) -> httpx2.Response:
        """Return the answer to a request, adapted to the format that the server accepts.

        Raises
        ------
        ProviderFailed
            If there is no answer.
        """
        whole: compatible.Body = replies.parsed(request.content) or {}
        accepted, version = self._accepted, self._moved_to
        for _attempt in range(_MAX_ADAPTATIONS):
            sent = compatible.adapted(whole, accepted, self._protocol)
            reply, received = await self._exchange(request, sent, version)
            content = replies.parsed(received)
            if content is None and self._protocol == "openai-chat":
                content = compatible.from_stream(received.decode("utf-8", "replace"))
            trouble = self._trouble(reply, received, content)
            if trouble is None:
                self._remember(accepted, version)
                answer = compatible.completed(content, self._protocol)
                return httpx2.Response(200, json=answer, request=request)
            trouble = msgspec.structs.replace(trouble, words=self._keys.redacted(trouble.words))
            kind = trouble.kind
            if trouble.status in {404, 405} and not version and self._lacks_version(kind):
                version = with_version(self._base)
                continue
            following = compatible.after_rejection(accepted, trouble, sent, self._protocol)
            if following is None or kind not in _ADAPTABLE:
                if kind == "missing" and self._protocol == "openai-responses":
                    trouble = msgspec.structs.replace(trouble, remedy=_CHAT_ONLY)
                raise refused(self._provider, trouble)
            accepted = following
        raise failed(self._provider, "request", "(in every supported form)")

    def _lacks_version(self, kind: str) -> bool:
        return (
            kind in {"missing", "protocol"}
            and self._protocol.startswith("openai")
            and bool(with_version(self._base))
        )

    async def _exchange(
        self, request: httpx2.Request, body: compatible.Body, version: str
    ) -> tuple[httpx2.Response, bytes]:
        """Send a body; return the response and its content, after redirects on the same host."""
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in {"content-length", "host", "transfer-encoding"}
        }
        url = str(request.url)
        if version:
            url = url.replace(self._base, version, 1)
        method = request.method
        for _ in range(MAX_REDIRECTS):
            following = self.build_request(method, url, headers=headers, json=body)
            try:
                reply, received = await self._received(following)
            except ProviderFailed:
                raise
            except httpx2.TimeoutException:
                raise timed_out(self._provider) from None
            except Exception as error:  # a proxy's handshake may raise anything
                # Without the cause: its request contains the key in a header.
                reason = excerpt(self._keys.redacted(str(error))) or type(error).__name__
                raise failed(self._provider, "network", f"({reason})") from None
            if not reply.has_redirect_location:
                return reply, received
            url = redirected(self._provider, url, reply.headers.get("location"))
        raise failed(self._provider, "protocol", "(a redirect loop)")

    async def _received(self, request: httpx2.Request) -> tuple[httpx2.Response, bytes]:
        """Send a request; return the response and its content, unless that does not end."""
        content = bytearray()
        reply = await super().send(request, stream=True, follow_redirects=False)
        async with aclosing(reply):
            async for chunk in reply.aiter_bytes():
                content += chunk
                if len(content) > MAX_BYTES:
                    raise failed(self._provider, "protocol", f"(more than {MAX_BYTES} bytes)")
        return reply, bytes(content)

    def _trouble(self, reply: httpx2.Response, received: bytes, content: Any) -> Trouble | None:
        """Return what is wrong with a response; None if it is an answer."""
        if not reply.is_success:
            return Trouble(
                status=reply.status_code,
                words=replies.text_in(received),
                retry_after_s=retry_after(reply.headers.get("retry-after")),
            )
        trouble = replies.trouble_in(content)
        if trouble is None and isinstance(content, dict) and content:
            return compatible.unanswered(content, self._protocol)
        if trouble is not None:
            return trouble
        words = replies.described(received)
        missing = with_version(self._base) and words.startswith("a web page")
        return Trouble(status=404 if missing else 200, words=words, known="protocol")

    def _remember(self, accepted: compatible.Accepted, version: str) -> None:
        if version != self._moved_to:
            self._moved_to = version
            self._hints.add(f"{self._provider} answers at {version}: add the /v1 to its URL")
        if accepted != self._accepted:
            self._accepted = accepted
            self._hints.add(f"{self._provider} {compatible.described(accepted)}")


class ProviderModel(WrapperModel):
    """`model`, for one request with a deadline (``time.monotonic()``)."""

    def __init__(self, model: Model, calls: ProviderCalls, deadline: float) -> None:
        super().__init__(model)
        self._calls = calls
        self._deadline = deadline

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make one request, with retries where they can help; raise `ProviderFailed`."""

        async def once() -> ModelResponse:
            try:
                return await self.wrapped.request(
                    messages, model_settings, model_request_parameters
                )
            except Exception as error:
                # Without the cause: its text and arguments may contain a key.
                raise failure_of(error, self._calls.provider) from None

        response = await self._calls.call(once, deadline=self._deadline)
        usage = response.usage
        self._calls.account.tokens(usage.input_tokens, usage.output_tokens)
        tools = model_request_parameters.output_tools
        return read_generously(response, tool=tools[0].name if tools else "")


def read_generously(response: ModelResponse, *, tool: str = "") -> ModelResponse:
    """Return a response whose answer is plain JSON, if there is an answer anywhere in it.

    With a `tool`, the answer becomes a call of it.
    """
    parts = response.parts
    if any(isinstance(part, ToolCallPart) for part in parts):
        return response
    for kind in (TextPart, ThinkingPart):
        found = object_in("".join(part.content for part in parts if isinstance(part, kind)))
        if found is not None:
            response.parts = [
                ToolCallPart(tool, found) if tool else TextPart(json.dumps(found, default=str))
            ]
            if response.finish_reason == "length":
                response.finish_reason = "stop"
            return response
    return response


def failure_of(error: BaseException, provider: str) -> ProviderFailed:
    """Return the failure behind an error of the providers' libraries."""
    cause: BaseException | None = error
    for _ in range(10):
        if isinstance(cause, ProviderFailed):
            return cause
        cause = cause and (cause.__cause__ or cause.__context__)
    if isinstance(error, exceptions.ContentFilterError):
        return failed(provider, "filter")
    return failed(provider, "protocol", f"({type(error).__name__})")
