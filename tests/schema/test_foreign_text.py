"""What a visitor, a model or a file may not do to a terminal, a voice or a client."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from shared_schema.foreign_text import shown, shown_lines, without_controls

NASTY = "\x1b]0;owned\x07a\x9b2Jb\u202ec\r\nd\u2028e\x00f\ufeffg\U000e0041h"
# Characters that belong into a text and are invisible: of emoji and of scripts.
KEPT = "\u200c\u200d\u200e\u200f\u00ad\ufe0f"


def steers(text: str) -> list[str]:
    """Return the characters that a terminal obeys, or that hide what a text says."""
    return [
        char
        for char in text
        if unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"}
        or unicodedata.bidirectional(char) in {"LRO", "RLO", "LRE", "RLE", "PDF", "LRI", "RLI"}
    ]


@given(st.text() | st.text(st.sampled_from(NASTY + KEPT + "ab")))
def test_a_terminal_gets_one_line_that_it_only_shows(text: str) -> None:
    """Nothing is left that could move the cursor, colour, clear, turn around or forge a line."""
    assert steers(shown(text)) == []
    assert shown(shown(text)) == shown(text)


@given(st.text(st.sampled_from(NASTY + KEPT + 'ab"\\')))
def test_json_that_is_shown_is_still_json(text: str) -> None:
    """Escapes are JSON's own, so that a program reads the same controls."""
    decoded = json.loads(shown(json.dumps(text, ensure_ascii=False)))
    for whole_line in "\x85\u2028\u2029":
        text = text.replace(whole_line, " ")
    assert decoded == text


@given(st.text() | st.text(st.sampled_from(NASTY + KEPT + "ab")))
def test_what_is_sent_has_line_ends_and_tabs_only(text: str) -> None:
    """Everything printable stays, in its order."""
    sent = without_controls(text)
    assert set(steers(sent)) <= {"\n", "\t"}
    assert without_controls(sent) == sent
    assert [c for c in sent if c.isprintable() and c != " "] == [
        c for c in text if c.isprintable() and c != " "
    ]


def test_lines_stay_lines() -> None:
    """A document keeps its line ends."""
    assert shown_lines("a\n\x1bb\n") == "a\n\\u001bb\n"
    assert without_controls("one\r\ntwo\rthree") == "one\ntwo three"
