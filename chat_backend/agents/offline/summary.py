"""What remained of a session: three voices' words, and what the water makes of them."""

import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct, structs

from chat_backend.agents.base import SpokenResponse, SummaryQuestion
from chat_backend.agents.offline.composing import Draft
from chat_backend.agents.offline.message import read_message
from chat_backend.agents.offline.persona import Templates
from chat_backend.toml_file import read_toml
from shared_schema.ids import VoiceProfile

OWN: Final = Path(__file__).with_name("summary.toml")

_PLACES: Final = ("first", "second", "third")
_VOICES: Final = len(_PLACES)
# How many quotations each pool's sentences have; the others have none.
_QUOTED: Final = {"three": 3, "two": 2, "one": 1}
_QUOTATION: Final = re.compile("\u201c\\{(\\w+)\\}\u201d")
# A word with a capital within a sentence may be somebody's name.
_NAME: Final = re.compile(r"(?<=[^.!?:\s] )[A-Z]\w+")
_MAX_WORDS: Final = 6
_MAX_QUOTE_CHARS: Final = 40


class SummaryTexts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sentences of ``summary.toml``: by how many voices are quoted, and what follows."""

    three: Templates
    two: Templates
    one: Templates
    none: Templates
    reflections: Templates
    closings: Templates


@cache
def summary_texts() -> SummaryTexts:
    """Return the sentences that come with the package."""
    return read_toml(OWN).converted(SummaryTexts)


def load_summary_texts(path: Path) -> SummaryTexts:
    """Return a show's sentences; pools that it leaves out are ours.

    Raises
    ------
    InvalidSetting
        Naming file, line, key and remedy.
    """
    file = read_toml(path)
    texts = file.converted(SummaryTexts, summary_texts())
    for pool, templates in structs.asdict(texts).items():
        expected = _PLACES[: _QUOTED.get(pool, 0)]
        for place, template in enumerate(templates):
            quoted = sorted(_QUOTATION.findall(template))
            if quoted != sorted(expected) or set("{}") & set(_QUOTATION.sub("", template)):
                names = ", ".join(f"\u201c{{{name}}}\u201d" for name in expected) or "no quotation"
                raise file.refused((pool, place), f"write {names} in it, and no other name")
    return texts


def summarize(
    question: SummaryQuestion, texts: SummaryTexts, *, max_chars: int, voice: VoiceProfile
) -> SpokenResponse:
    """Return what remained, the same for the same question.

    Three voices are quoted, or as many as said something that can be quoted; the text names nobody.

    Parameters
    ----------
    question : SummaryQuestion
        What was said.
    texts : SummaryTexts
        The sentences to choose from.
    max_chars : int
        How long it may be.
    voice : VoiceProfile
        Who speaks it.
    """
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
        place = _PLACES[min(len(summary.words), _VOICES - 1)]
        if "third" not in summary.words:
            summary.quote(place, text, max_words=_MAX_WORDS, max_chars=room)
    summary.add(texts.three, texts.two, texts.one, texts.none)
    summary.add(texts.reflections)
    summary.add(texts.closings)
    return SpokenResponse(text=summary.text, voice_profile=voice)
