"""A whole session in virtual time, whose agents and voice follow a plan."""

import asyncio
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from structlog.testing import capture_logs

from chat_backend.agents.base import (
    CommentQuestion,
    CommentSelection,
    Question,
    SentimentQuestion,
    SpokenResponse,
    SummaryQuestion,
)
from chat_backend.errors import AgentFailed, SpeechFailed
from chat_backend.facts.ledger import Ledger
from chat_backend.facts.publisher import SessionEvents
from chat_backend.metrics import Metrics
from chat_backend.session.conversation import Conversation
from chat_backend.session.visits import Visit
from chat_backend.session.workflow import Services, Workflow
from chat_backend.speech.desk import Desk
from shared_schema.bus import FactPublished
from shared_schema.chat import ChatEvent
from shared_schema.facts import DecomposeJob, Fact, Job, Sentiment
from shared_schema.ids import SLOT_IDS, SUMMARY_SLOT, SUMMARY_TURN, VoiceProfile
from shared_schema.layout import Artifacts
from tests.support.sessions import BRIGHT, session_id, slot_agent
from tests.support.virtual_time import run

TURN_TIMEOUT_S = 10.0
SENTIMENT_TIMEOUT_S = 5.0
SESSION = session_id()

End = Literal["well", "fails", "hangs"]
Key = tuple[int, int]  # turn, slot
SUMMARY: Key = (SUMMARY_TURN, SUMMARY_SLOT)
FAILED = AgentFailed("planned", error_type="server_error")


class Work(Struct, frozen=True):
    """How long something takes, in seconds, and how it ends."""

    takes_s: float = 0.0
    end: End = "well"

    async def do(self, failure: Exception) -> None:
        """Take the time."""
        await asyncio.sleep(1e6 if self.end == "hangs" else self.takes_s)
        if self.end == "fails":
            raise failure


class Plan(Struct, frozen=True, kw_only=True):
    """What every text and every speech of a session will take; nothing where it does not say.

    The summary is turn 4, slot 0, if there is one.
    """

    slots: tuple[int, ...] = SLOT_IDS
    texts: dict[Key, Work] = {}
    speech: dict[Key, Work] = {}
    lanes: int = 2
    stopped_at: float | None = None
    summary: bool = False
    sentiment: Work | None = None


class Cast:
    """Agents and voice that follow a plan: each says its turn and slot, which the voice reads."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def of(self, _: str) -> "Cast":
        return self

    def describe(self, _: str) -> str:
        return ""

    async def respond(self, question: Question) -> SpokenResponse:
        return await self._say(1, question)

    async def comment(self, question: CommentQuestion) -> CommentSelection:
        said = await self._say(2, question)
        target = question.others[question.slot_id % len(question.others)].slot_id
        return CommentSelection(
            text=said.text, voice_profile=said.voice_profile, target_slot_id=target
        )

    async def reply(self, question: Question) -> SpokenResponse:
        return await self._say(3, question)

    async def summarize(self, question: SummaryQuestion) -> SpokenResponse:
        assert question.remarks
        await self._plan.texts.get(SUMMARY, Work()).do(FAILED)
        return SpokenResponse(text="4 0", voice_profile="calm_soothing")

    async def sentiment(self, _: SentimentQuestion) -> Sentiment:
        assert self._plan.sentiment is not None
        await self._plan.sentiment.do(RuntimeError("planned"))
        return BRIGHT

    async def _say(self, turn: int, question: Question) -> SpokenResponse:
        await self._plan.texts.get((turn, question.slot_id), Work()).do(FAILED)
        return SpokenResponse(text=f"{turn} {question.slot_id}", voice_profile="friendly_casual")

    async def start(self) -> None:
        pass

    async def speak(self, text: str, profile: VoiceProfile, path: Path) -> None:
        turn, slot = map(int, text.split())
        await self._plan.speech.get((turn, slot), Work()).do(SpeechFailed("planned"))

    async def close(self) -> None:
        pass


class Played(Struct, kw_only=True):
    """What became of a session; facts, jobs and events each with their time."""

    facts: list[tuple[float, Fact]]
    jobs: list[tuple[float, Key]]
    events: list[tuple[float, ChatEvent]]

    def first(self, kind: type) -> float:
        """Return when the one fact of this kind was published."""
        (at,) = (at for at, fact in self.facts if type(fact) is kind)
        return at

    def spoken(self, turn: int) -> list[float]:
        """Return when each speech of a turn was there."""
        return [at for at, (of_turn, _) in self.jobs if of_turn == turn]


def play(plan: Plan) -> Played:
    """Run a session by a plan."""
    with capture_logs():
        return run(_play(plan))


async def _play(plan: Plan) -> Played:
    now = asyncio.get_running_loop().time
    played = Played(facts=[], jobs=[], events=[])

    def publish(message: FactPublished) -> None:
        played.facts.append((now(), message.fact))

    def submit(job: Job) -> None:
        key = SUMMARY
        if isinstance(job, DecomposeJob):
            key = (job.turn_index, job.utterance.slot_id)
        played.jobs.append((now(), key))

    cast: Any = Cast(plan)
    services = Services(
        agents=cast,
        speech=cast,
        desk=Desk(plan.lanes),
        events=SessionEvents(Ledger(epoch="test", keep_s=0.0), publish),
        artifacts=Artifacts(Path("nowhere")),
        submit=submit,
        turn_timeout_s=TURN_TIMEOUT_S,
        metrics=Metrics(),
        summary=plan.summary,
        sentiment_timeout_s=None if plan.sentiment is None else SENTIMENT_TIMEOUT_S,
    )
    slots = tuple(slot_agent(slot) for slot in plan.slots)
    conversation = Conversation(session_id=SESSION, message="?", slots=slots, seed=1)
    workflow = Workflow(services, conversation, Visit(exchanges=0))

    async def listen() -> None:
        async for event in workflow.stream.listen():
            played.events.append((now(), event))

    listening = asyncio.create_task(listen())
    running = asyncio.create_task(workflow.run())
    if plan.stopped_at is not None:
        await asyncio.wait([running], timeout=plan.stopped_at)
        workflow.stop()
        running.cancel()
    await running
    await listening
    return played
