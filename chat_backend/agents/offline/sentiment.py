"""The mood of a visitor's words, by a small lexicon of our own.

Each word that the lexicon knows counts for its mood; negation turns it around, an intensifier
makes it count more, and what stands before a "but" counts half. A question that does not speak of
the one who asks counts half, too: who asks for the water's joys and fears does not tell of any.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from chat_backend.agents.limits import sentences

Mood = Literal["positive", "neutral", "negative"]

MAX_JUSTIFICATION_CHARS: Final = 200
# What a mood needs: one word of the lexicon, not weakened.
_THRESHOLD: Final = 0.9
_NEGATION_REACH: Final = 3
_LONGEST_PHRASE: Final = 4
_SHORTEST: Final = 3
_MAX_QUOTED: Final = 3
_MAX_QUOTED_CHARS: Final = 20

_LEXICON: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("sentiment.toml").read_text("utf-8")
)
_WEIGHTS: Final[dict[str, float]] = {
    word: weight
    for name, weight in (
        ("positive", 1.0), ("negative", -1.0), ("strong_positive", 2.0), ("strong_negative", -2.0),
    )
    for word in _LEXICON[name].split()
}  # fmt: skip
_PHRASES: Final[dict[str, float]] = _LEXICON["phrases"]
_NEGATORS, _INTENSIFIERS, _DIMINISHERS, _FIRST_PERSON = (
    frozenset(_LEXICON[name].split())
    for name in ("negators", "intensifiers", "diminishers", "first_person")
)
_IRONY: Final = re.compile(
    r"\W*(?:{praise}{followed_by}|{mockery})\b".format(**_LEXICON["irony"]), re.IGNORECASE
)
_TOKEN: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[,;:()\u2013\u2014-]")
_DRAWN_OUT: Final = re.compile(r"(\w)\1{2,}")


class Sentiment(Struct, frozen=True, kw_only=True):
    """A mood, and in one sentence why; it repeats at most three single words."""

    sentiment: Mood
    justification: str


class Hit(Struct, frozen=True):
    """A word or phrase that tells of a mood: above 0 of a good one."""

    text: str
    weight: float


def sentiment_of(message: str) -> Sentiment:
    """Return the mood of a visitor's message."""
    hits = [hit for sentence in sentences(message) for hit in _hits(sentence)]
    for mood, weight in (("positive", 1.0), ("negative", -1.0)):
        hits += [Hit("", weight) for sign in _LEXICON["signs"][mood] if sign in message]
    score = sum(hit.weight for hit in hits)
    if abs(score) < _THRESHOLD:
        mixed = any(hit.weight > 0 for hit in hits) and any(hit.weight < 0 for hit in hits)
        told = "Light and heavy words balance." if mixed else "No word tells clearly of a mood."
        return Sentiment(sentiment="neutral", justification=told)
    words = [
        hit.text
        for hit in sorted(hits, key=lambda hit: -abs(hit.weight))
        if hit.weight * score > 0 and 0 < len(hit.text) <= _MAX_QUOTED_CHARS
    ]
    quoted = ", ".join(f"\u201c{word}\u201d" for word in list(dict.fromkeys(words))[:_MAX_QUOTED])
    because = f"Words like {quoted} sound" if quoted else "The way it is said sounds"
    if score > 0:
        return Sentiment(sentiment="positive", justification=f"{because} bright.")
    return Sentiment(sentiment="negative", justification=f"{because} heavy.")


def _hits(sentence: str) -> Iterator[Hit]:
    plain = sentence.lower().replace("\u2019", "'")
    tokens = [_DRAWN_OUT.sub(r"\1", token) for token in _TOKEN.findall(plain)]
    factor, ironic = _factor(plain, tokens), _IRONY.match(plain)
    last_but = max((at for at, word in enumerate(tokens) if word == "but"), default=-1)
    negated_at = -_NEGATION_REACH - 1
    place = 0
    while place < len(tokens):
        text, weight, count = _known(tokens, place)
        if tokens[place] in _INTENSIFIERS and count == 1:
            weight = 0.0
        if weight:
            weight *= factor * _degree(tokens, place) * (0.5 if place < last_but else 1.0)
            if place - negated_at <= _NEGATION_REACH:
                # What is not sad is not glad yet, unless it was sad before.
                ended = {"anymore", "longer"} & {*tokens}
                weight *= -1.0 if weight > 0 or ended else -0.75
            yield Hit(text if count == 1 else "", -abs(weight) if ironic else weight)
        if tokens[place] in {",", ";", ":", "but"}:
            negated_at = -_NEGATION_REACH - 1
        elif tokens[place] in _NEGATORS and _negates(tokens, place, count):
            negated_at = place
        place += count


def _known(tokens: Sequence[str], place: int) -> tuple[str, float, int]:
    """Return what the lexicon knows at this place: the text, its weight, and of how many tokens."""
    for count in range(_LONGEST_PHRASE, 1, -1):
        phrase = " ".join(tokens[place : place + count])
        if phrase in _PHRASES and place + count <= len(tokens):
            return phrase, float(_PHRASES[phrase]), count
    return tokens[place], _weight(tokens[place]), 1


def _weight(word: str) -> float:
    """Return the weight of a word, by its longest stem in the lexicon."""
    if word in _WEIGHTS:
        return _WEIGHTS[word]
    for length in range(len(word), _SHORTEST - 1, -1):
        if f"{word[:length]}*" in _WEIGHTS:
            return _WEIGHTS[f"{word[:length]}*"] * (-1 if word.endswith("less") else 1)
    return -_weight(word[2:]) if word.startswith("un") and len(word) > _SHORTEST else 0.0


def _factor(sentence: str, tokens: Sequence[str]) -> float:
    """Return how much the words of a sentence count: half in a question that asks."""
    asks = sentence.rstrip("\"')\u201d ").endswith("?")
    rhetorical = bool(tokens) and tokens[0].endswith("n't")
    return 0.5 if asks and not rhetorical and _FIRST_PERSON.isdisjoint(tokens) else 1.0


def _degree(tokens: Sequence[str], place: int) -> float:
    previous = tokens[place - 1] if place else ""
    return 1.5 if previous in _INTENSIFIERS else 0.5 if previous in _DIMINISHERS else 1.0


def _negates(tokens: Sequence[str], place: int, count: int) -> bool:
    """Return whether a negator negates: not in "isn't it", "never so", or within a phrase."""
    following = tokens[place + 1 : place + 4]
    rhetorical = place == 0 and tokens[0].endswith("n't")
    return count == 1 and not rhetorical and {"so", "such", "better", "more"}.isdisjoint(following)
