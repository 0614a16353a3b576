"""The offline agent: one persona, asked in three turns, the same answer for the same seed."""

from collections.abc import Sequence
from random import Random
from typing import Final

from chat_backend.agents.base import (
    Agent,
    CommentQuestion,
    CommentSelection,
    Heard,
    Question,
    ReplyQuestion,
    ResponseQuestion,
    SpokenResponse,
)
from chat_backend.agents.offline.grammar import Grammar
from chat_backend.agents.offline.listening import Message, content_words, listen, quotable
from chat_backend.agents.offline.persona import Persona, Templates
from chat_backend.agents.offline.personas import PERSONAS
from chat_backend.errors import AgentFailed
from shared_schema.ids import AGENT_IDS, AgentId, Kind, VoiceProfile

# How often a persona keeps to its home voice; in Turn 1 the six are introduced.
_AT_HOME: Final[dict[Kind, float]] = {"response": 0.9, "comment": 0.75, "reply": 0.75}
_THREE_SENTENCES: Final = 0.75
_ON_THE_THEME: Final = 0.75
_BY_NAME: Final = 0.8
_RECALLS: Final = 0.3
_RECALLED_VISITS: Final = 3
# What draws a comment to a slot, beside chance: a word in common, and a liking.
_PER_SHARED_WORD: Final = 0.5
_LIKING: Final = 1.0

# For texts of peers that hold no word that could be quoted.
_UNQUOTED_COMMENT: Final = (
    "I did not catch your words, but I stayed for the sound of them.",
    "What you said has no words that I can repeat, and I heard it all the same.",
    "Your answer went by like a wave without a name, and I waved back.",
)
_UNQUOTED_REPLY: Final = (
    "I could not make out your words, but I felt the water move.",
    "Something came back to me that I cannot repeat, and I am glad of it.",
    "Your answer reached me as a ripple, and I leave it one.",
)
_REST: Final = (
    ", and I hear the rest of you too",
    ", with the rest of you close behind",
    ", and I have not forgotten the others",
)


class OfflineAgent:
    """One persona. Never fails on a well-formed question and never waits for anything."""

    def __init__(self, persona: Persona) -> None:
        self._persona = persona

    async def respond(self, question: ResponseQuestion) -> SpokenResponse:
        """Answer the visitor in two or three sentences that take up what was said."""
        rng = _rng(question, "response")
        message = listen(question.message)
        facts = _facts_of(message, rng)
        past = self._past(question, rng)
        if past is not None:
            facts["past"] = past
        pools = self._response_pools(message, facts, rng)
        text = Grammar(self._persona.lexicon, facts, rng).compose("response", pools)
        return SpokenResponse(text=text, voice_profile=self._voice("response", rng))

    async def comment(self, question: CommentQuestion) -> CommentSelection:
        """Choose one of the others and quote it in one sentence.

        Raises
        ------
        AgentFailed
            If there are no others.
        """
        rng = _rng(question, "comment")
        target = self._target(question, rng)
        quote = quotable(target.text, rng, own_words_only=True)
        facts = {} if quote is None else {"quote": quote}
        pool = self._persona.comments if quote else _UNQUOTED_COMMENT
        text = Grammar(self._persona.lexicon, facts, rng).compose("comment", [pool])
        return CommentSelection(
            text=text,
            voice_profile=self._voice("comment", rng),
            target_slot_id=target.slot_id,
        )

    async def reply(self, question: ReplyQuestion) -> SpokenResponse:
        """Quote one comment, or two if there are several, and say what follows from them."""
        rng = _rng(question, "reply")
        quotes = _distinct_quotes(question.comments, rng)
        facts = dict(zip(("quote", "second"), quotes, strict=False))
        facts["rest"] = rng.choice(_REST) if len(question.comments) > len(facts) else ""
        first: Templates = _UNQUOTED_REPLY
        if len(quotes) == 1:
            first = self._persona.replies
        elif quotes:
            first = self._persona.replies_to_many
        text = Grammar(self._persona.lexicon, facts, rng).compose(
            "reply", [first, self._persona.reply_closings]
        )
        return SpokenResponse(text=text, voice_profile=self._voice("reply", rng))

    def _response_pools(
        self, message: Message, facts: dict[str, str], rng: Random
    ) -> list[Templates]:
        persona = self._persona
        opening = {
            "statement": persona.told,
            "question": persona.asked,
            "greeting": persona.greeted,
            "single": persona.single + persona.told,
            "wordless": persona.wordless,
        }[message.kind]
        thought = persona.thoughts
        if message.theme is not None and rng.random() < _ON_THE_THEME:
            thought = persona.themes[message.theme]
        closing = persona.closings
        recalls = "past" in facts and rng.random() < _RECALLS
        if recalls:
            closing = persona.remembered
        if message.name is not None and rng.random() < _BY_NAME:
            # Greeted by name, a visitor still hears their own words taken up.
            rest = [opening] if message.kind in {"statement", "question"} else [thought]
            return [persona.named, *rest, closing]
        if recalls or rng.random() < _THREE_SENTENCES:
            return [opening, thought, closing]
        return [opening, rng.choice((thought, closing))]

    def _past(self, question: Question, rng: Random) -> str | None:
        """Return words of an earlier visit."""
        if not question.history:
            return None
        visit = rng.choice(question.history[-_RECALLED_VISITS:])
        return quotable(visit.message, rng)

    def _target(self, question: CommentQuestion, rng: Random) -> Heard:
        """Choose whom to answer: rather one that speaks of the same, rather one it likes."""
        if not question.others:
            raise AgentFailed("there is nobody to comment on", error_type="unknown")
        own = content_words(question.own_text)
        words = [content_words(other.text) for other in question.others]
        weights = [
            1.0
            + _PER_SHARED_WORD * len(own & theirs)
            + _LIKING * (other.agent_id in self._persona.drawn_to)
            for other, theirs in zip(question.others, words, strict=True)
        ]
        if any(words):
            weights = [
                weight if theirs else 0.0 for weight, theirs in zip(weights, words, strict=True)
            ]
        return rng.choices(question.others, weights)[0]

    def _voice(self, kind: Kind, rng: Random) -> VoiceProfile:
        at_home = rng.random() < _AT_HOME[kind]
        return self._persona.home if at_home else rng.choice(self._persona.moods)


class OfflineAgents:
    """The six personas by the id under which each answers."""

    def __init__(self) -> None:
        self._agents: dict[AgentId, Agent] = {
            agent_id: OfflineAgent(PERSONAS[agent_id]) for agent_id in AGENT_IDS
        }

    def of(self, agent_id: AgentId) -> Agent:
        """Return the agent with this id."""
        return self._agents[agent_id]

    def describe(self, agent_id: AgentId) -> str:
        """Return the persona's name and what it is."""
        return PERSONAS[agent_id].title


def _rng(question: Question, kind: Kind) -> Random:
    """Return a generator that is the same in every process: text seeds do not use hash()."""
    key = f"{question.seed}/{question.slot_id}/{question.agent_id}/{kind}"
    return Random(key)  # noqa: S311


def _facts_of(message: Message, rng: Random) -> dict[str, str]:
    facts: dict[str, str] = {}
    if message.name is not None:
        facts["name"] = message.name
    # Six listeners hear one message: they may be further apart than those who hear six.
    phrase = quotable(message.unnamed, rng, spread=2.6)
    if phrase is None:
        return facts
    facts["phrase"] = phrase
    if message.kind == "single":
        return {**facts, "word": phrase}
    apart = [word for word in message.words if word not in phrase and word != message.name]
    if apart:
        # Long words are rarely the empty ones.
        facts["word"] = rng.choice(sorted(apart, key=len)[-3:])
    return facts


def _distinct_quotes(comments: Sequence[Heard], rng: Random) -> list[str]:
    """Return a quotation of up to two comments, in an order that changes with the seed."""
    quotes: list[str] = []
    for comment in rng.sample(comments, len(comments)):
        quote = quotable(comment.text, rng, own_words_only=True)
        if quote is not None and quote not in quotes:
            quotes.append(quote)
    return quotes[:2]
