"""The mood of a visitor's words, by a small lexicon of our own.

Each word that the lexicon knows counts for its mood; negation turns it around, an intensifier makes
it count more, and what stands before a "but" hardly counts. A question that does not speak of who
asks it counts half, too: to ask whether water is ever happy is not to be happy.
"""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from chat_backend.agents.limits import sentences
from shared_schema.facts import Sentiment

# What a mood needs: one word of the lexicon, not weakened.
_THRESHOLD: Final = 0.8
# Whoever tells more is read as far as this.
_MAX_READ_CHARS: Final = 1000
_NEGATION_REACH: Final = 4
# "I don't think that I was ever a good mother"
_OPINION_REACH: Final = 9
_OPINIONS: Final = {"think", "believe", "feel", "suppose", "say"}
# How much counts what stands before a "but" or an "and now", if something stands after it.
_BEFORE_A_TURN: Final = 0.1
# What a negation does not reach beyond.
_NEW_CLAUSE: Final = {",", ";", ":", "and", "because", "but", "if", "so", "until", "when", "while"}
_SHORTEST_STEM: Final = 3
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
_CALLS: Final[dict[str, float]] = _LEXICON["interjections"]
_NEGATORS, _INTENSIFIERS, _DIMINISHERS, _FIRST_PERSON = (
    frozenset(_LEXICON[name].split())
    for name in ("negators", "intensifiers", "diminishers", "first_person")
)
# Longer phrases first; each becomes one token, its number between two signs.
_PHRASES: Final = sorted(_LEXICON["phrases"].items(), key=lambda phrase: -len(phrase[0]))
_PHRASE: Final = re.compile(
    r"\b(?:"
    + "|".join(
        f"(?P<p{number}>{phrase.replace('(', '(?:')})"
        for number, (phrase, _) in enumerate(_PHRASES)
    )
    + r")\b"
)
_IRONY: Final = re.compile(r"\W*(?:{praise}{followed_by}|{mockery})\b".format(**_LEXICON["irony"]))
_RIDDLE: Final = re.compile(r"\W*(?:why|what|how|where|which|when) [^?]*\?")
# Questions that tell something: "why are you so sad", "isn't it lovely".
_TELLING: Final = re.compile(
    r"\W*(?:why (?:are|is|am)\b|\w+n't\b|(?:do|can) you \w+ (?:how|what it))"
)
_OPEN_QUESTIONS: Final = {"what", "which", "who", "where", "when", "how"}
_ADVERB: Final = re.compile(
    r"\bi (?:just|only|really|so|often|always|sometimes|still) (?=wish|hope)"
)
_NO_MORE: Final = re.compile(_LEXICON["no_more"])
_TOKEN: Final = re.compile(r"#\d+|[^\W_]+(?:['-][^\W_]+)*|[,;:()\u2013\u2014-]")
_DRAWN_OUT: Final = re.compile(r"([a-z])\1{2,}")


class Hit(Struct, frozen=True):
    """What tells of a mood, above 0 of a good one; `word` is empty unless it is a single word."""

    word: str
    weight: float


def sentiment_of(message: str) -> Sentiment:
    """Return the mood of a visitor's message."""
    parts = sentences(message[:_MAX_READ_CHARS])
    hits = [hit for part in parts for hit in _hits(part)]
    if _RIDDLE.match(message.lower()) and len(parts) > 1 and not parts[-1].endswith("?"):
        # A question with its answer is a joke, whatever happens in it.
        hits = [Hit(hit.word, hit.weight / 4) for hit in hits]
    for mood, weight in (("positive", 1.0), ("negative", -1.0)):
        hits += [Hit("", weight) for sign in _LEXICON["signs"][mood] if sign in message]
    score = sum(hit.weight for hit in hits)
    if abs(score) < _THRESHOLD:
        mixed = len({hit.weight > 0 for hit in hits}) > 1
        reason = "Light and heavy words balance." if mixed else "No word tells clearly of a mood."
        return Sentiment(sentiment="neutral", justification=reason)
    words = dict.fromkeys(
        hit.word
        for hit in sorted(hits, key=lambda hit: -abs(hit.weight))
        if hit.weight * score > 0 and 0 < len(hit.word) <= _MAX_QUOTED_CHARS
    )
    quoted = ", ".join(f"\u201c{word}\u201d" for word in list(words)[:_MAX_QUOTED])
    because = f"What is said with {quoted} sounds" if quoted else "The way it is said sounds"
    return (
        Sentiment(sentiment="positive", justification=f"{because} bright.")
        if score > 0
        else Sentiment(sentiment="negative", justification=f"{because} heavy.")
    )


def _hits(sentence: str) -> list[Hit]:
    """Return what tells of a mood in a sentence, in order."""
    plain = _DRAWN_OUT.sub(r"\1", sentence.lower().replace("\u2019", "'").replace("#", " "))
    plain = _ADVERB.sub("i ", plain)
    tokens = _TOKEN.findall(_PHRASE.sub(lambda match: f" #{str(match.lastgroup)[1:]} ", plain))
    factor = _factor(plain, _TOKEN.findall(plain))
    found: list[Hit] = []
    before_turn = 0
    negated_until = -1
    for at, word in enumerate(tokens):
        weight = _CALLS.get(word, 0.0) or factor * _weight(word) * _degree(tokens, at)
        # "really good" has one word that counts, "really" alone would be another.
        if weight and not (word in _INTENSIFIERS and tokens[at + 1 : at + 2]):
            weight *= -1.0 if at <= negated_until else 1.0
            found.append(Hit("" if word[0] == "#" else word, weight))
        if word == "but" or (word == "now" and at and tokens[at - 1] == "and"):
            before_turn = len(found)
        if word in _NEW_CLAUSE:
            negated_until = -1
        elif word in _NEGATORS and _negates(tokens, at):
            opinion = _OPINIONS.intersection(tokens[at + 1 : at + 2])
            negated_until = at + (_OPINION_REACH if opinion else _NEGATION_REACH)
    if found[before_turn:]:
        faded = [Hit(hit.word, hit.weight * _BEFORE_A_TURN) for hit in found[:before_turn]]
        found = faded + found[before_turn:]
    if _IRONY.match(plain):
        return [Hit(hit.word, -abs(hit.weight)) for hit in found] or [Hit("", -1.0)]
    return found or _unspoken(plain, tokens, factor)


def _unspoken(sentence: str, tokens: Sequence[str], factor: float) -> list[Hit]:
    """Return what tells of a mood in a sentence without a word for it."""
    if _NO_MORE.search(sentence):
        return [Hit("", -factor)]
    # Who calls out about themselves is glad of it.
    calls = sentence.endswith("!") and not _FIRST_PERSON.isdisjoint(tokens[:1])
    return [Hit("", 1.0)] if calls else []


def _weight(token: str) -> float:
    """Return the weight of a phrase, or of a word by its longest stem in the lexicon."""
    if token.startswith("#"):
        return float(_PHRASES[int(token[1:])][1])
    if token in _WEIGHTS:
        return _WEIGHTS[token]
    for length in range(len(token), _SHORTEST_STEM - 1, -1):
        weight = _WEIGHTS.get(f"{token[:length]}*", 0.0)
        if weight:
            # "joyless", but not "hopelessly"
            return -weight if token[length:].endswith("less") else weight
    return -_weight(token[2:]) if token.startswith("un") and len(token) > _SHORTEST_STEM else 0.0


def _factor(sentence: str, words: Sequence[str]) -> float:
    """Return how much the words of a sentence count: less in a question that asks of others."""
    asks = sentence.rstrip("\"')\u201d ").endswith("?")
    if not asks or not _FIRST_PERSON.isdisjoint(words) or _TELLING.match(sentence):
        return 1.0
    return 0.3 if words[:1] and words[0] in _OPEN_QUESTIONS else 0.5


def _degree(tokens: Sequence[str], at: int) -> float:
    """Return how much more or less a word counts after the one before it."""
    previous = tokens[at - 1] if at else ""
    return 1.5 if previous in _INTENSIFIERS else 0.5 if previous in _DIMINISHERS else 1.0


def _negates(tokens: Sequence[str], at: int) -> bool:
    """Return whether a negator negates: it does not in "isn't it" and in "never so"."""
    rhetorical = at == 0 and tokens[0].endswith("n't")
    return not rhetorical and {"so", "such"}.isdisjoint(tokens[at + 1 : at + 4])
