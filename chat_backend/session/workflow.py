"""Runs one visitor's session: three turns, each slot on its own, none waiting for waves or bus."""

import asyncio
from collections.abc import Callable

import structlog
from msgspec import Struct, structs

from chat_backend.agents.base import Agents, Exchange, SpokenResponse
from chat_backend.agents.limits import clip
from chat_backend.errors import SlotFailed
from chat_backend.facts.publisher import SessionEvents
from chat_backend.metrics import Metrics
from chat_backend.session.conversation import Conversation
from chat_backend.session.dialogues import dialogues
from chat_backend.session.slot_turn import SlotTurn
from chat_backend.session.stream import SessionStream
from chat_backend.session.turns import TURN_1, TURN_2, TURN_3, Turn
from chat_backend.session.visits import Visit
from chat_backend.speech.engine import Speech
from shared_schema.chat import Done, ErrorType, TurnDone, TurnStart
from shared_schema.facts import DecomposeJob, Dialogue, Stage, WaveFailed, WavePending
from shared_schema.layout import Artifacts
from shared_schema.water import DEFAULT_WATER, WaterMap

log = structlog.get_logger("chat")

STOPPED = "the session was stopped"


class Services(Struct, frozen=True, kw_only=True):
    """What a session needs from outside. `submit` hands over a wave job and never waits."""

    agents: Agents
    speech: Speech
    events: SessionEvents
    artifacts: Artifacts
    submit: Callable[[DecomposeJob], None]
    turn_timeout_s: float
    metrics: Metrics
    water: WaterMap = DEFAULT_WATER


class Workflow:
    """Runs a session to its end and announces its events on `stream`."""

    def __init__(self, services: Services, conversation: Conversation, visit: Visit) -> None:
        self._services = services
        self._visit = visit
        self.conversation = conversation
        self.stream = SessionStream()

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.conversation.session_id

    async def run(self, *, on_turn_done: Callable[[], None] = lambda: None) -> None:
        """Run the three turns; cancelling it stops the session, which still ends in order."""
        conversation, events = self.conversation, self._services.events
        events.begin_session(self.session_id, slots=conversation.slots)
        log.info("session begun", session=self.session_id, slots=len(conversation.slots))
        existing: tuple[Dialogue, ...] = ()
        stopped = False
        try:
            await self._turn(TURN_1)
            events.turn1_complete(self.session_id)
            on_turn_done()
            await self._turn(TURN_2)
            on_turn_done()
            await self._turn(TURN_3)
            existing = dialogues(conversation.targets, conversation.answers[3])
        except asyncio.CancelledError:
            stopped = True
            log.info("session stopped", session=self.session_id)
        finally:
            events.turn1_complete(self.session_id)  # of a stopped session; once only
            events.turn3_complete(self.session_id, existing)
            events.session_complete(self.session_id, stopped=stopped)
            completed = len(conversation.answers[1])
            self.stream.announce(
                Done(session_id=self.session_id, completed_slots=completed, turns=3)
            )
            log.info("session done", session=self.session_id, dialogues=len(existing))

    async def _turn(self, turn: Turn) -> None:
        conversation = self.conversation
        slots = turn.participants(conversation)
        if not slots:
            return
        self.stream.announce(TurnStart(session_id=self.session_id, turn_index=turn.index))
        async with asyncio.TaskGroup() as group:
            for slot_id in slots:
                group.create_task(self._slot(SlotTurn(conversation, turn, slot_id)))
        answered = len(conversation.answers[turn.index])
        self.stream.announce(
            TurnDone(session_id=self.session_id, turn_index=turn.index, slot_count=answered)
        )

    async def _slot(self, slot: SlotTurn) -> None:
        """Make one utterance, from question to wave job; a failure ends only this slot."""
        self.stream.announce(slot.started())
        try:
            async with asyncio.timeout(self._services.turn_timeout_s):
                answer = await self._ask(slot)
                await self._speak(slot, answer)
        except SlotFailed as error:
            self._fail(slot, error.error_type, str(error))
        except TimeoutError:
            limit = f"took longer than {self._services.turn_timeout_s:g} s"
            self._fail(slot, "timeout", f"{limit} (RR_CHAT_TURN_TIMEOUT_S)")
        except asyncio.CancelledError:
            self._fail(slot, "unknown", STOPPED, stage="stopped")
            raise
        except Exception as error:
            log.exception(
                "slot crashed", session=self.session_id, slot=slot.slot_id, turn=slot.turn.index
            )
            self._fail(slot, "unknown", f"{type(error).__name__}: see the log")

    async def _ask(self, slot: SlotTurn) -> SpokenResponse:
        conversation, turn = self.conversation, slot.turn
        agent = self._services.agents.of(slot.agent_id)
        answer = await turn.ask(agent, conversation, slot.slot_id, self._visit.of(slot.slot_id))
        text = clip(answer.text, turn.kind)
        if not text:
            raise SlotFailed("the agent's answer is empty", error_type="server_error")
        slot.answer = structs.replace(answer, text=text)
        conversation.answers[turn.index][slot.slot_id] = slot.answer
        self.stream.announce(slot.done(slot.answer))
        if turn.index == 1:
            exchange = Exchange(message=conversation.message, answer=text)
            self._visit.remember(slot.slot_id, exchange)
        return slot.answer

    async def _speak(self, slot: SlotTurn, answer: SpokenResponse) -> None:
        relative = slot.speech_path(answer)
        path = self._services.artifacts.path(relative)
        fallback = await self._services.speech.speak(answer.text, answer.voice_profile, path)
        self.stream.announce(slot.audio(answer, relative, fallback))
        utterance = slot.utterance(WavePending(), speech=relative)
        self._services.events.utterance(self.session_id, utterance)
        waves = self._services.water.waves_of(slot.slot_id)
        self._services.submit(
            DecomposeJob(session_id=self.session_id, utterance=utterance, waves=waves)
        )

    def _fail(
        self, slot: SlotTurn, error_type: ErrorType, message: str, *, stage: Stage | None = None
    ) -> None:
        log.warning(
            "slot failed",
            session=self.session_id,
            slot=slot.slot_id,
            turn=slot.turn.index,
            type=error_type,
            reason=message,
        )
        self._services.metrics.slot_errors.labels(error_type).inc()
        self.stream.announce(slot.failed(error_type, message))
        lost_at = stage or ("model" if slot.answer is None else "speech")
        failed = slot.utterance(WaveFailed(stage=lost_at, message=message))
        self._services.events.utterance(self.session_id, failed)
