"""From a persona's templates to an utterance that fits its number of characters."""

from collections.abc import Sequence
from random import Random
from typing import Final

from chat_backend.agents.base import Lengths, Question
from chat_backend.agents.limits import clip
from chat_backend.agents.offline.persona import FIELD, Persona, names_in
from chat_backend.agents.offline.quoting import MAX_PHRASE_CHARS, MAX_PHRASE_WORDS, quotable
from shared_schema.ids import Kind, VoiceProfile

# A visitor is quoted at length, and a peer in passing.
_MAX_WORDS: Final[dict[Kind, int]] = {"response": MAX_PHRASE_WORDS, "comment": 6, "reply": 6}
# How often a persona keeps to its home voice; in Turn 1 the six are introduced.
_AT_HOME: Final[dict[Kind, float]] = {"response": 0.9, "comment": 0.75, "reply": 0.75}


class Utterance:
    """An utterance that grows sentence by sentence, the same for the same question.

    `words` has what a name in braces may stand for: the persona's lexicon, and the facts that are
    added to it. Nothing is said twice as long as there is something else.
    """

    def __init__(self, persona: Persona, question: Question, kind: Kind, lengths: Lengths) -> None:
        # Text seeds do not use hash(), which differs from process to process.
        key = f"{question.seed}/{question.slot_id}/{question.agent_id}/{kind}"
        self.rng = Random(key)  # noqa: S311
        self.words: dict[str, Sequence[str]] = dict(persona.lexicon)
        self._persona = persona
        self._kind = kind
        self._lengths = lengths
        self._used: set[str] = set()
        self._sentences: list[str] = []
        self._too_long: list[str] = []

    @property
    def text(self) -> str:
        """All sentences; if not even one fitted, the shortest that was tried, cut."""
        whole = " ".join(self._sentences) or min(self._too_long, key=len)
        return clip(whole, self._kind, self._lengths)

    def quote(self, name: str, text: str, *, spread: int = 1) -> None:
        """Add a phrase of the text to the words, if it has one; most sentences around it fit."""
        max_chars = min(MAX_PHRASE_CHARS, self._lengths.of(self._kind) // 3)
        max_words = _MAX_WORDS[self._kind]
        phrase = quotable(text, self.rng, spread=spread, max_words=max_words, max_chars=max_chars)
        if phrase is not None:
            self.words[name] = (phrase,)

    def add(self, *pools: Sequence[str]) -> None:
        """Add a sentence of the first of these pools that has one that fits and can be filled."""
        for pool in pools:
            usable = [template for template in pool if self.words.keys() >= names_in(template)]
            for template in self.rng.sample(usable, len(usable)):
                filled = FIELD.sub(lambda match: self._word(match[1]), template)
                sentence = filled[0].upper() + filled[1:]
                if len(" ".join([*self._sentences, sentence])) <= self._lengths.of(self._kind):
                    self._sentences.append(sentence)
                    return
                self._too_long.append(sentence)

    def voice(self) -> VoiceProfile:
        """Return the voice that speaks it."""
        at_home = self.rng.random() < _AT_HOME[self._kind]
        return self._persona.home if at_home else self.rng.choice(self._persona.moods)

    def _word(self, name: str) -> str:
        entries = self.words[name]
        word = self.rng.choice([each for each in entries if each not in self._used] or entries)
        self._used.add(word)
        return word
