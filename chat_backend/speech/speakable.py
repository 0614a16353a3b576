"""Reduces a text to what an English voice can speak, or gives the reason if nothing is left."""

import re
import unicodedata
from typing import Final

from chat_backend.errors import SpeechFailed

# Punctuation that shapes a sentence; all other signs become a space.
_KEPT_SIGNS: Final = frozenset(
    ".,;:!?'\"-()/$%&+@#=*£€¢°½¼¾"
    "\u2018\u2019\u201c\u201d\u2013\u2014\u2026"  # curly quotes, dashes, ellipsis
)
_MAX_NAMED_SCRIPTS: Final = 3
# More than any turn's text; anything beyond is not spoken.
MAX_SPOKEN_CHARS: Final = 1200
# English names numbers up to here (a quadrillion); longer ones are read digit by digit.
_MAX_NAMED_DIGITS: Final = 15
_LONG_NUMBER: Final = re.compile(rf"[$£€]?\d(?:,?\d){{{_MAX_NAMED_DIGITS},}}")
_MAX_READ_DIGITS: Final = 40
_DIGITS_PER_GROUP: Final = 4
# The longest word of a usual dictionary has 45 letters; capitals alone are spelled one by one.
_MAX_LETTERS: Final = 45
_LONG_WORD: Final = re.compile(rf"[^\W\d_]{{{_MAX_LETTERS + 1},}}")
_CAPITALS: Final = re.compile(r"\b[A-Z]{13,}\b")
# Without a space, a voice reads dots and slashes aloud, each as a word.
_LONG_CHAIN: Final = re.compile(r"\S{60,}")


def speakable(text: str) -> str:
    """Return the part of `text` that an English voice can speak.

    Letters of scripts other than Latin, emoji and other signs are left out; digits of any script
    are kept as 0 to 9. Long numbers become digits, long words and texts are cut.

    Raises
    ------
    SpeechFailed
        Naming the reason if nothing is left.
    """
    if not text.strip():
        raise SpeechFailed("cannot speak an empty text")
    whole = unicodedata.normalize("NFC", text.strip())[:MAX_SPOKEN_CHARS]
    kept = _bounded("".join(_spoken(char) for char in whole))
    if not any(char.isalnum() or char in "%&+@=$£€½¼¾" for char in kept):
        raise SpeechFailed(f"nothing in the text can be spoken in English: {_reason(text)}")
    return kept.strip()


def bare(text: str) -> str:
    """Return only the words and single digits of a text, and where its sentences end."""
    words = re.sub(r"[^\w.!?\n']+|_", " ", text)
    return re.sub(r"(\d)(?=\w)|(?<=\w)(\d)", r" \1\2 ", words)


def _bounded(text: str) -> str:
    """Return a text with numbers and words no longer than a voice can speak."""
    text = _LONG_NUMBER.sub(lambda match: _read_out(match[0]), text)
    text = _LONG_WORD.sub(lambda match: match[0][:_MAX_LETTERS], text)
    text = _CAPITALS.sub(lambda match: match[0].lower(), text)
    return _LONG_CHAIN.sub(lambda match: re.sub(r"[^\w']+", " ", match[0]), text)


def _read_out(number: str) -> str:
    digits = [char for char in number if char.isdigit()][:_MAX_READ_DIGITS]
    groups = range(0, len(digits), _DIGITS_PER_GROUP)
    return ", ".join(" ".join(digits[at : at + _DIGITS_PER_GROUP]) for at in groups)


def _spoken(char: str) -> str:
    if char.isspace():
        # A line break ends a sentence.
        return "\n" if char == "\n" else " "
    if char.isdecimal():
        return str(unicodedata.digit(char))
    if char in _KEPT_SIGNS or (char.isalpha() and _script(char) == "LATIN"):
        return char
    return " "


def _script(char: str) -> str:
    return unicodedata.name(char, "UNNAMED").split()[0].split("-")[0]


def _reason(text: str) -> str:
    scripts = sorted({_script(char) for char in text if char.isalpha()})
    if scripts:
        names = ", ".join(script.capitalize() for script in scripts[:_MAX_NAMED_SCRIPTS])
        return f"it has only letters that the voice does not support ({names})"
    return "it has only signs, no words"
