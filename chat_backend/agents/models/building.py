"""pydantic-ai's models for our seats. Needs the extra ``llm``; loading takes seconds."""

import httpx2
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from chat_backend.agents.models.seats import Seat
from chat_backend.providers.keys import Keys

# The libraries insist on a key, and without one look for their own variables: a key of OpenAI's
# must not go to somebody else's server.
NO_KEY = "none-needed"


def build_model(seat: Seat, keys: Keys, http: httpx2.AsyncClient) -> Model:
    """Return the model that a seat describes."""
    key = keys.of(*seat.key_variables) or NO_KEY
    url = seat.url or None
    match seat.protocol:
        case "anthropic":
            return AnthropicModel(
                seat.model, provider=AnthropicProvider(api_key=key, base_url=url, http_client=http)
            )
        case "google":
            return GoogleModel(
                seat.model, provider=GoogleProvider(api_key=key, base_url=url, http_client=http)
            )
        case "openai-responses":
            return OpenAIResponsesModel(seat.model, provider=_openai(key, url, http))
        case "openai-chat":
            return OpenAIChatModel(seat.model, provider=_openai(key, url, http))


def open_http() -> httpx2.AsyncClient:
    """Return the client that all models share. Limits on time are the conduct's."""
    return httpx2.AsyncClient(timeout=httpx2.Timeout(120.0, connect=10.0))


def _openai(key: str, url: str | None, http: httpx2.AsyncClient) -> OpenAIProvider:
    return OpenAIProvider(api_key=key, base_url=url, http_client=http)
