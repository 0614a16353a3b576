"""Keeps what visitors and voices say out of the logs, whoever quotes it.

A provider's error may repeat the prompt, an exception its argument. So texts are noted when they
come up, and runs of their words are replaced in everything that is logged, also where they are
quoted in escapes.
"""

import html
import re
import unicodedata
from collections import deque
from typing import Final
from urllib.parse import unquote

# A run of fewer words is ordinary language; a text of fewer words is looked for as a whole.
RUN_WORDS: Final = 4
# About the texts of 20 sessions; their failures are long over.
TEXTS_MAX: Final = 400
REPLACEMENT: Final = "[said]"
# Scripts that write words without spaces between them: each character counts as a word. Thai, Lao,
# Tibetan, Burmese, Khmer, Japanese, Chinese.
_UNSPACED: Final = (
    "\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
_WORD: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_SENTENCE: Final = re.compile(rf"\S\s+\S|[{_UNSPACED}]")
# What JSON, Python and their nesting write for other characters; a quotation of a quotation has
# several backslashes.
_BYTES: Final = re.compile(r"(?:\\+x[0-9a-fA-F]{2})+")
_UNITS: Final = re.compile(r"(?:\\+u[0-9a-fA-F]{4})+")
_SIGN: Final = re.compile(r"""\\+([nrtbf"'/])""")

_Run = tuple[str, ...]


class Said:
    """The newest texts, by the runs of words in them; `texts_max` is None for all."""

    def __init__(self, *, texts_max: int | None = TEXTS_MAX) -> None:
        self._texts_max = texts_max
        self._texts: deque[frozenset[_Run]] = deque()
        self._count_of: dict[_Run, int] = {}

    def note(self, text: str) -> None:
        """Keep a text out of the logs from now on."""
        words = _words(_plain(text))
        size = min(RUN_WORDS, len(words))
        if not size:
            return
        runs = frozenset(tuple(words[at : at + size]) for at in range(len(words) - size + 1))
        for run in runs:
            self._count_of[run] = self._count_of.get(run, 0) + 1
        self._texts.append(runs)
        if self._texts_max is not None and len(self._texts) > self._texts_max:
            self._forget(self._texts.popleft())

    def hidden(self, line: str) -> str:
        """Return a line of a log without what was said."""
        if not self._count_of:
            return line
        plain = _plain(line)
        if not _SENTENCE.search(plain):
            return line  # names, numbers and ids are no sentences
        words = list(_WORD.finditer(plain))
        lowered = _words(plain)
        said = [False] * len(words)
        for size in range(1, RUN_WORDS + 1):
            for at in range(len(words) - size + 1):
                if tuple(lowered[at : at + size]) in self._count_of:
                    said[at : at + size] = [True] * size
        return _without(plain, words, said) if any(said) else line

    def _forget(self, runs: frozenset[_Run]) -> None:
        for run in runs:
            self._count_of[run] -= 1
            if not self._count_of[run]:
                del self._count_of[run]


def _words(plain: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(plain)]


def _plain(text: str) -> str:
    """Return a text in the characters that its escapes stand for, composed."""
    if "\\" in text:
        text = _BYTES.sub(_decoded_bytes, text)
        text = _UNITS.sub(_decoded_units, text)
        text = _SIGN.sub(_decoded_sign, text)
    if "%" in text:
        text = unquote(text)
    if "&" in text:
        text = html.unescape(text)
    return unicodedata.normalize("NFC", text)


def _decoded_bytes(match: re.Match[str]) -> str:
    units = bytes.fromhex(re.sub(r"\\+x", "", match[0]))
    try:
        return units.decode()
    except UnicodeDecodeError:
        return units.decode("latin-1")  # those of a Python string, one character each


def _decoded_units(match: re.Match[str]) -> str:
    units = bytes.fromhex(re.sub(r"\\+u", "", match[0]))
    return units.decode("utf-16-be", "replace")


def _decoded_sign(match: re.Match[str]) -> str:
    return " " if match[1] in "nrtbf" else match[1]


def _without(line: str, words: list[re.Match[str]], said: list[bool]) -> str:
    """Return a line in which every run of marked words is replaced."""
    parts: list[str] = []
    end = at = 0
    while at < len(words):
        if not said[at]:
            at += 1
            continue
        last = at
        while last + 1 < len(words) and said[last + 1]:
            last += 1
        parts += [line[end : words[at].start()], REPLACEMENT]
        end = words[last].end()
        at = last + 1
    return "".join([*parts, line[end:]])


# Logging is the process's, and so is this.
said: Final = Said()
