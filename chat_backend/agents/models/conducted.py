"""A model whose every request goes through the provider's conduct. Needs the extra ``llm``."""

import logging
from typing import Final

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from chat_backend.agents.models.failures import failure_of
from chat_backend.providers.conduct import Conduct
from chat_backend.providers.failure import ProviderFailed
from chat_backend.providers.keys import Keys

# At debug they write requests, with headers in some of them.
_TALKATIVE: Final = ("anthropic", "google_genai", "google.auth", "httpcore2", "httpx2", "openai")


def silence_libraries() -> None:
    """Keep the providers' libraries from logging what they send."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class ConductedModel(WrapperModel):
    """`model`, for one question that must be answered by `until` (``time.monotonic()``)."""

    def __init__(self, model: Model, conduct: Conduct, keys: Keys, until: float) -> None:
        super().__init__(model)
        self._conduct = conduct
        self._keys = keys
        self._until = until

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Make one request, again where that may help; raise `ProviderFailed`."""

        async def once() -> ModelResponse:
            try:
                return await self.wrapped.request(
                    messages, model_settings, model_request_parameters
                )
            except ProviderFailed:
                raise
            except Exception as error:
                # Without the cause: its text and arguments may hold a key.
                raise failure_of(error, self._conduct.provider, self._keys) from None

        response = await self._conduct.call(once, until=self._until)
        usage = response.usage
        self._conduct.account.tokens(usage.input_tokens, usage.output_tokens)
        return response
