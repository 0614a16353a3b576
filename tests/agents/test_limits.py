"""The contract's lengths, for whatever an agent says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_backend.agents.base import MAX_CHARS, MAX_SENTENCES
from chat_backend.agents.limits import clip, sentences
from shared_schema.ids import Kind

KINDS: tuple[Kind, ...] = ("response", "comment", "reply")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n ", []),
        ("No mark at all", ["No mark at all"]),
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It is 3.5 metres deep. Really.", ["It is 3.5 metres deep.", "Really."]),
        ("“Who is there?” asked the well.", ["“Who is there?” asked the well."]),
        ("He said “stay.” Then rain.", ["He said “stay.”", "Then rain."]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("Dr. Rain met J. River. They talked.", ["Dr. Rain met J. River.", "They talked."]),
        ("你好。再见！", ["你好。", "再见！"]),  # noqa: RUF001
        ("Line one.\nLine two.", ["Line one.", "Line two."]),
    ],
)
def test_a_text_comes_apart_into_sentences(text: str, expected: list[str]) -> None:
    """At marks that end one, and only there."""
    assert sentences(text) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_fits_is_left_alone(kind: Kind) -> None:
    """Not one character changes."""
    assert clip("A drop fell.", kind) == "A drop fell."


def test_white_space_is_collapsed() -> None:
    """Line breaks and double spaces would be heard as pauses."""
    assert clip("  a\n\n drop \t fell. ", "comment") == "a drop fell."


def test_sentences_beyond_the_limit_are_dropped() -> None:
    """A comment is one sentence, a reply two, a response three."""
    text = "One is here. Two is here. Three is here. Four is here."
    assert clip(text, "comment") == "One is here."
    assert clip(text, "reply") == "One is here. Two is here."
    assert clip(text, "response") == "One is here. Two is here. Three is here."


def test_a_long_text_is_cut_at_a_word() -> None:
    """With an ellipsis, all within the limit."""
    text = "wave " * 60 + "end."
    assert clip(text, "comment") == " ".join(["wave"] * 40) + "…"


def test_a_cut_leaves_no_mark_before_the_ellipsis() -> None:
    """A comma before an ellipsis is heard as a mistake."""
    text = "a" * 190 + ", and " + "b" * 50
    assert clip(text, "comment") == "a" * 190 + ", and…"
    assert clip("a" * 197 + ", " + "b" * 50, "comment") == "a" * 197 + "…"


def test_one_word_that_fills_everything_is_cut_inside() -> None:
    """There is no other place."""
    assert clip("w" * 1000, "reply") == "w" * 299 + "…"


@given(text=st.text(max_size=1500), kind=st.sampled_from(KINDS))
def test_every_text_is_within_the_limits_afterwards(text: str, kind: Kind) -> None:
    """Characters and sentences, and doing it again changes nothing."""
    clipped = clip(text, kind)
    assert len(clipped) <= MAX_CHARS[kind]
    assert len(sentences(clipped)) <= MAX_SENTENCES[kind]
    assert clip(clipped, kind) == clipped


@given(words=st.lists(st.from_regex(r"[a-z]{1,12}[,.;!?]?", fullmatch=True), min_size=1))
def test_only_whole_words_are_kept(words: list[str]) -> None:
    """Every word of the result is one of the text, marks aside."""
    text = " ".join(words)
    allowed = {word.rstrip(",.;!?") for word in words}
    kept = clip(text, "comment").split()
    assert all(word.rstrip(",.;!?…") in allowed for word in kept)
