"""Makes text of visitors, models and files harmless: for sending, and for showing on a terminal.

A control character in it could clear an operator's screen, forge a line or reverse its direction.
"""

import re
from typing import Final

# White space that begins a line or moves the cursor.
_BREAKS: Final = r"\t\n\x0b\x0c\r\x85\u2028\u2029"
# Control characters; overrides of the writing direction; what is invisible and means nothing in a
# text (places to break a line, byte order marks, annotations, tags); halves of characters, which
# cannot be encoded.
_CONTROLS: Final = (
    r"\x00-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f"
)
# They belong into words, emoji and lines of some scripts, so they stay in what is spoken and sent.
# On a terminal they could make two names look alike.
_MARKS: Final = r"\xad\u061c\u180e\u200c-\u200f"
_BREAK: Final = re.compile(f"[{_BREAKS}]")
_OTHER_BREAK: Final = re.compile("[\x0b\x0c\r\x85\u2028\u2029]")
_CONTROL: Final = re.compile(f"[{_CONTROLS}{_MARKS}]")
_REMOVED: Final = re.compile(f"(?![\t\n])[{_CONTROLS}]")


def without_controls(text: str) -> str:
    """Return a text as it may be spoken and sent; of white space, line ends and tabs stay."""
    if text.isprintable():
        return text
    return _REMOVED.sub("", _OTHER_BREAK.sub(" ", text.replace("\r\n", "\n")))


def shown(text: str) -> str:
    r"""Return a text as one line for a terminal, where what steers or hides appears as ``\u001b``.

    What was JSON still is.
    """
    if text.isprintable():
        return text
    return _CONTROL.sub(_escaped, _BREAK.sub(" ", text))


def shown_lines(text: str) -> str:
    """Return a text for a terminal as `shown` does, each line by itself."""
    return "\n".join(map(shown, text.split("\n")))


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
