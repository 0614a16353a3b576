"""An agent that is a language model. Needs the extra ``llm``."""

import asyncio
import time
from collections.abc import Collection
from typing import Any, Final

from pydantic_ai import Agent as Asking
from pydantic_ai import ModelRetry, NativeOutput, StructuredDict, ToolOutput
from pydantic_ai.exceptions import AgentRunError, OutputTokenLimitExceeded
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from chat_backend.agents.base import (
    CommentQuestion,
    CommentSelection,
    Question,
    ReplyQuestion,
    ResponseQuestion,
    SpokenResponse,
)
from chat_backend.agents.models import prompts
from chat_backend.agents.models.answers import Answer, UnfitAnswer, fitted, schema
from chat_backend.agents.models.conducted import ConductedModel
from chat_backend.errors import AgentFailed
from chat_backend.providers.conduct import Conduct
from chat_backend.providers.failure import ProviderFailed, excerpt
from chat_backend.providers.keys import Keys
from shared_schema.ids import Kind

# The answer itself needs about 150; the rest is for models that can't help thinking first.
MAX_TOKENS: Final = 2000
# One corrective question, and then the slot has an error.
CORRECTIONS: Final = 1
SETTINGS: Final = ModelSettings(max_tokens=MAX_TOKENS, max_retries=0, thinking=False)


class ModelAgent:
    """One mind. `within_s` is what a question may take, corrections and pauses included."""

    def __init__(self, model: Model, conduct: Conduct, keys: Keys, *, within_s: float) -> None:
        self._model = model
        self._conduct = conduct
        self._keys = keys
        self._within_s = within_s

    async def respond(self, question: ResponseQuestion) -> SpokenResponse:
        """Answer the visitor."""
        return await self._ask(question, "response", prompts.respond(question), SpokenResponse)

    async def comment(self, question: CommentQuestion) -> CommentSelection:
        """Choose one of the others and say one sentence to it."""
        if not question.others:
            raise AgentFailed("there is nobody to comment on", error_type="unknown")
        targets = [other.slot_id for other in question.others]
        return await self._ask(
            question, "comment", prompts.comment(question), CommentSelection, targets
        )

    async def reply(self, question: ReplyQuestion) -> SpokenResponse:
        """Reply to the comments."""
        return await self._ask(question, "reply", prompts.reply(question), SpokenResponse)

    async def _ask(
        self,
        question: Question,
        kind: Kind,
        prompt: str,
        answer: type[Answer],
        targets: Collection[int] = (),
    ) -> Answer:
        asking = Asking(
            output_type=self._output(schema(answer, kind, targets)),
            instructions=prompts.instructions(question.agent_id, kind),
            retries=CORRECTIONS,
        )
        wrong: list[str] = []

        @asking.output_validator
        def check(content: dict[str, Any]) -> dict[str, Any]:
            try:
                fitted(content, kind, answer, targets)
            except UnfitAnswer as error:
                wrong.append(str(error))
                raise ModelRetry(str(error)) from None
            return content

        until = time.monotonic() + self._within_s
        try:
            async with asyncio.timeout(self._within_s):
                run = await asking.run(
                    prompt,
                    model=ConductedModel(self._model, self._conduct, self._keys, until),
                    model_settings=SETTINGS,
                )
        except ProviderFailed as error:
            raise AgentFailed(str(error), error_type=error.error_type) from None
        except TimeoutError:
            raise AgentFailed(
                f"{self._conduct.provider} had no answer within {self._within_s:g} s",
                error_type="timeout",
            ) from None
        except OutputTokenLimitExceeded:
            raise AgentFailed(
                f"{self._conduct.provider} wrote {MAX_TOKENS} tokens and came to no end",
                error_type="server_error",
            ) from None
        except AgentRunError:
            reason = excerpt(wrong[-1]) if wrong else "not the JSON that was asked for"
            raise AgentFailed(
                f"{self._conduct.provider} gave no usable answer, asked twice: {reason}",
                error_type="server_error",
            ) from None
        return fitted(run.output, kind, answer, targets)

    def _output(self, described: dict[str, Any]) -> Any:
        form = StructuredDict(described)
        if self._model.profile.get("supports_json_schema_output"):
            return NativeOutput(form)
        return ToolOutput(form, name="say")
