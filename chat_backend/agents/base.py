"""What an agent is asked in each turn, and what it answers."""

from typing import Annotated, Final, Protocol

from msgspec import Meta, Struct

from shared_schema.facts import Mood, Sentiment
from shared_schema.ids import AgentId, Kind, SlotId, VoiceProfile

# The contract's limits, in characters and sentences.
MAX_CHARS: Final[dict[Kind, int]] = {"response": 400, "comment": 200, "reply": 300}
MAX_SUMMARY_CHARS: Final = 400
MAX_SENTENCES: Final[dict[Kind, int]] = {"response": 3, "comment": 1, "reply": 2}


# The shortest leaves room for a sentence with a quotation, the longest for a breath.
Length = Annotated[int, Meta(ge=60, le=600)]


class Lengths(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The largest number of characters of each kind of utterance, as a show sets them."""

    response: Length = MAX_CHARS["response"]
    comment: Length = MAX_CHARS["comment"]
    reply: Length = MAX_CHARS["reply"]
    summary: Length = MAX_SUMMARY_CHARS

    def of(self, kind: Kind) -> int:
        """Return the limit of a turn's utterances."""
        return {"response": self.response, "comment": self.comment, "reply": self.reply}[kind]


class Remark(Struct, frozen=True, kw_only=True):
    """What another slot said."""

    slot_id: SlotId
    agent_id: AgentId
    text: str


class Exchange(Struct, frozen=True, kw_only=True):
    """An earlier exchange as this slot remembers it: the visitor's message and its own answer."""

    message: str
    answer: str


class Question(Struct, frozen=True, kw_only=True):
    """What every turn's question has in common.

    `seed` is all the randomness that an agent may use: the same question with the same seed has
    the same answer from an offline agent.
    """

    seed: int
    slot_id: SlotId
    agent_id: AgentId
    message: str
    history: tuple[Exchange, ...] = ()


class ResponseQuestion(Question, frozen=True, kw_only=True):
    """Turn 1: answer the visitor."""


class CommentQuestion(Question, frozen=True, kw_only=True):
    """Turn 2: comment on exactly one of `others`, none of which is the slot itself."""

    own_text: str
    others: tuple[Remark, ...]


class ReplyQuestion(Question, frozen=True, kw_only=True):
    """Turn 3: reply to all the comments on what the slot itself said."""

    own_text: str
    comments: tuple[Remark, ...]


class SummaryQuestion(Struct, frozen=True, kw_only=True):
    """After the last turn: say what remained of `remarks`, all texts in order.

    `agent_ids` are those of the session, by slot: the first that is a model is asked.
    """

    seed: int
    agent_ids: tuple[AgentId, ...] = ()
    message: str
    remarks: tuple[Remark, ...]


class SentimentQuestion(Struct, frozen=True, kw_only=True):
    """Beside Turn 1: tell the mood of the visitor's message. `agent_ids` as for a summary."""

    agent_ids: tuple[AgentId, ...] = ()
    message: str


class PlainText(Struct, frozen=True, kw_only=True):
    """A text."""

    text: str


class MoodReading(PlainText, frozen=True, kw_only=True):
    """A mood; the text says why."""

    sentiment: Mood


class SpokenResponse(PlainText, frozen=True, kw_only=True):
    """A text and the voice that it asks for."""

    voice_profile: VoiceProfile


class CommentSelection(SpokenResponse, frozen=True, kw_only=True):
    """A comment, and the slot that it is for."""

    target_slot_id: SlotId


class Agent(Protocol):
    """One agent. Each method raises `AgentFailed` when there is no usable answer."""

    async def respond(self, question: ResponseQuestion) -> SpokenResponse:
        """Answer the visitor in one to three sentences."""

    async def comment(self, question: CommentQuestion) -> CommentSelection:
        """Choose one of the others and say one sentence to it."""

    async def reply(self, question: ReplyQuestion) -> SpokenResponse:
        """Reply to the comments in one or two sentences."""


class ObservingAgent(Agent, Protocol):
    """An agent that can also look at a session as a whole: a model. Raises `AgentFailed` too."""

    async def summarize(self, question: SummaryQuestion) -> SpokenResponse:
        """Say what remained of a session."""

    async def sentiment(self, question: SentimentQuestion) -> Sentiment:
        """Tell the mood of a message."""


class Agents(Protocol):
    """The agents by their id, and who looks at the session as a whole."""

    def of(self, agent_id: AgentId) -> Agent:
        """Return the agent with this id."""

    def describe(self, agent_id: AgentId) -> str:
        """Return in a few words what answers under this id, e.g. a persona's or a model's name."""

    async def summarize(self, question: SummaryQuestion) -> SpokenResponse:
        """Say what remained of a session; raises `AgentFailed`."""

    async def sentiment(self, question: SentimentQuestion) -> Sentiment | None:
        """Tell the mood of a message; None when it took too long."""
