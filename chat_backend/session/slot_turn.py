"""One slot's work in one turn: its question, its utterance, its wave job."""

from chat_backend.agents.base import Agents, Exchange, Lengths, SpokenResponse
from chat_backend.agents.limits import clip
from chat_backend.facts.publisher import SessionEvents
from chat_backend.session.conversation import Conversation, target_of
from chat_backend.session.part import Part
from chat_backend.session.turns import Turn
from shared_schema.facts import DecomposeJob, Utterance, WaveFailed, WavePending
from shared_schema.ids import AgentId
from shared_schema.layout import speech_path
from shared_schema.water import WaterMap


class SlotTurn(Part):
    """Which slot, in which turn."""

    agent_id: AgentId

    def __init__(self, conversation: Conversation, turn: Turn, slot_id: int) -> None:
        super().__init__(conversation)
        self._turn = turn
        self.turn_index = turn.index
        self.kind = turn.kind
        self.slot_id = slot_id
        self.agent_id = conversation.agent_of(slot_id)

    async def ask(self, agents: Agents, history: tuple[Exchange, ...]) -> SpokenResponse:
        """Ask the slot's agent."""
        agent = agents.of(self.agent_id)
        return await self._turn.ask(agent, self.conversation, self.slot_id, history)

    def fitted(self, text: str, lengths: Lengths) -> str:
        """Return a text within the limits of the turn."""
        return clip(text, self._turn.kind, lengths)

    def keep(self, answer: SpokenResponse, lengths: Lengths) -> SpokenResponse:
        """Keep an answer, for the later turns too."""
        kept = super().keep(answer, lengths)
        self.conversation.answers[self._turn.index][self.slot_id] = kept
        return kept

    def speech_path(self, answer: SpokenResponse) -> str:
        """Return where the speech goes, relative to the artifacts folder."""
        return speech_path(
            self.conversation.session_id,
            self._turn.index,
            self.slot_id,
            self.agent_id,
            answer.voice_profile,
            target_slot_id=target_of(answer),
        )

    def report(
        self, events: SessionEvents, wave: WavePending | WaveFailed, *, speech: str | None = None
    ) -> None:
        """Publish the slot's utterance."""
        events.utterance(self.conversation.session_id, self._utterance(wave, speech))

    def job(self, speech: str, water: WaterMap) -> DecomposeJob:
        """Return the job for the slot's three waves."""
        return DecomposeJob(
            session_id=self.conversation.session_id,
            utterance=self._utterance(WavePending(), speech),
            waves=water.waves_of(self.slot_id),
        )

    def _utterance(self, wave: WavePending | WaveFailed, speech: str | None) -> Utterance:
        answer = self.answer
        return Utterance(
            turn_index=self._turn.index,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            voice_profile=answer.voice_profile if answer else None,
            text=answer.text if answer else "",
            target_slot_id=target_of(answer) if answer else None,
            speech_path=speech,
            wave=wave,
        )
