"""Recognition engines, what they hear, and whether to believe it.

Whisper writes down a sentence even for silence, hum or music, often "Thank you for watching". Its
own figures tell: over the sentences of `benchmarks/hearing`, also with noise of 5 dB below the
voice, no passage had a no-speech probability above .35 or a mean log probability below -.8; for
silence, noise, hum, clicks and music the first was above .75. A text that repeats itself is one
more of its inventions.
"""

from collections.abc import Iterable
from typing import Final, Protocol

from msgspec import Struct

from chat_backend.errors import ChatBackendError
from chat_backend.hearing.recording import NothingSaid, Recording

MOST_NO_SPEECH: Final = 0.6
LEAST_LOG_PROBABILITY: Final = -1.0
MOST_COMPRESSION: Final = 2.4


class WrongLanguage(ChatBackendError):
    """The engine does not understand the language that was asked for."""


class Word(Struct, frozen=True, kw_only=True):
    """One word, with its place in the recording in seconds."""

    text: str
    start: float
    end: float
    type: str = "word"


class Passage(Struct, frozen=True, kw_only=True):
    """A part of what an engine wrote down, with the figures that it has for it."""

    text: str
    no_speech: float = 0.0
    log_probability: float = 0.0
    compression: float = 0.0
    words: tuple[Word, ...] | None = None


class Heard(Struct, frozen=True, kw_only=True):
    """What was said. `language` is a code such as ``en``, or None if the engine does not tell."""

    text: str
    words: tuple[Word, ...] | None
    language: str | None


class Hearing(Protocol):
    """Turns recordings into words. One instance serves all visitors."""

    @property
    def provider(self) -> str:
        """The engine's name."""

    @property
    def languages(self) -> tuple[str, ...] | None:
        """The codes of the languages that it understands; None: most that are spoken."""

    async def start(self) -> None:
        """Load everything, so that the first visitor does not wait longer than the others."""

    async def hear(self, recording: Recording, language: str | None) -> Heard:
        """Return what is said in a recording, by default in whatever language it is.

        Raises
        ------
        NothingSaid
            If there is nothing to believe.
        WrongLanguage
            If the engine knows no such language.
        ProviderFailed
            If the engine fails, with its retries.
        """

    async def close(self) -> None:
        """Release all resources."""


def believed(passages: Iterable[Passage], language: str | None) -> Heard:
    """Return what can be believed of what an engine wrote down.

    Raises
    ------
    NothingSaid
        If that is nothing.
    """
    kept = [passage for passage in passages if _is_speech(passage)]
    text = " ".join(" ".join(passage.text for passage in kept).split())
    if not any(sign.isalnum() for sign in text):
        raise NothingSaid("nothing was said")
    words = [word for passage in kept for word in passage.words or ()]
    return Heard(text=text, words=tuple(words) or None, language=language)


def _is_speech(passage: Passage) -> bool:
    return (
        passage.no_speech <= MOST_NO_SPEECH
        and passage.log_probability >= LEAST_LOG_PROBABILITY
        and passage.compression <= MOST_COMPRESSION
    )
