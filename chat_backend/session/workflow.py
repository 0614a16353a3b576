"""Runs one visitor's session: three turns, each slot on its own, none waiting for waves or bus.

Turns overlap: the next one's questions are asked as soon as every slot of a turn has its text or
has none, while speech is still being made. `order` tells the events turn by turn all the same.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog
from msgspec import Struct, structs

from chat_backend.agents.base import Agents, Exchange, Lengths, SpokenResponse
from chat_backend.agents.limits import clip
from chat_backend.errors import SlotFailed
from chat_backend.facts.publisher import SessionEvents
from chat_backend.metrics import Metrics
from chat_backend.session.conversation import Conversation
from chat_backend.session.dialogues import dialogues
from chat_backend.session.order import TurnOrder
from chat_backend.session.slot_turn import SlotTurn
from chat_backend.session.stream import SessionStream
from chat_backend.session.turns import TURNS, Turn
from chat_backend.session.visits import Visit
from chat_backend.speech.desk import Desk, Place
from chat_backend.speech.engine import Speech
from shared_schema.chat import ChatEvent, Done, ErrorType, TurnDone
from shared_schema.facts import DecomposeJob, Dialogue, Job, Stage, WaveFailed, WavePending
from shared_schema.ids import TurnIndex
from shared_schema.layout import Artifacts
from shared_schema.runtime.said import said
from shared_schema.water import DEFAULT_WATER, WaterMap

log = structlog.get_logger("chat")

STOPPED = "the session was stopped"


class Services(Struct, frozen=True, kw_only=True):
    """What a session needs from outside; what a show sets stays as it is until the session's end.

    `submit` hands over a wave job and never waits. `speech` is called by those whom the `desk` lets
    speak.
    """

    agents: Agents
    speech: Speech
    desk: Desk
    events: SessionEvents
    artifacts: Artifacts
    submit: Callable[[Job], None]
    turn_timeout_s: float
    metrics: Metrics
    water: WaterMap = DEFAULT_WATER
    lengths: Lengths = Lengths()


class Workflow:
    """Runs a session to its end and announces its events on `stream`."""

    def __init__(self, services: Services, conversation: Conversation, visit: Visit) -> None:
        self._services = services
        self._visit = visit
        self._order = TurnOrder(conversation.session_id)
        self._begun_at = 0.0
        self._dialogues: tuple[Dialogue, ...] = ()
        self._on_turn_done: Callable[[], None] = lambda: None
        self.conversation = conversation
        self.stream = SessionStream()

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.conversation.session_id

    async def run(self, *, on_turn_done: Callable[[], None] = lambda: None) -> None:
        """Run the three turns. To stop the session, call `stop` and cancel it."""
        conversation, events = self.conversation, self._services.events
        self._on_turn_done = on_turn_done
        self._begun_at = asyncio.get_running_loop().time()
        events.begin_session(self.session_id, slots=conversation.slots)
        log.info("session begun", session=self.session_id, slots=len(conversation.slots))
        stopped = False
        try:
            async with asyncio.TaskGroup() as slots:
                for turn in TURNS:
                    await self._ask_turn(turn, slots)
        except asyncio.CancelledError:
            stopped = True
            log.info("session stopped", session=self.session_id)
        finally:
            # Of a stopped session, and of one without a Turn 3; each fact is published once only.
            events.turn1_complete(self.session_id)
            events.turn3_complete(self.session_id, self._dialogues)
            events.session_complete(self.session_id, stopped=stopped)
            completed = len(conversation.answers[1])
            self.stream.announce(
                Done(session_id=self.session_id, completed_slots=completed, turns=3)
            )
            log.info("session done", session=self.session_id, dialogues=len(self._dialogues))

    def stop(self) -> None:
        """Let no turn end that has not: whoever cancels `run` calls this first."""
        self._order.stop()

    async def _ask_turn(self, turn: Turn, group: asyncio.TaskGroup) -> None:
        """Begin a turn, and return when each of its slots has its text or has none."""
        slots = [
            SlotTurn(self.conversation, turn, slot_id)
            for slot_id in turn.participants(self.conversation)
        ]
        if slots:
            self._tell(self._order.begin(turn.index, [slot.slot_id for slot in slots]))
        for slot in slots:
            group.create_task(self._slot(slot))
        for slot in slots:
            await slot.asked.wait()

    def _tell(self, events: Iterable[ChatEvent]) -> None:
        for event in events:
            self.stream.announce(event)
            if isinstance(event, TurnDone):
                self._turn_over(event.turn_index)

    def _turn_over(self, turn: TurnIndex) -> None:
        """Publish that a turn is complete; all its utterances have been."""
        conversation, events = self.conversation, self._services.events
        if turn == 1:
            events.turn1_complete(self.session_id)
        if turn == 3:
            self._dialogues = dialogues(conversation.targets, conversation.answers[3])
            events.turn3_complete(self.session_id, self._dialogues)
        self._on_turn_done()

    async def _slot(self, slot: SlotTurn) -> None:
        """Make one utterance, from question to wave job; a failure ends only this slot."""
        self._tell(self._order.add(slot.started()))
        try:
            await self._ask_and_speak(slot)
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

    async def _ask_and_speak(self, slot: SlotTurn) -> None:
        """Do both within the slot's time; the wait for the desk is not counted."""
        clock = asyncio.get_running_loop().time
        limit_s, asked_at = self._services.turn_timeout_s, clock()
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._ask(slot)
        finally:
            slot.asked.set()
        answered_at = clock()
        place = Place(slot.turn.index, self._begun_at, slot.slot_id)
        async with self._services.desk.lane(place):
            speaking_at = clock()
            async with asyncio.timeout(limit_s - (answered_at - asked_at)):
                await self._speak(slot, answer)
            log.debug(
                "speech done",
                session=self.session_id,
                turn=slot.turn.index,
                slot=slot.slot_id,
                asked_ms=round(1e3 * (answered_at - asked_at), 1),
                waited_ms=round(1e3 * (speaking_at - answered_at), 1),
                spoken_ms=round(1e3 * (clock() - speaking_at), 1),
            )

    async def _ask(self, slot: SlotTurn) -> SpokenResponse:
        conversation, turn = self.conversation, slot.turn
        agent = self._services.agents.of(slot.agent_id)
        answer = await turn.ask(agent, conversation, slot.slot_id, self._visit.of(slot.slot_id))
        text = clip(answer.text, turn.kind, self._services.lengths)
        if not text:
            raise SlotFailed("the agent's answer is empty", error_type="server_error")
        said.note(text)
        slot.answer = structs.replace(answer, text=text)
        conversation.answers[turn.index][slot.slot_id] = slot.answer
        self._tell(self._order.add(slot.done(slot.answer)))
        if turn.index == 1:
            exchange = Exchange(message=conversation.message, answer=text)
            self._visit.remember(slot.slot_id, exchange)
        return slot.answer

    async def _speak(self, slot: SlotTurn, answer: SpokenResponse) -> None:
        relative = slot.speech_path(answer)
        path = self._services.artifacts.path(relative)
        fallback = await self._services.speech.speak(answer.text, answer.voice_profile, path)
        utterance = slot.utterance(WavePending(), speech=relative)
        self._services.events.utterance(self.session_id, utterance)
        waves = self._services.water.waves_of(slot.slot_id)
        self._services.submit(
            DecomposeJob(session_id=self.session_id, utterance=utterance, waves=waves)
        )
        # Last, since it may end the turn, whose fact contains this one.
        self._tell(self._order.add(slot.audio(answer, relative, fallback)))

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
        lost_at = stage or ("model" if slot.answer is None else "speech")
        failed = slot.utterance(WaveFailed(stage=lost_at, message=message))
        self._services.events.utterance(self.session_id, failed)
        self._tell(self._order.add(slot.failed(error_type, message)))
