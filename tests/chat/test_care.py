"""Which words get a human answer in place of a session."""

import pytest

from chat_backend.care import Care
from chat_backend.show.words import default_words


@pytest.mark.parametrize(
    "message",
    [
        "I want to die",
        "Water, I DON\u2019T want to live any more!",
        "Yesterday I thought of\nkilling   myself.",
        "nothing helps... (suicidal)",
    ],
)
def test_a_phrase_is_found_anywhere(message: str) -> None:
    """In any case, with any marks and spaces around its words."""
    assert default_words().care.answer(message) == default_words().care.sentence


@pytest.mark.parametrize(
    "message",
    [
        "",
        "What do you want?",
        "The dye is cast; I want to dye my hair.",
        "My sister hurts my selfies.",
        "Who wants to diet?",
    ],
)
def test_other_words_are_asked(message: str) -> None:
    """Parts of words are no phrase."""
    assert default_words().care.answer(message) is None


def test_without_phrases_everything_is_asked() -> None:
    """A list that is empty, or of nothing but marks, is off."""
    for phrases in ((), ("...", "")):
        assert Care(phrases=phrases, sentence="Stop.").answer("I want to die ... ") is None
