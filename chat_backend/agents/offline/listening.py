"""What was said, taken apart: kind of message, words that carry it, phrases that can be quoted.

Only words that an English voice can speak are heard. A phrase is always an exact piece of the text:
neighbouring words with one space between them and no mark, so that it can be quoted as it stands.
"""

import re
from collections.abc import Sequence
from random import Random
from typing import Final, Literal

from msgspec import Struct

from chat_backend.agents.offline.english import (
    AUXILIARIES,
    BAD_FIRST,
    CLAUSE_MARKS,
    CONJUNCTIONS,
    EMPTY,
    MODIFIERS,
    OBJECTS,
    QUESTION_WORDS,
    SUBJECTS,
)
from chat_backend.agents.offline.themes import Theme, theme_of

MessageKind = Literal["greeting", "question", "statement", "single", "wordless"]

MAX_PHRASE_WORDS: Final = 6
# A quotation longer than this leaves too little of a 200-character comment.
MAX_PHRASE_CHARS: Final = 46

_LETTER: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_WORD: Final = re.compile(rf"(?<![\w@#/])[{_LETTER}0-9]+(?:['\u2019.,-][{_LETTER}0-9]+)*(?![\w@/])")
_QUOTED: Final = re.compile('\u201c[^\u201d]*\u201d|"[^"]*"')
_NAME: Final = re.compile(
    r"(?i:\bmy name is|\bmy name's|\bcall me|\bi am called|\bi'm called)"
    rf" +([A-Z][{_LETTER}'-]{{1,20}})"
    rf"|\b(?:I am|I'm) ([A-Z][{_LETTER}-]{{1,20}})(?=[.,!]|\s*\Z)"
)
_GREETING: Final = re.compile(
    r"\s*(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|evening|afternoon|day)|welcome)\b",
    re.IGNORECASE,
)
_ASKING: Final = re.compile(
    r"\s*(?:who|what|when|where|why|how|which|whose|is|are|am|was|were|do|does|did|can|could|will|"
    r"would|should|shall|may|might|have|has|had)\b",
    re.IGNORECASE,
)
_GREETING_WORDS: Final = 4


class Word(Struct, frozen=True):
    """One word and where it stands."""

    text: str
    start: int
    end: int

    @property
    def key(self) -> str:
        """The word as the lists have it."""
        return self.text.lower().replace("\u2019", "'")

    @property
    def carries(self) -> bool:
        """Whether the word says something by itself."""
        return len(self.text) > 1 and self.key not in EMPTY


class Message(Struct, frozen=True, kw_only=True):
    """What is taken from a visitor's message."""

    kind: MessageKind
    text: str
    words: tuple[str, ...]
    theme: Theme | None
    name: str | None

    @property
    def unnamed(self) -> str:
        """The text without the words in which the visitor says their name."""
        return _NAME.sub("\n", self.text)


def listen(message: str) -> Message:
    """Return what a message holds."""
    text = " ".join(message.split())
    words = words_of(text)
    name = _NAME.search(text)
    carrying = tuple(dict.fromkeys(word.text for word in words if word.carries))
    keys = [word.key for word in words]
    return Message(
        kind=_kind(text, words),
        text=text,
        words=carrying,
        theme=theme_of(text, keys),
        name=(name[1] or name[2]) if name else None,
    )


def _kind(text: str, words: Sequence[Word]) -> MessageKind:
    if not words:
        return "wordless"
    if _GREETING.match(text) and len(words) <= _GREETING_WORDS and "?" not in text:
        return "greeting"
    if len(words) == 1:
        return "single"
    if text.rstrip("\"')\u201d ").endswith("?") or (
        _ASKING.match(text) and not text.rstrip().endswith((".", "!"))
    ):
        return "question"
    return "question" if "? " in text and text.index("?") > len(text) // 2 else "statement"


def words_of(text: str) -> list[Word]:
    """Return the words of a text that can be spoken."""
    return [Word(match[0], match.start(), match.end()) for match in _WORD.finditer(text)]


def content_words(text: str) -> frozenset[str]:
    """Return the words that carry a text, in lower case."""
    return frozenset(word.key for word in words_of(text) if word.carries)


def quotable(
    text: str, rng: Random, *, own_words_only: bool = False, spread: float = 1.0
) -> str | None:
    """Return a phrase of the text that reads well as a quotation, or None if it has no word.

    Parameters
    ----------
    text : str
        Where to look; the result is an exact piece of it.
    rng : Random
        Breaks ties and near-ties, so that not every listener hears the same phrase.
    own_words_only : bool
        Look first outside of what the text itself quotes.
    spread : float
        How much worse than the best phrase the chosen one may be; a point is about a word.
    """
    if own_words_only:
        # Blanks of the same length keep the positions.
        outside = _QUOTED.sub(lambda match: "\n" * len(match[0]), text)
        phrase = _best(outside, rng, spread)
        if phrase is not None and " " in phrase:
            return phrase
    return _best(text, rng, spread)


def _best(text: str, rng: Random, spread: float) -> str | None:
    scored: list[tuple[float, str]] = []
    for clause in _clauses(text):
        for first in range(len(clause)):
            for last in range(first + 1, min(first + MAX_PHRASE_WORDS, len(clause))):
                phrase = text[clause[first].start : clause[last].end]
                if len(phrase) <= MAX_PHRASE_CHARS:
                    scored.append(
                        (_score(text, clause, first, last) + spread * rng.random(), phrase)
                    )
    if scored:
        return max(scored)[1]
    words = [word for word in words_of(text) if len(word.text) <= MAX_PHRASE_CHARS]
    if not words:
        return None
    return max(words, key=lambda word: (word.carries, len(word.text), -word.start)).text


def _clauses(text: str) -> list[list[Word]]:
    """Return runs of words with exactly one space between each two."""
    runs: list[list[Word]] = []
    previous: Word | None = None
    for word in words_of(text):
        if previous is not None and text[previous.end : word.start] == " ":
            runs[-1].append(word)
        else:
            runs.append([word])
        previous = word
    return runs


def _score(text: str, clause: Sequence[Word], first: int, last: int) -> float:
    """Return how well the words from `first` to `last` read as a quotation."""
    chosen = clause[first : last + 1]
    carrying = sum(word.carries for word in chosen)
    score = 0.9 * min(3, carrying) - 0.9 * (carrying < 2) - 0.7 * (len(chosen) < 3)
    score -= 0.6 * any(word.key in CONJUNCTIONS for word in chosen[1:])
    ending = _ending(text, clause, last)
    # A short clause that is quoted whole needs nothing else.
    score += 0.8 * (len(chosen) == len(clause) and ending > 0.0)
    return score + _beginning(text, clause, first) + ending


def _beginning(text: str, clause: Sequence[Word], first: int) -> float:
    word = clause[first]
    if word.key in CONJUNCTIONS and word.key in BAD_FIRST:
        return -3.0
    if first == 0:
        # A clause that begins after a mark or with the text, not after somebody's quotation.
        marked = text[: word.start].rstrip(" ")[-1:] in CLAUSE_MARKS
        return 0.6 * marked - 1.0 * (word.key in BAD_FIRST)
    previous = clause[first - 1]
    if previous.key in MODIFIERS or previous.key in QUESTION_WORDS:
        return -2.0
    score = -1.5 if word.key in BAD_FIRST else 0.0
    if previous.key in CONJUNCTIONS:
        return score + 0.6
    if word.key in SUBJECTS or previous.key in SUBJECTS or word.key == "it":
        # Half a clause: a subject without what leads to it, or a verb without its subject.
        return score - 0.8
    return score - 0.8 * (previous.carries and word.carries)


def _ending(text: str, clause: Sequence[Word], last: int) -> float:
    word = clause[last]
    whole = last == len(clause) - 1 and text[word.end :].lstrip(" ")[:1] in CLAUSE_MARKS
    if not word.carries:
        return 0.6 if whole and word.key not in MODIFIERS else -4.0
    if whole:
        return 1.2
    if last == len(clause) - 1:
        return 0.0
    following = clause[last + 1]
    if following.key in CONJUNCTIONS:
        return 0.8
    # Cut before a word that carries: probably an adjective without its noun.
    score = -1.6 if following.carries else 0.0
    return score - 0.8 * (following.key in AUXILIARIES or following.key in OBJECTS)
