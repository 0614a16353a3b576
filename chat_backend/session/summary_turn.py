"""Turn 4: one voice, which belongs to no slot, says what remained of the conversation."""

from chat_backend.agents.base import Agents, Exchange, Lengths, SpokenResponse, SummaryQuestion
from chat_backend.agents.limits import clip_summary
from chat_backend.facts.publisher import SessionEvents
from chat_backend.session.part import Part
from shared_schema.facts import Summary, SummaryJob, WaveFailed, WavePending
from shared_schema.ids import (
    SUMMARIZER,
    SUMMARY_KIND,
    SUMMARY_SLOT,
    SUMMARY_TURN,
)
from shared_schema.layout import summary_speech_path
from shared_schema.water import WaterMap


class SummaryTurn(Part):
    """The summary."""

    turn_index = SUMMARY_TURN
    kind = SUMMARY_KIND
    slot_id = SUMMARY_SLOT
    agent_id = SUMMARIZER

    async def ask(self, agents: Agents, _: tuple[Exchange, ...]) -> SpokenResponse:
        """Ask what remained; nothing of earlier sessions is in the question."""
        conversation = self.conversation
        return await agents.summarize(
            SummaryQuestion(
                seed=conversation.seed,
                agent_ids=conversation.agent_ids,
                message=conversation.message,
                remarks=conversation.remarks,
            )
        )

    def fitted(self, text: str, lengths: Lengths) -> str:
        """Return a text within the limit of a summary."""
        return clip_summary(text, lengths)

    def speech_path(self, answer: SpokenResponse) -> str:
        """Return where the speech goes, relative to the artifacts folder."""
        return summary_speech_path(self.conversation.session_id, answer.voice_profile)

    def report(
        self, events: SessionEvents, wave: WavePending | WaveFailed, *, speech: str | None = None
    ) -> None:
        """Publish the summary, if there is a text."""
        if self.answer is not None:
            events.summary(self.conversation.session_id, self._summary(self.answer, wave, speech))

    def job(self, speech: str, water: WaterMap) -> SummaryJob:
        """Return the job for six waves, one for each physical slot."""
        if self.answer is None:
            raise ValueError("there is no summary without a text")
        return SummaryJob(
            session_id=self.conversation.session_id,
            summary=self._summary(self.answer, WavePending(), speech),
            ranges_hz=water.ranges_hz,
        )

    def _summary(
        self, answer: SpokenResponse, wave: WavePending | WaveFailed, speech: str | None
    ) -> Summary:
        return Summary(
            text=answer.text, voice_profile=answer.voice_profile, speech_path=speech, wave=wave
        )
