"""The providers' keys: read once, never printed, and redacted in quoted messages."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared_schema.decoding import InvalidSetting
from shared_schema.environment import DOTENV, merged

ANTHROPIC: Final = "ANTHROPIC_API_KEY"
OPENAI: Final = "OPENAI_API_KEY"
GOOGLE: Final = "GOOGLE_API_KEY"
GEMINI: Final = "GEMINI_API_KEY"  # Google's older name for the same
ELEVENLABS: Final = "ELEVENLABS_API_KEY"
LLM: Final = "LLM_API_KEY"
TTS: Final = "TTS_API_KEY"
STT: Final = "STT_API_KEY"
KEY_VARIABLES: Final = (ANTHROPIC, OPENAI, GOOGLE, GEMINI, ELEVENLABS, LLM, TTS, STT)

REDACTED: Final = "[key]"
# A shorter "secret" would redact ordinary words.
MIN_KEY_CHARS: Final = 8
# Providers quote rejected keys without the middle, as in ``sk-mark***er12``.
_QUOTED_END_CHARS: Final = 8
_MASKED: Final = re.compile(
    # Begins only where a word does, and never goes back: linear in the length of any word.
    r"(?<![\w\[\]-])[\w\[\]-]*+(?:\*{3,}|\u2022{3,})[\w\[\]*\u2022-]*"
)


class Keys:
    """The keys that are set, by the name of their variable."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name: _checked(name, value) for name, value in values.items() if value}

    def __repr__(self) -> str:
        return f"Keys({', '.join(sorted(self._values))})"

    def of(self, *names: str) -> str | None:
        """Return the first of these keys that is set."""
        return next((self._values[name] for name in names if name in self._values), None)

    def redacted(self, text: str) -> str:
        """Return a text without keys, and without the ends of keys that a provider may quote."""
        keys = sorted(self._values.values(), key=len, reverse=True)
        for key in keys:
            if len(key) >= MIN_KEY_CHARS:
                text = text.replace(key, REDACTED)
        for key in keys:
            if len(key) >= 2 * _QUOTED_END_CHARS:
                text = text.replace(key[:_QUOTED_END_CHARS], REDACTED)
                text = text.replace(key[-_QUOTED_END_CHARS:], REDACTED)
        return _MASKED.sub(REDACTED, text)


def load_keys(
    environment: Mapping[str, str] | None = None,
    *,
    dotenv: Path | None = DOTENV,
    also: tuple[str, ...] = (),
) -> Keys:
    """Read the keys from `environment` (default: the process's own) and from `dotenv`.

    `also` names further variables, of servers that a settings file describes.

    Raises
    ------
    InvalidSetting
        Naming the variable whose value cannot be sent in a header.
    """
    values = merged(environment, dotenv)
    names = (*KEY_VARIABLES, *also)
    return Keys({name: values[name].strip() for name in names if name in values})


def _checked(name: str, value: str) -> str:
    # It cannot be sent in a header, and the library that refuses it would quote it.
    if not value.isascii() or not value.isprintable() or " " in value:
        raise InvalidSetting(
            f"{name} is not an API key: it contains spaces or characters outside ASCII (not shown)"
        )
    return value
