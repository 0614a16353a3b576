"""The offline agent: one persona, asked in three turns, the same answer for the same seed."""

from collections.abc import Mapping
from random import Random
from typing import Final

from chat_backend.agents.base import (
    Agent,
    CommentQuestion,
    CommentSelection,
    Lengths,
    Question,
    Remark,
    ReplyQuestion,
    ResponseQuestion,
    SentimentQuestion,
    SpokenResponse,
    SummaryQuestion,
)
from chat_backend.agents.offline.composing import Draft
from chat_backend.agents.offline.message import read_message
from chat_backend.agents.offline.persona import Persona, built_in_personas
from chat_backend.agents.offline.quoting import content_words
from chat_backend.agents.offline.sentiment import sentiment_of
from chat_backend.agents.offline.summary import SummaryTexts, summarize, summary_texts
from chat_backend.errors import AgentFailed
from shared_schema.facts import Sentiment
from shared_schema.ids import AgentId, Kind, VoiceProfile

# How often a persona keeps to its home voice; in Turn 1 the six are introduced.
_AT_HOME: Final[dict[Kind, float]] = {"response": 0.9, "comment": 0.75, "reply": 0.75}
# How often an answer has three sentences, speaks on the visitor's theme, greets by name.
_MOSTLY: Final = 0.75
_RECALLS: Final = 0.3
_RECALLED_EXCHANGES: Final = 3
# Six quote one message: they may be further apart than those who quote six.
_SPREAD: Final = 2
# A visitor is quoted at length, and a peer in passing.
_PEER_WORDS: Final = 6


class OfflineAgent:
    """One persona. Never fails on a well-formed question and never waits for anything."""

    def __init__(self, persona: Persona, lengths: Lengths) -> None:
        self._persona = persona
        self._lengths = lengths

    async def respond(self, question: ResponseQuestion) -> SpokenResponse:
        """Answer the visitor in two or three sentences that take up what was said."""
        persona = self._persona
        draft = self._draft(question, "response")
        message = read_message(question.message)
        draft.quote("phrase", message.unnamed, spread=_SPREAD)
        opening, thoughts = persona.openings[message.kind], persona.thoughts
        closings = persona.closings
        if message.kind == "single":
            opening += persona.openings["statement"]
        if message.theme is not None and draft.rng.random() < _MOSTLY:
            thoughts = persona.themes[message.theme]
        if question.history and draft.rng.random() < _RECALLS:
            past = draft.rng.choice(question.history[-_RECALLED_EXCHANGES:])
            draft.quote("past", past.message)
        if "past" in draft.words:
            closings = persona.recollections
        parts = [opening, thoughts, closings]
        if message.name is not None and draft.rng.random() < _MOSTLY:
            draft.words["name"] = (message.name,)
            # Greeted by name, a visitor still hears their own words taken up.
            second = opening if message.kind in {"statement", "heavy", "question"} else thoughts
            parts = [persona.openings["named"], second, closings]
        elif "past" not in draft.words and draft.rng.random() > _MOSTLY:
            parts = [opening, draft.rng.choice((thoughts, closings))]
        for pool in parts:
            draft.add(pool)
        return SpokenResponse(text=draft.text, voice_profile=self._voice("response", draft.rng))

    async def comment(self, question: CommentQuestion) -> CommentSelection:
        """Choose one of the others and quote it in one sentence.

        Raises
        ------
        AgentFailed
            If there are no others.
        """
        draft = self._draft(question, "comment")
        target = self._target(question, draft.rng)
        draft.quote("quote", target.text, max_words=_PEER_WORDS)
        draft.add(self._persona.comments, self._persona.wordless_comments)
        return CommentSelection(
            text=draft.text,
            voice_profile=self._voice("comment", draft.rng),
            target_slot_id=target.slot_id,
        )

    async def reply(self, question: ReplyQuestion) -> SpokenResponse:
        """Quote one comment, or two if there are several, and say what follows from them."""
        persona = self._persona
        draft = self._draft(question, "reply")
        comments = draft.rng.sample(question.comments, len(question.comments))
        for comment in comments:
            name = "second" if "quote" in draft.words else "quote"
            draft.quote(name, comment.text, max_words=_PEER_WORDS)
        if len(draft.words) - len(persona.lexicon) == len(comments):
            # Nobody is left for the lexicon's {rest}.
            draft.words["rest"] = ("",)
        draft.add(persona.replies_to_many, persona.replies, persona.wordless_replies)
        draft.add(persona.reply_closings)
        return SpokenResponse(text=draft.text, voice_profile=self._voice("reply", draft.rng))

    def _draft(self, question: Question, kind: Kind) -> Draft:
        # Text seeds do not use hash(), which differs from process to process.
        key = f"{question.seed}/{question.slot_id}/{question.agent_id}/{kind}"
        rng = Random(key)  # noqa: S311
        return Draft(self._persona.lexicon, rng, self._lengths.of(kind))

    def _voice(self, kind: Kind, rng: Random) -> VoiceProfile:
        at_home = rng.random() < _AT_HOME[kind]
        return self._persona.home if at_home else rng.choice(self._persona.moods)

    def _target(self, question: CommentQuestion, rng: Random) -> Remark:
        """Choose whom to answer: rather one that speaks of the same, rather one it likes."""
        if not question.others:
            raise AgentFailed("there is nobody to comment on", error_type="unknown")
        own = content_words(question.own_text)
        others = [each for each in question.others if content_words(each.text)]
        others = others or list(question.others)
        weights = [
            1 + len(own & content_words(each.text)) / 2 + (each.agent_id in self._persona.drawn_to)
            for each in others
        ]
        return rng.choices(others, weights)[0]


class OfflineAgents:
    """The personas by the id under which each answers."""

    def __init__(
        self,
        personas: Mapping[AgentId, Persona] | None = None,
        lengths: Lengths | None = None,
        summary: SummaryTexts | None = None,
        summary_voice: VoiceProfile = "calm_soothing",
    ) -> None:
        self._summary = summary or summary_texts()
        self._summary_voice = summary_voice
        self._personas = built_in_personas() if personas is None else personas
        self._lengths = lengths or Lengths()
        self._agents: dict[AgentId, Agent] = {
            agent_id: OfflineAgent(persona, self._lengths)
            for agent_id, persona in self._personas.items()
        }

    def of(self, agent_id: AgentId) -> Agent:
        """Return the agent with this id."""
        return self._agents[agent_id]

    def describe(self, agent_id: AgentId) -> str:
        """Return the persona's name and what it is."""
        return self._personas[agent_id].title

    async def summarize(self, question: SummaryQuestion) -> SpokenResponse:
        """Say what remained of a session, with words of three voices."""
        return summarize(
            question,
            self._summary,
            max_chars=self._lengths.summary,
            voice=self._summary_voice,
        )

    async def sentiment(self, question: SentimentQuestion) -> Sentiment:
        """Tell the mood of a message by the lexicon."""
        return sentiment_of(question.message)
