"""From templates to an utterance that fits its number of characters."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from chat_backend.agents.limits import cut
from chat_backend.agents.offline.persona import FIELD, Persona, names_in
from chat_backend.agents.offline.quoting import MAX_PHRASE_CHARS, MAX_PHRASE_WORDS, quotable
from shared_schema.ids import Kind

# The pools of first sentences, of which at least one must fit; what follows is left out if need be.
_FIRST: Final[dict[Kind, set[str]]] = {
    "response": {"openings"},
    "comment": {"comments", "wordless_comments"},
    "reply": {"replies", "wordless_replies"},
}
_LONGEST_NAME: Final = 21


def shortest_lengths(persona: Persona, kind: Kind, max_chars: int) -> dict[str, int]:
    """Return for each pool of first sentences how many characters its shortest may need.

    Whatever is quoted in it where an utterance may have `max_chars`.
    """
    longest = {name: max(map(len, entries)) for name, entries in persona.lexicon.items()}
    longest["name"] = _LONGEST_NAME
    quote = quotation_limit(max_chars)
    found: dict[str, int] = {}
    for pool, template in persona.templates():
        if pool.split(".")[0] in _FIRST[kind]:
            words = sum(longest.get(name, quote) for name in FIELD.findall(template))
            length = len(FIELD.sub("", template)) + words
            found[pool] = min(length, found.get(pool, length))
    return found


def quotation_limit(max_chars: int) -> int:
    """Return how long a quotation may be, so that most sentences around it fit."""
    return min(MAX_PHRASE_CHARS, max_chars // 3)


class Draft:
    """The draft of an utterance; it grows sentence by sentence.

    `words` has what a name in braces may stand for: a lexicon, and the facts that are added to it.
    Nothing is said twice as long as there is something else.
    """

    def __init__(self, lexicon: Mapping[str, Sequence[str]], rng: Random, max_chars: int) -> None:
        self.words = dict(lexicon)
        self.rng = rng
        self._max_chars = max_chars
        self._used: set[str] = set()
        self._sentences: list[str] = []
        self._too_long: list[str] = []

    @property
    def text(self) -> str:
        """All sentences; if not even one fitted, the shortest that was tried, cut."""
        return cut(" ".join(self._sentences) or min(self._too_long, key=len), self._max_chars)

    def quote(
        self,
        name: str,
        text: str,
        *,
        spread: int = 1,
        max_words: int = MAX_PHRASE_WORDS,
        max_chars: int | None = None,
    ) -> None:
        """Add a phrase of the text to the words, if it has one."""
        limit = max_chars or quotation_limit(self._max_chars)
        phrase = quotable(text, self.rng, spread=spread, max_words=max_words, max_chars=limit)
        if phrase is not None and (phrase,) not in self.words.values():
            self.words[name] = (phrase,)

    def add(self, *pools: Sequence[str]) -> None:
        """Add a sentence of the first of these pools that has one that fits and can be filled."""
        for pool in pools:
            usable = [template for template in pool if self.words.keys() >= names_in(template)]
            for template in self.rng.sample(usable, len(usable)):
                filled = FIELD.sub(lambda match: self._word(match[1]), template)
                sentence = filled[0].upper() + filled[1:]
                if len(" ".join([*self._sentences, sentence])) <= self._max_chars:
                    self._sentences.append(sentence)
                    return
                self._too_long.append(sentence)

    def _word(self, name: str) -> str:
        entries = self.words[name]
        word = self.rng.choice([each for each in entries if each not in self._used] or entries)
        self._used.add(word)
        return word
