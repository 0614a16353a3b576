"""One visitor's session: three turns, each slot on its own; nothing waits for waves or the bus."""

import asyncio
from collections.abc import Callable

import structlog
from msgspec import Struct, structs

from chat_backend.agents.base import Agents, Exchange, SpokenResponse
from chat_backend.agents.limits import clip
from chat_backend.errors import SlotFailed
from chat_backend.facts.events import SessionEvents
from chat_backend.metrics import Metrics
from chat_backend.session.conversation import Conversation, Memory
from chat_backend.session.dialogues import dialogues
from chat_backend.session.slot_turn import Part
from chat_backend.session.stream import SessionStream
from chat_backend.session.turns import TURN_1, TURN_2, TURN_3, Turn
from chat_backend.speech.engine import Speech
from shared_schema.chat import Done, ErrorType, TurnDone, TurnStart
from shared_schema.facts import Dialogue, Stage
from shared_schema.jobs import DecomposeJob
from shared_schema.layout import Artifacts

log = structlog.get_logger("chat")

STOPPED = "the session was stopped"


class Services(Struct, frozen=True, kw_only=True):
    """What a session needs from outside. `submit` hands over a wave job and never waits."""

    agents: Agents
    speech: Speech
    events: SessionEvents
    memory: Memory
    artifacts: Artifacts
    submit: Callable[[DecomposeJob], None]
    turn_timeout_s: float
    metrics: Metrics


class Workflow:
    """Runs a session to its end. `stream` tells it to whoever listens."""

    def __init__(self, services: Services, conversation: Conversation) -> None:
        self._services = services
        self.conversation = conversation
        self.stream = SessionStream()
        self.stopped = False
        self._turn1_told = False

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.conversation.session_id

    async def run(self, *, on_turn_done: Callable[[], None] = lambda: None) -> None:
        """Run the three turns; cancelling it stops the session, which still ends in order."""
        said, events = self.conversation, self._services.events
        events.begin_session(said.session_id, slots=said.slots)
        log.info("session begun", session=said.session_id, slots=len(said.slots))
        existing: tuple[Dialogue, ...] = ()
        try:
            await self._turn(TURN_1)
            self._tell_turn1()
            on_turn_done()
            await self._turn(TURN_2)
            on_turn_done()
            await self._turn(TURN_3)
            existing = dialogues(said.targets, said.answers[3])
        except asyncio.CancelledError:
            self.stopped = True
            log.info("session stopped", session=said.session_id)
        finally:
            self._tell_turn1()
            events.turn3_complete(said.session_id, existing)
            self.stream.announce(
                Done(session_id=said.session_id, completed_slots=len(said.answers[1]), turns=3)
            )
            log.info("session done", session=said.session_id, dialogues=len(existing))

    def _tell_turn1(self) -> None:
        if not self._turn1_told:
            self._turn1_told = True
            self._services.events.turn1_complete(self.session_id)

    async def _turn(self, turn: Turn) -> None:
        said = self.conversation
        slots = turn.participants(said)
        if not slots:
            return
        self.stream.announce(TurnStart(session_id=said.session_id, turn_index=turn.index))
        async with asyncio.TaskGroup() as group:
            for slot_id in slots:
                group.create_task(self._slot(turn, slot_id))
        self.stream.announce(
            TurnDone(
                session_id=said.session_id,
                turn_index=turn.index,
                slot_count=len(said.answers[turn.index]),
            )
        )

    async def _slot(self, turn: Turn, slot_id: int) -> None:
        """Ask, speak, announce, submit and record one utterance; a failure ends only this slot."""
        part = Part(self.conversation, turn, slot_id)
        self.stream.announce(part.started())
        try:
            async with asyncio.timeout(self._services.turn_timeout_s):
                answer = await self._ask(part)
                await self._speak(part, answer)
        except SlotFailed as error:
            self._lose(part, error.error_type, str(error))
        except TimeoutError:
            limit = f"took longer than {self._services.turn_timeout_s:g} s"
            self._lose(part, "timeout", f"{limit} (RR_CHAT_TURN_TIMEOUT_S)")
        except asyncio.CancelledError:
            self._lose(part, "unknown", STOPPED, stage="stopped")
            raise
        except Exception as error:
            log.exception("slot broke", session=self.session_id, slot=slot_id, turn=turn.index)
            self._lose(part, "unknown", f"{type(error).__name__}: see the log")

    async def _ask(self, part: Part) -> SpokenResponse:
        said, turn, slot_id = part.said, part.turn, part.slot_id
        agent = self._services.agents.of(part.agent_id)
        answer = await turn.ask(agent, said, slot_id, self._services.memory.of(slot_id))
        text = clip(answer.text, turn.kind)
        if not text:
            raise SlotFailed("the agent said nothing", error_type="server_error")
        part.answer = said.answers[turn.index][slot_id] = structs.replace(answer, text=text)
        self.stream.announce(part.done(part.answer))
        if turn.index == 1:
            self._services.memory.remember(slot_id, Exchange(message=said.message, answer=text))
        return part.answer

    async def _speak(self, part: Part, answer: SpokenResponse) -> None:
        relative = part.speech_path(answer)
        path = self._services.artifacts.path(relative)
        fallback = await self._services.speech.speak(answer.text, answer.voice_profile, path)
        self.stream.announce(part.audio(answer, relative, fallback))
        job = part.job(answer, relative)
        self._services.events.utterance(part.said.session_id, job.utterance())
        self._services.submit(job)

    def _lose(
        self, part: Part, error_type: ErrorType, message: str, *, stage: Stage | None = None
    ) -> None:
        log.warning(
            "slot failed",
            session=self.session_id,
            slot=part.slot_id,
            turn=part.turn.index,
            type=error_type,
            reason=message,
        )
        self._services.metrics.slot_errors.labels(error_type).inc()
        self.stream.announce(part.failed(error_type, message))
        lost = part.lost(stage or ("model" if part.answer is None else "speech"), message)
        self._services.events.utterance(self.session_id, lost)
