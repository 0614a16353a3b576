"""However long a provider's text is, the event loop that reads it is not held up."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from chat_backend.agents.models.answers import object_in
from chat_backend.providers import replies
from chat_backend.providers.keys import Keys

KEYS = Keys({"OPENAI_API_KEY": "sk-MARKED-0123456789abcdef"})
CHARS = 40_000
# A pattern that went back over these for each of their characters would take a minute.
WITHIN_S = 20.0


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (object_in, '{"' + "/" * CHARS + '"}'),
        (object_in, "{" + "/" * CHARS + '"}'),
        (object_in, "{" + "//" * 2_000 + '"}'),
        (object_in, "```" + "a" * CHARS),
        (object_in, "```" + " " * CHARS),
        (object_in, "<think>" * (CHARS // 7)),
        (object_in, "<think>" * (CHARS // 14) + "</reasoning>" * (CHARS // 24)),
        (object_in, '{"a":' * (CHARS // 5)),
        (KEYS.redacted, "a" * CHARS),
        (KEYS.redacted, "-[" * (CHARS // 2)),
        (replies.text_in, b"<title>" * (CHARS // 7)),
        (replies.text_in, b"<title" * (CHARS // 6)),
    ],
)
def test_a_long_text_is_read_at_once(read: Callable[[Any], object], text: Any) -> None:
    """Whatever it repeats."""
    begun = time.monotonic()
    read(text)
    assert time.monotonic() - begun < WITHIN_S


def test_a_message_is_redacted_wherever_it_stands_in_a_word() -> None:
    """As providers mask keys, and next to brackets."""
    assert KEYS.redacted("sk-M***ef") == "[key]"
    assert KEYS.redacted("a [sk-M****], b") == "a [key], b"
    assert KEYS.redacted("***") == "[key]"
    assert KEYS.redacted("a b** c**d") == "a b** c**d"


def test_an_error_with_thousands_of_messages_is_read_at_once() -> None:
    """Each of them once."""
    names = replies._WORDS
    error = {a: {b: {c: {d: f"{a}{b}{c}{d}" for d in names} for c in names} for b in names}
             for a in names}  # fmt: skip
    begun = time.monotonic()
    words = replies.words_in({"error": error, "message": "message"})
    assert time.monotonic() - begun < WITHIN_S
    assert words.startswith("message: ")
