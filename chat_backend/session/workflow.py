"""Runs one visitor's session: its turns, each slot on its own, none waiting for waves or bus.

Turns overlap: the next one's questions are asked as soon as every slot of a turn has its text or
has none, while speech is still being made. `order` tells the events turn by turn all the same. A
fourth turn, the summary, and the mood of the visitor's words are there if they are switched on.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog
from msgspec import Struct

from chat_backend.agents.base import Agents, Exchange, Lengths, SentimentQuestion, SpokenResponse
from chat_backend.errors import SlotFailed
from chat_backend.facts.publisher import SessionEvents
from chat_backend.metrics import Metrics
from chat_backend.session.conversation import Conversation
from chat_backend.session.dialogues import dialogues
from chat_backend.session.order import TurnOrder
from chat_backend.session.part import Part
from chat_backend.session.slot_turn import SlotTurn
from chat_backend.session.stream import SessionStream
from chat_backend.session.summary_turn import SummaryTurn
from chat_backend.session.turns import TURNS
from chat_backend.session.visits import Visit
from chat_backend.speech.desk import Desk, QueuePlace
from chat_backend.speech.engine import Speech
from shared_schema.chat import ChatEvent, Done, ErrorType, TurnDone, TurnStart, UserSentiment
from shared_schema.facts import Dialogue, Job, Stage, WaveFailed, WavePending
from shared_schema.ids import SUMMARY_TURN, AnyTurn
from shared_schema.layout import Artifacts
from shared_schema.runtime.log.said import said
from shared_schema.water import DEFAULT_WATER, WaterMap

log = structlog.get_logger("chat")

STOPPED = "the session was stopped"


class Services(Struct, frozen=True, kw_only=True):
    """What a session needs from outside; what a show sets stays as it is until the session's end.

    `submit` hands over a wave job and never waits. `speech` is called by those whom the `desk` lets
    speak. Without `sentiment_timeout_s` there is no sentiment.
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
    summary: bool = False
    sentiment_timeout_s: float | None = None


class Workflow:
    """Runs a session to its end and announces its events on `stream`."""

    def __init__(self, services: Services, conversation: Conversation, visit: Visit) -> None:
        self._services = services
        self._visit = visit
        self._order = TurnOrder(conversation.session_id)
        self._begun_at = 0.0
        self._dialogues: tuple[Dialogue, ...] = ()
        self._turns = len(TURNS)
        self._sentiment: asyncio.Task[None] | None = None
        self._on_turn_done: Callable[[], None] = lambda: None
        self.conversation = conversation
        self.stream = SessionStream()

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.conversation.session_id

    async def run(self, *, on_turn_done: Callable[[], None] = lambda: None) -> None:
        """Run the turns. To stop the session, call `stop` and cancel it."""
        conversation, events = self.conversation, self._services.events
        self._on_turn_done = on_turn_done
        self._begun_at = asyncio.get_running_loop().time()
        events.begin_session(self.session_id, slots=conversation.slots)
        log.info("session begun", session=self.session_id, slots=len(conversation.slots))
        stopped = False
        try:
            async with asyncio.TaskGroup() as tasks:
                for turn in TURNS:
                    slots = turn.participants(conversation)
                    parts = [SlotTurn(conversation, turn, slot_id) for slot_id in slots]
                    await self._ask_turn(turn.index, parts, tasks)
                if self._services.summary and conversation.answers[1]:
                    await self._ask_turn(SUMMARY_TURN, [SummaryTurn(conversation)], tasks)
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
                Done(session_id=self.session_id, completed_slots=completed, turns=self._turns)
            )
            log.info("session done", session=self.session_id, dialogues=len(self._dialogues))

    def stop(self) -> None:
        """Let no turn end that has not: whoever cancels `run` calls this first."""
        self._order.stop()

    async def _ask_turn(
        self, turn: AnyTurn, parts: Sequence[Part], tasks: asyncio.TaskGroup
    ) -> None:
        """Begin a turn, and return when each of its parts has its text or has none."""
        if parts:
            self._tell(self._order.begin(turn, [part.slot_id for part in parts]))
        for part in parts:
            tasks.create_task(self._part(part))
        if turn == 1 and self._services.sentiment_timeout_s is not None:
            # Behind the six questions, also where a provider takes a few at a time.
            reading = self._read_sentiment(self._services.sentiment_timeout_s)
            self._sentiment = tasks.create_task(reading)
        for part in parts:
            await part.asked.wait()

    async def _read_sentiment(self, timeout_s: float) -> None:
        """Publish the mood of the visitor's words, if it is known in time."""
        conversation = self.conversation
        question = SentimentQuestion(agent_ids=conversation.agent_ids, message=conversation.message)
        try:
            async with asyncio.timeout(timeout_s):
                found = await self._services.agents.sentiment(question)
        except TimeoutError:
            limit = f"{timeout_s:g} s (RR_CHAT_SENTIMENT_TIMEOUT_S)"
            log.warning("no sentiment within its time", session=self.session_id, limit=limit)
            return
        except Exception:  # whatever it is: the task group would end the session with it
            log.exception("sentiment crashed", session=self.session_id)
            return
        if found is not None:
            self._services.events.sentiment(self.session_id, found)
            self.stream.announce(
                UserSentiment(session_id=self.session_id, sentiment=found.sentiment)
            )

    def _tell(self, events: Iterable[ChatEvent]) -> None:
        for event in events:
            self.stream.announce(event)
            if isinstance(event, TurnDone):
                self._turn_over(event.turn_index)
            elif isinstance(event, TurnStart) and event.turn_index == SUMMARY_TURN:
                self._turns = SUMMARY_TURN
                # Every turn before it is over, also where there was no Turn 3.
                self._services.events.turn3_complete(self.session_id, self._dialogues)

    def _turn_over(self, turn: AnyTurn) -> None:
        """Publish that a turn is complete; all its utterances have been."""
        conversation, events = self.conversation, self._services.events
        if turn == 1:
            if self._sentiment is not None:
                self._sentiment.cancel()  # it would come too late
            events.turn1_complete(self.session_id)
        if turn == 3:
            self._dialogues = dialogues(conversation.targets, conversation.answers[3])
            events.turn3_complete(self.session_id, self._dialogues)
        self._on_turn_done()

    async def _part(self, part: Part) -> None:
        """Make one utterance, from question to wave job; a failure ends only this part."""
        self._tell(self._order.add(part.started()))
        try:
            await self._ask_and_speak(part)
        except SlotFailed as error:
            self._fail(part, error.error_type, str(error))
        except TimeoutError:
            limit = f"took longer than {self._services.turn_timeout_s:g} s"
            self._fail(part, "timeout", f"{limit} (RR_CHAT_TURN_TIMEOUT_S)")
        except asyncio.CancelledError:
            self._fail(part, "unknown", STOPPED, stage="stopped")
            raise
        except Exception as error:
            log.exception(
                "slot crashed", session=self.session_id, slot=part.slot_id, turn=part.turn_index
            )
            self._fail(part, "unknown", f"{type(error).__name__}: see the log")

    async def _ask_and_speak(self, part: Part) -> None:
        """Do both within the slot's time; the wait for the desk is not counted."""
        clock = asyncio.get_running_loop().time
        limit_s, asked_at = self._services.turn_timeout_s, clock()
        try:
            async with asyncio.timeout(limit_s):
                answer = await self._ask(part)
        finally:
            part.asked.set()
        answered_at = clock()
        place = QueuePlace(part.turn_index, self._begun_at, part.slot_id)
        async with self._services.desk.lane(place):
            speaking_at = clock()
            async with asyncio.timeout(limit_s - (answered_at - asked_at)):
                await self._speak(part, answer)
            log.debug(
                "speech done",
                session=self.session_id,
                turn=part.turn_index,
                slot=part.slot_id,
                asked_ms=round(1e3 * (answered_at - asked_at), 1),
                waited_ms=round(1e3 * (speaking_at - answered_at), 1),
                spoken_ms=round(1e3 * (clock() - speaking_at), 1),
            )

    async def _ask(self, part: Part) -> SpokenResponse:
        answer = await part.ask(self._services.agents, self._visit.of(part.slot_id))
        kept = part.keep(answer, self._services.lengths)
        said.note(kept.text)
        self._tell(self._order.add(part.done(kept)))
        if part.turn_index == 1:
            exchange = Exchange(message=self.conversation.message, answer=kept.text)
            self._visit.remember(part.slot_id, exchange)
        return kept

    async def _speak(self, part: Part, answer: SpokenResponse) -> None:
        relative = part.speech_path(answer)
        path = self._services.artifacts.path(relative)
        fallback = await self._services.speech.speak(answer.text, answer.voice_profile, path)
        part.report(self._services.events, WavePending(), speech=relative)
        self._services.submit(part.job(relative, self._services.water))
        # Last, since it may end the turn, whose fact contains this one.
        self._tell(self._order.add(part.audio(answer, relative, fallback)))

    def _fail(
        self, part: Part, error_type: ErrorType, message: str, *, stage: Stage | None = None
    ) -> None:
        # Stopping a session stops all its slots: that needs no attention.
        note = log.debug if stage == "stopped" else log.warning
        note(
            "slot failed",
            session=self.session_id,
            slot=part.slot_id,
            turn=part.turn_index,
            type=error_type,
            reason=message,
        )
        self._services.metrics.slot_errors.labels(error_type).inc()
        lost_at = stage or ("model" if part.answer is None else "speech")
        part.report(self._services.events, WaveFailed(stage=lost_at, message=message))
        self._tell(self._order.add(part.failed(error_type, message)))
