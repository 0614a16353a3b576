"""What the personas take from a visitor's message: its kind, its theme, a name."""

import re
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from chat_backend.agents.offline.quoting import ENGLISH, LETTER, key_of, word_class, words_of

MessageKind = Literal["greeting", "question", "statement", "heavy", "single", "wordless"]
Theme = Literal["memory", "fear", "love", "loss", "time", "joy", "self", "work"]

_NAME: Final = re.compile(
    r"(?i:\bmy name is|\bmy name's|\bcall me|\bi am called|\bi'm called)"
    rf" +([A-Z][{LETTER}'-]{{1,20}})"
    rf"|\b(?:I am|I'm) ([A-Z][{LETTER}-]{{1,20}})(?=[.,!]|\s*\Z)"
)
_GREETINGS: Final = word_class("greetings")
_HEAVY: Final = word_class("heavy")
_GREETING_WORDS: Final = 4
_ASKING: Final = word_class("auxiliaries") | word_class("question_words") | {"what", "why", "how"}


class Message(Struct, frozen=True, kw_only=True):
    """A visitor's message, read; `unnamed` is its text without the words that tell the name."""

    kind: MessageKind
    theme: Theme | None
    name: str | None
    unnamed: str


def read_message(message: str) -> Message:
    """Return what a message holds."""
    text = " ".join(message.split())
    keys = [key_of(word) for word in words_of(text)]
    name = _NAME.search(text)
    kind, theme = _kind(text, keys), _theme(text, keys)
    if kind == "statement" and (theme in {"fear", "loss"} or not _HEAVY.isdisjoint(keys)):
        kind = "heavy"
    return Message(
        kind=kind,
        theme=theme,
        name=(name[1] or name[2]) if name else None,
        unnamed=_NAME.sub("\n", text),
    )


def _kind(text: str, keys: Sequence[str]) -> MessageKind:
    if not keys:
        return "wordless"
    greets = keys[0] in _GREETINGS or "-".join(keys[:2]) in _GREETINGS
    if greets and len(keys) <= _GREETING_WORDS and "?" not in text:
        return "greeting"
    if len(keys) == 1:
        return "single"
    asks = text.rstrip("\"')\u201d ").endswith("?") or text.find("? ") > len(text) // 2
    asks = asks or (keys[0] in _ASKING and not text.endswith((".", "!")))
    return "question" if asks else "statement"


def _theme(text: str, keys: Sequence[str]) -> Theme | None:
    if any(phrase in text.lower() for phrase in ENGLISH["asks_who"]):
        return "self"
    themes: dict[Theme, str] = ENGLISH["themes"]
    said = set(keys)
    return next((theme for theme, words in themes.items() if said & set(words.split())), None)
