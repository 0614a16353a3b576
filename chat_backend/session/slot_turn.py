"""One slot's work in one turn: the events and the utterance that describe it."""

import asyncio
from typing import TypeVar

from chat_backend.agents.base import SpokenResponse
from chat_backend.session.conversation import Conversation
from chat_backend.session.turns import Turn, target_of
from chat_backend.speech.engine import FallbackUsed
from shared_schema.chat import ErrorType, SlotAudio, SlotDone, SlotError, SlotProblem, SlotStart
from shared_schema.facts import Utterance, WaveState
from shared_schema.layout import speech_path

Event = TypeVar("Event", bound=SlotStart)


class SlotTurn:
    """Which slot, in which turn; `answer` is None until the slot has a text.

    `asked` is set once it has a text, or will have none.
    """

    def __init__(self, conversation: Conversation, turn: Turn, slot_id: int) -> None:
        self.conversation = conversation
        self.turn = turn
        self.slot_id = slot_id
        self.agent_id = conversation.agent_of(slot_id)
        self.answer: SpokenResponse | None = None
        self.asked = asyncio.Event()

    def started(self) -> SlotStart:
        """The question went to the slot's agent."""
        return self._event(SlotStart)

    def done(self, answer: SpokenResponse) -> SlotDone:
        """The slot has its text."""
        return self._event(
            SlotDone,
            text=answer.text,
            voice_profile=answer.voice_profile,
            target_slot_id=target_of(answer),
        )

    def audio(self, answer: SpokenResponse, path: str, fallback: FallbackUsed | None) -> SlotAudio:
        """The slot's speech lies at `path`."""
        return self._event(
            SlotAudio,
            voice_profile=answer.voice_profile,
            audio_format="wav",
            audio_path=path,
            fallback_engine=fallback.engine if fallback else None,
        )

    def failed(self, error_type: ErrorType, message: str) -> SlotError:
        """The slot could not do its part."""
        return self._event(SlotError, error=SlotProblem(type=error_type, message=message))

    def _event(self, kind: type[Event], **more: object) -> Event:
        return kind(
            session_id=self.conversation.session_id,
            turn_index=self.turn.index,
            kind=self.turn.kind,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            **more,
        )

    def speech_path(self, answer: SpokenResponse) -> str:
        """Return where the speech goes, relative to the artifacts folder."""
        return speech_path(
            self.conversation.session_id,
            self.turn.index,
            self.slot_id,
            self.agent_id,
            answer.voice_profile,
            target_slot_id=target_of(answer),
        )

    def utterance(self, wave: WaveState, *, speech: str | None = None) -> Utterance:
        """Return the slot's utterance, with as much of it as there is; `speech` is its path."""
        answer = self.answer
        return Utterance(
            turn_index=self.turn.index,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            voice_profile=answer.voice_profile if answer else None,
            text=answer.text if answer else "",
            target_slot_id=target_of(answer) if answer else None,
            speech_path=speech,
            wave=wave,
        )
