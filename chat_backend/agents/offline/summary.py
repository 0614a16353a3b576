"""What remained of a session: three voices' words, and what the water makes of them."""

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from chat_backend.agents.base import Lengths, SpokenResponse, SummaryQuestion
from chat_backend.agents.offline.composing import Draft
from chat_backend.agents.offline.message import read_message
from shared_schema.ids import VoiceProfile

_VOICES: Final = 3
# A word with a capital within a sentence may be somebody's name.
_NAME: Final = re.compile(r"(?<=[^.!?:\s] )[A-Z]\w+")
_MAX_WORDS: Final = 6
_MAX_QUOTE_CHARS: Final = 40


class SummaryTexts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sentences of ``summary.toml``: by how many voices are quoted, and what follows."""

    voice: VoiceProfile
    three: tuple[str, ...]
    two: tuple[str, ...]
    one: tuple[str, ...]
    none: tuple[str, ...]
    reflections: tuple[str, ...]
    closings: tuple[str, ...]


@cache
def summary_texts() -> SummaryTexts:
    """Return the sentences that come with the package."""
    content = Path(__file__).with_name("summary.toml").read_bytes()
    return msgspec.toml.decode(content, type=SummaryTexts)


def summarize(question: SummaryQuestion, lengths: Lengths | None = None) -> SpokenResponse:
    """Return what remained, the same for the same question.

    Three voices are quoted, or as many as said something that can be quoted; the text names nobody.
    """
    max_chars = (lengths or Lengths()).summary
    texts = summary_texts()
    # With a fixed seed, other words still make another summary.
    texts_said = "/".join(remark.text for remark in question.remarks)
    rng = Random(f"{question.seed}/summary/{texts_said}")  # noqa: S311
    summary = Draft({}, rng, max_chars)
    name = read_message(question.message).name
    slots = sorted({remark.slot_id for remark in question.remarks})
    for turn, slot_id in enumerate(rng.sample(slots, len(slots))):
        # One voice by what it answered, one by what it commented, one by what it replied.
        said = [each.text for each in question.remarks if each.slot_id == slot_id]
        text = _NAME.sub("\n", said[turn % len(said)])
        if name is not None:
            text = text.replace(name, "\n")
        room = min(_MAX_QUOTE_CHARS, max_chars // (2 * _VOICES))
        place = ("first", "second", "third")[min(len(summary.words), _VOICES - 1)]
        if "third" not in summary.words:
            summary.quote(place, text, max_words=_MAX_WORDS, max_chars=room)
    summary.add(texts.three, texts.two, texts.one, texts.none)
    summary.add(texts.reflections)
    summary.add(texts.closings)
    return SpokenResponse(text=summary.text, voice_profile=texts.voice)
