"""Whether a visitor's words ask for a human answer instead of a session.

A list of phrases is no judgement: it misses most of what people may mean, and catches some that
mean nothing by it. `docs/care.md` says what it can and cannot do.
"""

import re
from functools import cached_property

from msgspec import Struct

_MARKS = re.compile(r"[^\w']+")


class Care(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The table ``care`` of a show's ``words.toml``.

    Attributes
    ----------
    phrases : tuple of str
        What asks for it: each is found anywhere in a message, as whole words, in any case.
    sentence : str
        What is shown then, with a place for the venue's own telephone number.
    """

    phrases: tuple[str, ...]
    sentence: str

    def answer(self, message: str) -> str | None:
        """Return the sentence for a message that needs it; None for any other."""
        words = f" {_plain(message)} "
        return self.sentence if any(f" {each} " in words for each in self._plain_phrases) else None

    @cached_property
    def _plain_phrases(self) -> tuple[str, ...]:
        return tuple(plain for each in self.phrases if (plain := _plain(each)))


def _plain(text: str) -> str:
    return " ".join(_MARKS.sub(" ", text.lower().replace("\u2019", "'")).split())
