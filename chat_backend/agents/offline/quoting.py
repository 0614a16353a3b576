"""Phrases of a text that read well as a quotation.

A phrase is an exact piece of the text: neighbouring words with one space between each two and no
mark, so that it can be quoted as it stands. It begins where a sentence, a clause or a noun phrase
begins, and ends at a mark or before a word that begins something new. Only words that an English
voice can speak are found. The classes of words are in ``english.toml``.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

MAX_PHRASE_WORDS: Final = 8
# A quotation longer than this leaves too little of a 200-character comment.
MAX_PHRASE_CHARS: Final = 46

ENGLISH: Final[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("english.toml").read_text("utf-8")
)
LETTER: Final = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_PATTERN = rf"(?<![\w@#/])[{LETTER}0-9]+(?:['\u2019.,-][{LETTER}0-9]+)*(?![\w@/])"
_WORD, _RUN = re.compile(_PATTERN), re.compile(rf"{_PATTERN}(?: {_PATTERN})*")
_QUOTED: Final = re.compile('\u201c[^\u201d]*\u201d|"[^"]*"')
_SENTENCE_MARKS: Final = ".!?\u2026:;"
_CLAUSE_MARKS: Final = _SENTENCE_MARKS + ","


def word_class(name: str) -> frozenset[str]:
    """Return one of the lists of small English words."""
    return frozenset(ENGLISH[name].split())


_EMPTY, _PREPOSITIONS, _OPENERS = map(word_class, ("empty", "prepositions", "openers"))
_CONJUNCTIONS, _COMPLEMENTIZERS = map(word_class, ("conjunctions", "complementizers"))
_AUXILIARIES, _SUBJECTS = map(word_class, ("auxiliaries", "subjects"))
_QUESTION_WORDS: Final = word_class("question_words")
_JOINTS: Final = _CONJUNCTIONS | _COMPLEMENTIZERS | _QUESTION_WORDS
_DANGLING: Final = _JOINTS | _PREPOSITIONS | _AUXILIARIES | word_class("dangling")

# How well a phrase begins and ends; the grades add up.
_SENTENCE, _CLAUSE, _NOUN_PHRASE, _PREDICATE, _NOWHERE = 3, 2, 1, 0, -20
_AT_MARK, _AT_CONJUNCTION, _AT_PREPOSITION = 2, 1, -2


def key_of(word: str) -> str:
    """Return a word as the lists have it."""
    return word.lower().replace("\u2019", "'")


def words_of(text: str) -> list[str]:
    """Return the words of a text that can be spoken."""
    return _WORD.findall(text)


def content_words(text: str) -> frozenset[str]:
    """Return the words that carry a text, in lower case."""
    return frozenset(key_of(word) for word in words_of(text) if _carries(word))


def quotable(
    text: str,
    rng: Random,
    *,
    spread: int = 1,
    max_words: int = MAX_PHRASE_WORDS,
    max_chars: int = MAX_PHRASE_CHARS,
) -> str | None:
    """Return a phrase of the text that reads well as a quotation, or None if it has no word.

    What the text itself quotes is left out, unless there is nothing else.

    Parameters
    ----------
    text : str
        Where to look; the result is an exact piece of it.
    rng : Random
        Chooses among the best, so that not every listener quotes the same phrase.
    spread : int
        How many grades below the best a phrase may be.
    max_words, max_chars : int
        How long it may be.
    """
    for source in (_QUOTED.sub("\n", text), text):
        found = [each for each in _phrases(source, max_words) if len(each[1]) <= max_chars]
        if found:
            best = max(grade for grade, _ in found)
            good = [each for each in found if each[0] >= best - spread]
            return rng.choices([phrase for _, phrase in good], [4.0 ** each[0] for each in good])[0]
    words = [word for word in words_of(text) if len(word) <= max_chars]
    return max(words, key=lambda word: (_carries(word), len(word)), default=None)


def _phrases(text: str, max_words: int) -> Iterator[tuple[int, str]]:
    """Yield each phrase of two words or more, and how well it reads."""
    for match in _RUN.finditer(text):
        run = match[0].split(" ")
        before = text[: match.start()].rstrip(" \"'\u201c\u2018(")[-1:]
        after = text[match.end() :].lstrip(" \"'\u201d\u2019)")[:1]
        starts = [_start(run, place, before, after) for place in range(len(run))]
        ends = [_end(run, place, after) for place in range(len(run))]
        for first, start in enumerate(starts):
            for last in range(first + 1, min(first + max_words, len(run))):
                words = run[first : last + 1]
                carrying = sum(map(_carries, words))
                length = (len(words) > 2) + (len(words) > 3) + (carrying > 1)
                whole = carrying and (start != _NOUN_PHRASE or _is_whole(run, first, last))
                grade = start + ends[last] + length
                yield grade if whole else grade + _NOWHERE, " ".join(words)


def _start(run: Sequence[str], place: int, before: str, after: str) -> int:
    """Return how well a phrase begins with this word of a run."""
    word, key, previous = run[place], key_of(run[place]), key_of(run[place - 1])
    asks = after == "?"
    if key in _JOINTS and not (asks and key in _QUESTION_WORDS):
        return _NOWHERE
    if place == 0 and before in _SENTENCE_MARKS:
        return _PREDICATE if key in _PREPOSITIONS else _SENTENCE
    if place == 0 or previous in _JOINTS:
        if key.split("'")[0] in _OPENERS | _SUBJECTS or not word[0].islower():
            return _CLAUSE
        if asks and key in _AUXILIARIES:
            return _CLAUSE
        predicate = _carries(word) and previous not in _COMPLEMENTIZERS | _QUESTION_WORDS
        return _PREDICATE if predicate else _NOWHERE
    return _NOUN_PHRASE if key in _OPENERS and previous not in _OPENERS else _NOWHERE


def _is_whole(run: Sequence[str], first: int, last: int) -> bool:
    """Return whether a noun phrase holds no half of the clause that goes on after it."""
    keys = {key_of(word) for word in run[first : last + 1]}
    after_preposition = key_of(run[first - 1]) in _PREPOSITIONS | {"of", "as"}
    return keys.isdisjoint(_JOINTS | _AUXILIARIES | _SUBJECTS if after_preposition else _JOINTS)


def _end(run: Sequence[str], place: int, after: str) -> int:
    """Return how well a phrase ends with this word of a run."""
    key = key_of(run[place])
    if place == len(run) - 1:
        return _AT_MARK if after in _CLAUSE_MARKS else _NOWHERE
    if not _carries(key) or key in _DANGLING:
        return _NOWHERE
    following = key_of(run[place + 1])
    if following in _CONJUNCTIONS:
        return _AT_CONJUNCTION
    return _AT_PREPOSITION if following in _PREPOSITIONS else _NOWHERE


def _carries(word: str) -> bool:
    """Return whether a word says something by itself."""
    return len(word) > 1 and key_of(word) not in _EMPTY
