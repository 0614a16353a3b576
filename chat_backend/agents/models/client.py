"""Requests to models through pydantic-ai. Needs the extra ``llm``; loading takes seconds."""

import logging
from typing import Final

import httpx2
from pydantic_ai import exceptions
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from chat_backend.agents.models.seats import Seat
from chat_backend.providers.calls import ProviderCalls
from chat_backend.providers.failure import ProviderFailed, refused, timed_out, unreachable
from chat_backend.providers.keys import Keys

# The libraries insist on a key, and without one look for their own variables: a key of OpenAI's
# must not go to somebody else's server.
NO_KEY: Final = "none-needed"
# At debug they log requests, some of them with headers.
_LOGGERS: Final = ("anthropic", "google_genai", "google.auth", "httpcore2", "httpx2", "openai")


def silence_libraries() -> None:
    """Keep the providers' libraries from logging what they send."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def open_http() -> httpx2.AsyncClient:
    """Return the client that all models share; `ProviderCalls` bounds each call."""
    return httpx2.AsyncClient(timeout=httpx2.Timeout(120.0, connect=10.0))


def build_model(seat: Seat, keys: Keys, http: httpx2.AsyncClient) -> Model:
    """Return the model that a seat describes."""
    key = keys.of(*seat.key_variables) or NO_KEY
    url = seat.url or None
    match seat.protocol:
        case "anthropic":
            anthropic = AnthropicProvider(api_key=key, base_url=url, http_client=http)
            return AnthropicModel(seat.model, provider=anthropic)
        case "google":
            google = GoogleProvider(api_key=key, base_url=url, http_client=http)
            return GoogleModel(seat.model, provider=google)
    openai = OpenAIProvider(api_key=key, base_url=url, http_client=http)
    if seat.protocol == "openai-responses":
        return OpenAIResponsesModel(seat.model, provider=openai)
    return OpenAIChatModel(seat.model, provider=openai)


class ProviderModel(WrapperModel):
    """`model`, for one question with a deadline (``time.monotonic()``)."""

    def __init__(self, model: Model, calls: ProviderCalls, keys: Keys, deadline: float) -> None:
        super().__init__(model)
        self._calls = calls
        self._keys = keys
        self._deadline = deadline

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make one request, repeated where that can help; raise `ProviderFailed`."""

        async def once() -> ModelResponse:
            try:
                return await self.wrapped.request(
                    messages, model_settings, model_request_parameters
                )
            except Exception as error:
                # Without the cause: its text and arguments may hold a key.
                raise failure_of(error, self._calls.provider, self._keys) from None

        response = await self._calls.call(once, deadline=self._deadline)
        usage = response.usage
        self._calls.account.tokens(usage.input_tokens, usage.output_tokens)
        return response


def failure_of(error: Exception, provider: str, keys: Keys) -> ProviderFailed:
    """Return the failure that one request's error stands for, with every key redacted."""
    match error:
        case exceptions.ModelQuotaExceededError():
            return refused(402, provider)
        case exceptions.ModelHTTPError():
            return refused(
                error.status_code,
                provider,
                detail=keys.redacted(_detail(error.body)),
                retry_after_s=error.retry_after,
            )
        case exceptions.ModelTimeoutError():
            return timed_out(provider)
        case exceptions.ModelConnectionError():
            return unreachable(provider, type(error.__cause__ or error).__name__)
        case exceptions.ContentFilterError():
            return ProviderFailed(f"{provider} filtered the answer")
        case exceptions.AgentRunError():
            return ProviderFailed(f"{provider} did not answer in its protocol", down=True)
        case _:
            return ProviderFailed(
                f"asking {provider} crashed: {type(error).__name__}", error_type="unknown"
            )


def _detail(body: object) -> str:
    """Return the provider's own sentence, where it stands where providers put it."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        inner = body.get("error", body)
        return str(inner.get("message", "")) if isinstance(inner, dict) else str(inner)
    return ""
