"""Names that only one visitor says, and where else they were found."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from shared_schema.layout import session_file

_SYLLABLES: Final = ("zor", "vak", "mel", "thun", "qui", "bar", "lod", "fen")


def names(first: str) -> Iterator[str]:
    """Yield names that begin so, of which no two are the same and none is a word."""
    for syllables in itertools.product(_SYLLABLES, repeat=4):
        yield first + "".join(syllables)


def leaks(
    said: list[str], artifacts: Path, recorded: Mapping[str, list[str]], log: str
) -> list[str]:
    """Return where a name stands that was said once; `recorded` has the frames by session.

    It belongs in one session's file and frames, and in no log.
    """
    texts = {
        session: "\n".join((*frames, _text(artifacts / session_file(session))))
        for session, frames in recorded.items()
    }
    faults = [f"the log has what a visitor said: {name}" for name in said if name in log]
    for name in said:
        found = sorted(session for session, text in texts.items() if name in text)
        if len(found) > 1:
            faults.append(f"{name} was said in one session, and stands in {found}")
    return faults


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""
