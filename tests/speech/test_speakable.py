"""What the English voice speaks of a text, and why not the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_backend.errors import SpeechFailed
from chat_backend.speech.speakable import speakable


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000"])
def test_an_empty_text_is_refused(text: str) -> None:
    """The reason is that it is empty."""
    with pytest.raises(SpeechFailed, match="empty text"):
        speakable(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("你好水", "letters that the voice does not support .Cjk"),
        ("مرحبا", "Arabic"),
        ("привет, вода", "Cyrillic"),
        ("ΩΨ", "Greek"),
        ("🌊🌊", "only signs"),
        ("...!?", "only signs"),
        ("\u200d\ufe0f", "only signs"),
        ("——", "only signs"),
        ("👩\u200d👩\u200d👧", "only signs"),
    ],
)
def test_an_unspeakable_text_is_refused_with_its_reason(text: str, reason: str) -> None:
    """The message names what is in it instead of words."""
    with pytest.raises(SpeechFailed, match=reason):
        speakable(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Hello there.", "Hello there."),
        ("hello 你好 world", "hello    world"),
        ("🎉 party", "party"),
        ("cafe\u0301 naïve ñandú", "café naïve ñandú"),
        ("٣ waves", "3 waves"),
        ("He said “stay”—and left…", "He said “stay”—and left…"),
        ("100%", "100%"),
        ("one\ntwo", "one\ntwo"),
        ("[x](/injected/)", "x (/injected/)"),
    ],
)
def test_the_speakable_part_is_kept(text: str, kept: str) -> None:
    """Other scripts, emoji and the voice's own markup become spaces."""
    assert speakable(text) == kept


@given(text=st.text(max_size=100))
def test_any_text_is_either_kept_or_refused(text: str) -> None:
    """Nothing else can happen, and what is kept is not empty."""
    try:
        kept = speakable(text)
    except SpeechFailed:
        return
    assert kept.strip()
