"""The mood of visitors' words: how often it is right, and what its reason never tells."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_backend.agents.offline.sentiment import (
    sentiment_of,
)
from shared_schema.facts import MAX_JUSTIFICATION_CHARS, Mood

MOODS = Path(__file__).with_name("moods")
SETS = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(MOODS.glob("*.toml"))}
SENTENCES = [text for moods in SETS.values() for texts in moods.values() for text in texts]


@pytest.mark.parametrize("name", SETS)
def test_the_mood_is_mostly_right(name: str) -> None:
    """On at least 85 of 100 sentences, and no mood is given away for the others."""
    wrong = {
        mood: [text for text in texts if sentiment_of(text).sentiment != mood]
        for mood, texts in SETS[name].items()
    }
    count = sum(map(len, SETS[name].values()))
    assert sum(map(len, wrong.values())) <= 0.15 * count, wrong
    assert all(len(wrong[mood]) <= 0.25 * len(texts) for mood, texts in SETS[name].items()), wrong


def test_the_first_set_has_forty_of_each() -> None:
    """Each sentence once."""
    assert {mood: len(set(texts)) for mood, texts in SETS["first"].items()} == {
        "positive": 40,
        "neutral": 40,
        "negative": 40,
    }
    assert len(set(SENTENCES)) == len(SENTENCES)


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("I am happy.", "positive"),
        ("I am not happy.", "negative"),
        ("I am unhappy.", "negative"),
        ("I am not unhappy.", "positive"),
        ("I am not afraid.", "positive"),
        ("I don't think that you were ever kind.", "negative"),
        ("I have never been so happy.", "positive"),
        ("Isn't it beautiful?", "positive"),
        ("Are you happy?", "neutral"),
        ("I was sad, but now I am happy.", "positive"),
        ("I was happy, but now I am sad.", "negative"),
        ("Happy and sad.", "neutral"),
        ("A joyless, loveless, hopeless day.", "negative"),
        ("Sooo happyyyy", "positive"),
        ("SO HAPPY", "positive"),
        ("I can\u2019t complain", "positive"),
        ("Good morning.", "neutral"),
        ("Great, another machine.", "negative"),
        ("Great machine.", "positive"),
        ("\u2764", "positive"),
        ("\U0001f622", "negative"),
        ("\u4f60\u597d", "neutral"),
        ("#3 #99999 #", "neutral"),
        ("", "neutral"),
    ],
)
def test_a_word_is_read_with_what_stands_around_it(text: str, mood: Mood) -> None:
    """Negation, questions, contrast, irony, endings, signs."""
    assert sentiment_of(text).sentiment == mood


def check_justification(text: str) -> None:
    """It is one short sentence with at most three words of the visitor."""
    why = sentiment_of(text).justification
    assert 0 < len(why) <= MAX_JUSTIFICATION_CHARS
    quoted = why.split("\u201c")[1:]
    assert len(quoted) <= 3
    assert all(" " not in part.split("\u201d")[0] for part in quoted)


@pytest.mark.parametrize("text", SENTENCES)
def test_the_reason_hardly_quotes(text: str) -> None:
    """For each sentence of the sets."""
    check_justification(text)


@given(text=st.text(max_size=400) | st.lists(st.sampled_from(SENTENCES)).map(" ".join))
def test_any_text_has_a_mood(text: str) -> None:
    """Without an error, and with a reason."""
    check_justification(text)


def test_a_book_is_not_read_to_its_end() -> None:
    """A pasted one must not keep the others waiting."""
    start = "It is half past three. " * 50
    assert sentiment_of(start + "I hate this. " * 50).sentiment == "neutral"
    assert sentiment_of("not " * 5000).sentiment == "neutral"


def test_the_reason_names_the_strongest_words() -> None:
    """Those of the mood that won, each once."""
    assert sentiment_of("I love, love this sad but wonderful place.").justification == (
        "What is said with “wonderful”, “love” sounds bright."
    )
    assert (
        sentiment_of("It is half past three.").justification == "No word tells clearly of a mood."
    )
