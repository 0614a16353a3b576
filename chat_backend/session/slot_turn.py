"""One slot's part in one turn: the events and facts that tell of it."""

from typing import TypeVar

from chat_backend.agents.base import SpokenResponse
from chat_backend.session.conversation import Conversation
from chat_backend.session.turns import Turn, target_of
from chat_backend.speech.engine import FallbackUsed
from shared_schema.chat import ErrorType, SlotAudio, SlotDone, SlotError, SlotProblem, SlotStart
from shared_schema.facts import Stage, Utterance, WaveFailed
from shared_schema.jobs import DecomposeJob
from shared_schema.layout import speech_path

Event = TypeVar("Event", bound=SlotStart)


class Part:
    """Who speaks, in which turn; `answer` is None until the slot has a text."""

    def __init__(self, said: Conversation, turn: Turn, slot_id: int) -> None:
        self.said = said
        self.turn = turn
        self.slot_id = slot_id
        self.agent_id = said.agent_of(slot_id)
        self.answer: SpokenResponse | None = None

    def started(self) -> SlotStart:
        """The slot was asked."""
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
            session_id=self.said.session_id,
            turn_index=self.turn.index,
            kind=self.turn.kind,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            **more,
        )

    def speech_path(self, answer: SpokenResponse) -> str:
        """Return where the speech goes, relative to the artifacts folder."""
        return speech_path(
            self.said.session_id,
            self.turn.index,
            self.slot_id,
            self.agent_id,
            answer.voice_profile,
            target_slot_id=target_of(answer),
        )

    def job(self, answer: SpokenResponse, path: str) -> DecomposeJob:
        """Return the wave job for the speech at `path`."""
        return DecomposeJob(
            session_id=self.said.session_id,
            turn_index=self.turn.index,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            voice_profile=answer.voice_profile,
            text=answer.text,
            input_path=path,
            target_slot_id=target_of(answer),
        )

    def lost(self, stage: Stage, message: str) -> Utterance:
        """Return the utterance as failed, with as much of it as there is."""
        answer = self.answer
        return Utterance(
            turn_index=self.turn.index,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            voice_profile=answer.voice_profile if answer else None,
            text=answer.text if answer else "",
            target_slot_id=target_of(answer) if answer else None,
            wave=WaveFailed(stage=stage, message=message),
        )
