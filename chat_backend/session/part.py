"""One utterance on its way: what the workflow asks of it, whoever speaks it."""

import asyncio
from abc import ABC, abstractmethod
from typing import TypeVar

from msgspec import structs

from chat_backend.agents.base import Agents, Exchange, Lengths, SpokenResponse
from chat_backend.errors import SlotFailed
from chat_backend.facts.publisher import SessionEvents
from chat_backend.session.conversation import Conversation, target_of
from chat_backend.speech.engine import FallbackUsed
from shared_schema.chat import ErrorType, SlotAudio, SlotDone, SlotError, SlotProblem, SlotStart
from shared_schema.facts import Job, WaveFailed, WavePending
from shared_schema.ids import AgentId, AnyKind, AnyTurn, Summarizer
from shared_schema.water import WaterMap

Event = TypeVar("Event", bound=SlotStart)


class Part(ABC):
    """One slot's part in one turn; `answer` is None until it has a text.

    `asked` is set once it has a text, or will have none.
    """

    turn_index: AnyTurn
    kind: AnyKind
    slot_id: int
    agent_id: AgentId | Summarizer

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.answer: SpokenResponse | None = None
        self.asked = asyncio.Event()

    @abstractmethod
    async def ask(self, agents: Agents, history: tuple[Exchange, ...]) -> SpokenResponse:
        """Return the agent's answer; raises `AgentFailed`."""

    @abstractmethod
    def fitted(self, text: str, lengths: Lengths) -> str:
        """Return a text within the limits of its kind."""

    @abstractmethod
    def speech_path(self, answer: SpokenResponse) -> str:
        """Return where the speech goes, relative to the artifacts folder."""

    @abstractmethod
    def report(
        self, events: SessionEvents, wave: WavePending | WaveFailed, *, speech: str | None = None
    ) -> None:
        """Publish as much as there is; `speech` is the path of what was spoken."""

    @abstractmethod
    def job(self, speech: str, water: WaterMap) -> Job:
        """Return the wave job for the speech at this path."""

    def keep(self, answer: SpokenResponse, lengths: Lengths) -> SpokenResponse:
        """Keep an answer, within its limits, and return it.

        Raises
        ------
        SlotFailed
            If nothing is left of it.
        """
        text = self.fitted(answer.text, lengths)
        if not text:
            raise SlotFailed("the agent's answer is empty", error_type="server_error")
        self.answer = structs.replace(answer, text=text)
        return self.answer

    def started(self) -> SlotStart:
        """The question went to the agent."""
        return self._event(SlotStart)

    def done(self, answer: SpokenResponse) -> SlotDone:
        """There is a text."""
        return self._event(
            SlotDone,
            text=answer.text,
            voice_profile=answer.voice_profile,
            target_slot_id=target_of(answer),
        )

    def audio(self, answer: SpokenResponse, path: str, fallback: FallbackUsed | None) -> SlotAudio:
        """The speech lies at `path`."""
        return self._event(
            SlotAudio,
            voice_profile=answer.voice_profile,
            audio_format="wav",
            audio_path=path,
            fallback_engine=fallback.engine if fallback else None,
        )

    def failed(self, error_type: ErrorType, message: str) -> SlotError:
        """The part could not be done."""
        return self._event(SlotError, error=SlotProblem(type=error_type, message=message))

    def _event(self, kind: type[Event], **more: object) -> Event:
        return kind(
            session_id=self.conversation.session_id,
            turn_index=self.turn_index,
            kind=self.kind,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            **more,
        )
