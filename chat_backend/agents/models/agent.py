"""An agent that is a language model. Needs the extra ``llm``."""

import asyncio
import time
from collections.abc import Collection
from typing import Any, Final

from pydantic_ai import Agent as Requester
from pydantic_ai import ModelRetry, NativeOutput, StructuredDict, ToolOutput
from pydantic_ai.exceptions import AgentRunError, OutputTokenLimitExceeded
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings

from chat_backend.agents.base import (
    CommentQuestion,
    CommentSelection,
    MoodReading,
    PlainText,
    Question,
    ReplyQuestion,
    ResponseQuestion,
    SentimentQuestion,
    SpokenResponse,
    SummaryQuestion,
)
from chat_backend.agents.models import prompts
from chat_backend.agents.models.answers import (
    Answer,
    InvalidAnswer,
    discreet,
    schema,
    validated,
)
from chat_backend.agents.models.client import ProviderModel
from chat_backend.errors import AgentFailed
from chat_backend.providers.calls import ProviderCalls
from chat_backend.providers.failure import ProviderFailed, excerpt
from chat_backend.show.show import Show
from shared_schema.facts import MAX_JUSTIFICATION_CHARS, Sentiment
from shared_schema.ids import Kind
from shared_schema.runtime.log.said import said

# The answer itself needs about 150; the rest is for models that always reason first.
MAX_TOKENS: Final = 2000
# One corrective request, and then the slot has an error.
CORRECTIONS: Final = 1
SETTINGS: Final = ModelSettings(max_tokens=MAX_TOKENS, max_retries=0, thinking=False)


class ModelAgent:
    """Answers each prompt within `timeout_s`, correction and pauses included."""

    def __init__(self, model: Model, calls: ProviderCalls, show: Show, *, timeout_s: float) -> None:
        self._model = model
        self._calls = calls
        self._show = show
        self._timeout_s = timeout_s

    async def respond(self, question: ResponseQuestion) -> SpokenResponse:
        """Answer the visitor."""
        prompt = prompts.respond(question, self._show.words.asked)
        return await self._ask(question, "response", prompt, SpokenResponse)

    async def comment(self, question: CommentQuestion) -> CommentSelection:
        """Choose one of the others and say one sentence to it."""
        if not question.others:
            raise AgentFailed(
                "no other slot answered, so there is nothing to comment on", error_type="unknown"
            )
        targets = [other.slot_id for other in question.others]
        prompt = prompts.comment(question, self._show.words.asked)
        return await self._ask(question, "comment", prompt, CommentSelection, targets)

    async def reply(self, question: ReplyQuestion) -> SpokenResponse:
        """Reply to the comments."""
        prompt = prompts.reply(question, self._show.words.asked)
        return await self._ask(question, "reply", prompt, SpokenResponse)

    async def summarize(self, question: SummaryQuestion) -> SpokenResponse:
        """Say what remained of a session, in the voice that the show has for it."""
        words, voice = self._show.words, self._show.voices.summary
        prompt = prompts.summarize(question, words.asked)
        instructions = prompts.summary_instructions(words)
        said = await self._request(instructions, prompt, PlainText, words.lengths.summary)
        return SpokenResponse(text=said.text, voice_profile=voice)

    async def sentiment(self, question: SentimentQuestion) -> Sentiment:
        """Tell the mood of a message."""
        prompt = prompts.sentiment(question)
        instructions = prompts.sentiment_instructions()
        read = await self._request(instructions, prompt, MoodReading, MAX_JUSTIFICATION_CHARS)
        return discreet(read, question.message)

    async def _ask(
        self,
        question: Question,
        kind: Kind,
        prompt: str,
        answer: type[Answer],
        targets: Collection[int] = (),
    ) -> Answer:
        instructions = prompts.instructions(self._show, question.agent_id, kind, targets)
        max_chars = self._show.words.lengths.of(kind)
        return await self._request(instructions, prompt, answer, max_chars, targets)

    async def _request(
        self,
        instructions: str,
        prompt: str,
        answer: type[Answer],
        max_chars: int,
        targets: Collection[int] = (),
    ) -> Answer:
        requester = Requester(
            output_type=self._output(schema(answer, max_chars, targets)),
            instructions=instructions,
            retries=CORRECTIONS,
        )
        problems: list[str] = []

        @requester.output_validator
        def check(content: dict[str, Any]) -> dict[str, Any]:
            try:
                validated(content, answer, max_chars, targets)
            except InvalidAnswer as error:
                said.note(str(content))  # which the error may quote
                problems.append(str(error))
                raise ModelRetry(str(error)) from None
            return content

        provider = self._calls.provider
        deadline = time.monotonic() + self._timeout_s
        try:
            async with asyncio.timeout(self._timeout_s):
                run = await requester.run(
                    prompt,
                    model=ProviderModel(self._model, self._calls, deadline),
                    model_settings=SETTINGS,
                )
        except ProviderFailed as error:
            raise AgentFailed(
                str(error), error_type=error.error_type, remedy=error.remedy
            ) from None
        except TimeoutError:
            raise AgentFailed(
                f"{provider} gave no answer within {self._timeout_s:g} s", error_type="timeout"
            ) from None
        except OutputTokenLimitExceeded:
            problem = f"{provider} wrote {MAX_TOKENS} tokens and did not finish"
            remedy = "Choose a model that reasons less, or another one."
        except (AgentRunError, ValueError, TypeError, RecursionError):
            reason = excerpt(problems[-1]) if problems else "not the JSON that was requested"
            problem = f"{provider} gave no valid answer in two attempts: {reason}"
            remedy = "Choose a model that follows instructions better."
        else:
            return validated(run.output, answer, max_chars, targets)
        raise AgentFailed(problem, error_type="server_error", remedy=remedy)

    def _output(self, described: dict[str, Any]) -> Any:
        form = StructuredDict(described)
        if self._model.profile.get("supports_json_schema_output"):
            return NativeOutput(form)
        return ToolOutput(form, name="say")
