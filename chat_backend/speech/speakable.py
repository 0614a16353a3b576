"""What of a text an English voice can say, and why it can't say the rest."""

import unicodedata
from typing import Final

from chat_backend.errors import SpeechFailed

# Marks that a voice does not say but that shape a sentence; all other signs become a space.
_KEPT_SIGNS: Final = frozenset(
    ".,;:!?'\"-()/$%&+@#=*£€¢°½¼¾"
    "\u2018\u2019\u201c\u201d\u2013\u2014\u2026"  # curly quotes, dashes, ellipsis
)
_MAX_NAMED_SCRIPTS: Final = 3


def speakable(text: str) -> str:
    """Return what an English voice can say of `text`.

    Letters of other scripts than Latin, emoji and other signs are left out; digits of any script
    are kept as 0 to 9.

    Raises
    ------
    SpeechFailed
        Naming the reason if nothing is left.
    """
    if not text.strip():
        raise SpeechFailed("cannot speak an empty text")
    kept = "".join(_spoken(char) for char in unicodedata.normalize("NFC", text))
    if not any(char.isalnum() or char in "%&+@=$£€½¼¾" for char in kept):
        raise SpeechFailed(f"nothing in the text can be spoken in English: {_reason(text)}")
    return kept.strip()


def _spoken(char: str) -> str:
    if char.isspace():
        # A line break ends a sentence for the voice, as it does for the eye.
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
        return f"it has only letters that the voice does not know ({names})"
    return "it has only signs, no words"
