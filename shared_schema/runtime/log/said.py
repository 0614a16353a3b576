"""Keeps what visitors and voices say out of the logs, whoever quotes it.

A provider's error may repeat the prompt, an exception its argument. So texts are noted when they
come up, and runs of their words are replaced in everything that is logged.
"""

import re
from collections import deque
from typing import Final

# A run of fewer words is ordinary language; a text of fewer words is looked for as a whole.
RUN_WORDS: Final = 4
# About the texts of 20 sessions; their failures are long over.
TEXTS_MAX: Final = 400
REPLACEMENT: Final = "[said]"
_WORD: Final = re.compile(r"\w+")

_Run = tuple[str, ...]


class Said:
    """The newest texts, by the runs of words in them; `texts_max` is None for all."""

    def __init__(self, *, texts_max: int | None = TEXTS_MAX) -> None:
        self._texts_max = texts_max
        self._texts: deque[frozenset[_Run]] = deque()
        self._count_of: dict[_Run, int] = {}

    def note(self, text: str) -> None:
        """Keep a text out of the logs from now on."""
        words = [word.lower() for word in _WORD.findall(text)]
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
        if not self._count_of or " " not in line.strip():
            return line  # names, numbers and ids are no sentences
        words = list(_WORD.finditer(line))
        lowered = [word[0].lower() for word in words]
        said = [False] * len(words)
        for size in range(1, RUN_WORDS + 1):
            for at in range(len(words) - size + 1):
                if tuple(lowered[at : at + size]) in self._count_of:
                    said[at : at + size] = [True] * size
        return _without(line, words, said)

    def _forget(self, runs: frozenset[_Run]) -> None:
        for run in runs:
            self._count_of[run] -= 1
            if not self._count_of[run]:
                del self._count_of[run]


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
