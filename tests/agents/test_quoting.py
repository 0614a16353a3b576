"""What the personas take from a message, and which phrases read well as a quotation."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_backend.agents.offline.message import MessageKind, Theme, read_message
from chat_backend.agents.offline.quoting import (
    MAX_PHRASE_CHARS,
    MAX_PHRASE_WORDS,
    content_words,
    quotable,
)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Hello there!", "greeting"),
        ("good morning", "greeting"),
        ("Hi, can you hear the sea?", "question"),
        ("What does water remember", "question"),
        ("The sea is loud today.", "statement"),
        ("I stole my sister's ring.", "heavy"),
        ("My dog died in May.", "heavy"),
        ("Are you afraid of me?", "question"),
        ("I had a dream. Do you dream?", "question"),
        ("rain", "single"),
        ("42", "single"),
        ("🌊🌊", "wordless"),
        ("你好", "wordless"),
        ("Привет, море", "wordless"),
        ("...", "wordless"),
        ("", "wordless"),
    ],
)
def test_the_kind_of_a_message(message: str, kind: MessageKind) -> None:
    """Questions, greetings and single words are answered differently."""
    assert read_message(message).kind == kind


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("My name is Ada and I like rain.", "Ada"),
        ("Hello, I'm Grace.", "Grace"),
        ("call me Ishmael", "Ishmael"),
        ("I am Zoë!", "Zoë"),
        ("I am tired.", None),
        ("I'm Sorry about that", None),
        ("my name is nothing", None),
    ],
)
def test_a_name_is_heard(message: str, name: str | None) -> None:
    """Where someone says who they are, and nowhere else."""
    assert read_message(message).name == name


@pytest.mark.parametrize(
    ("message", "theme"),
    [
        ("I am afraid of losing my mother", "fear"),
        ("we loved her", "love"),
        ("Who are you?", "self"),
        ("do you remember me", "memory"),
        ("so much work", "work"),
        ("the colour of gravel", None),
    ],
)
def test_the_theme_of_a_message(message: str, theme: Theme | None) -> None:
    """By its words; fear comes before love."""
    assert read_message(message).theme == theme


@given(text=st.text(max_size=400), seed=st.integers())
def test_a_phrase_is_an_exact_piece_of_the_text(text: str, seed: int) -> None:
    """At word boundaries, short, and without a quotation mark in it."""
    phrase = quotable(text, Random(seed))
    if phrase is None:
        return
    place = text.find(phrase)
    assert place >= 0
    assert len(phrase) <= MAX_PHRASE_CHARS
    assert 1 <= len(phrase.split()) <= MAX_PHRASE_WORDS
    assert not set(phrase) & set('“”"\n\t')


@pytest.mark.parametrize(
    "text",
    [
        "I saw a small stone at the bottom of the glass and it was the colour of milk.",
        "The river never asks which side is home, it only asks you to lean the right way.",
        "Everything I own is borrowed from above, and I give it back shinier.",
        "You say “wear that for a minute” as if you had stood at the rail in slow brown water.",
    ],
)
@pytest.mark.parametrize("seed", range(20))
def test_a_phrase_reads_well_as_a_quotation(text: str, seed: int) -> None:
    """Two words at least, no loose end, nothing of what the text itself quotes."""
    phrase = quotable(text, Random(seed))
    assert phrase is not None
    words = phrase.lower().split()
    assert len(words) >= 2
    assert words[0] not in {"and", "of", "that", "but", "which"}
    assert words[-1] not in {"the", "a", "and", "of", "my", "your", "at", "in", "is", "to"}
    assert "minute" not in words


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("I wish my brother would call me again.", "I wish my brother would call me again"),
        ("What does water remember?", "What does water remember"),
        ("Because it saw the sea's bottom!", "it saw the sea's bottom"),
        ("And I never told anyone, because of the rain", "I never told anyone"),
        ("Okay, but “x” is nice, but who dries up afterwards?", "who dries up afterwards"),
        ("Down at the slow clay there is no weather.", "no weather"),
        ("A boy told me that the slow boat sees more.", "the slow boat sees more"),
    ],
)
def test_a_clause_is_taken_whole(text: str, phrase: str) -> None:
    """With its subject, without what leads to it, and never half of the next one."""
    assert quotable(text, Random(1), spread=0) == phrase


@pytest.mark.parametrize("seed", range(20))
def test_a_phrase_keeps_to_the_length_asked_for(seed: int) -> None:
    """In words and in characters."""
    text = "The old ferry hums from the keel up, and a very small bell answers it at night."
    phrase = quotable(text, Random(seed), max_words=4, max_chars=18)
    assert phrase is not None
    assert 2 <= len(phrase.split()) <= 4
    assert len(phrase) <= 18


def test_a_text_that_only_quotes_is_quoted_too() -> None:
    """Better somebody else's words than none."""
    assert quotable("“slow brown water”", Random(1)) == "slow brown water"


@pytest.mark.parametrize("text", ["", "🌊", "你好", "...", "w" * 80])
def test_a_text_without_a_word_that_can_be_said_has_no_phrase(text: str) -> None:
    """Not even one word; one of 80 letters counts as none."""
    assert quotable(text, Random(1)) is None


def test_words_that_carry_are_told_from_those_that_do_not() -> None:
    """In lower case, each once."""
    assert content_words("The Rain and the rain, over us") == {"rain"}
