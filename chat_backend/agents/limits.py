"""The contract's lengths, kept for any agent: sentences counted, characters cut at a word."""

import re
from typing import Final

from chat_backend.agents.base import MAX_SENTENCES, Lengths
from shared_schema.foreign_text import without_controls
from shared_schema.ids import Kind

ELLIPSIS: Final = "\u2026"

# A sentence ends at its mark and the quotes and brackets after it, where white space follows, or
# directly at a full-width mark, which none follows.
_END: Final = re.compile(r"""[.!?\u2026]+["'\u201d\u2019)\]]*(?=\s|\Z)|[\u3002\uff01\uff1f]+""")
_TITLE: Final = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|vs|etc|e\.g|i\.e)|\b[A-Z])\.\Z")
_LOOSE_ENDS: Final = " ,;:-\u2013\u2014(\u201c\"'\u2026"


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each with its mark; white space between them is dropped.

    A mark before a small letter ends nothing ("Why?" he asked), nor does the full stop of a title
    or an initial.
    """
    found: list[str] = []
    begin = 0
    for match in _END.finditer(text):
        rest = text[match.end() :].lstrip()
        piece = text[begin : match.end()].strip()
        if (rest and rest[0].islower()) or (rest and _TITLE.search(piece)):
            continue
        if piece:
            found.append(piece)
        begin = match.end()
    last = text[begin:].strip()
    return [*found, last] if last else found


_CONTRACT: Final = Lengths()


def clip(text: str, kind: Kind, lengths: Lengths = _CONTRACT) -> str:
    """Return the text within the limits of its kind.

    White space is collapsed, control characters and sentences beyond the limit are dropped, and
    what is still too long is cut at a word, with an ellipsis within the limit. A text that fits is
    returned as it is.
    """
    kept = " ".join(sentences(_collapsed(text))[: MAX_SENTENCES[kind]])
    return cut(kept, lengths.of(kind))


def clip_summary(text: str, lengths: Lengths = _CONTRACT) -> str:
    """Return a summary's text within its limit, which is of characters only; see `clip`."""
    return cut(_collapsed(text), lengths.summary)


def _collapsed(text: str) -> str:
    return " ".join(without_controls(text).split())


def cut(text: str, max_chars: int) -> str:
    """Return the text, cut at a word with an ellipsis if it is too long."""
    if len(text) <= max_chars:
        return text
    head = text[: max_chars - len(ELLIPSIS)]
    # One word that fills everything can only be cut inside.
    whole_words = head if text[len(head)] == " " else head.rpartition(" ")[0] or head
    return whole_words.rstrip(_LOOSE_ENDS) + ELLIPSIS
