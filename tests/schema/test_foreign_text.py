"""What a visitor, a model or a file may not do to a terminal, a voice or a client."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from shared_schema.foreign_text import shown, shown_lines, without_controls

NASTY = "\x1b]0;owned\x07a\x9b2Jb\u202ec\r\nd\u2028e\x00f\ufeffg\U000e0041h"
# Characters that belong into a text and are invisible: of emoji and of scripts.
KEPT = "\u200c\u200d\u200e\u200f\u061c\u00ad\ufe0f"
# Invisible ones that mean nothing in it.
MEANINGLESS = "\u200b\u2060\u2061\u2062\u2063\u2064\u206a\ufeff"


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


def test_marks_that_nobody_sees_are_seen_on_a_terminal() -> None:
    """Two names that look alike are told apart; those of emoji and scripts are spoken and sent."""
    for mark in KEPT.replace("\ufe0f", "") + MEANINGLESS:
        assert shown(f"a{mark}b") == f"a\\u{ord(mark):04x}b"
    assert without_controls(f"a{MEANINGLESS}b{KEPT}c") == f"ab{KEPT}c"
    family = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
    for word in (family, "\u0645\u06cc\u200c\u0631\u0648\u0645", "\u0915\u094d\u200d\u0937"):
        assert without_controls(word) == word
