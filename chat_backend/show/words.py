"""What the voices are told of the place, what they are asked, and how long they may speak."""

from functools import cache
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from chat_backend.agents.base import Lengths
from chat_backend.care import Care
from chat_backend.notice import Notice
from chat_backend.toml_file import read_toml

OWN: Final = Path(__file__).with_name("defaults") / "words.toml"

Text = Annotated[str, Meta(min_length=1)]


class Asked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked at the end of each turn's question."""

    response: Text
    comment: Text
    reply: Text
    summary: Text


class KioskWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the kiosk's page says before anybody has asked: its heading and its question."""

    title: Text
    lead: Text
    question: Text
    example: Text


class Words(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a show's ``words.toml``.

    Attributes
    ----------
    place, manner : str
        Where the voices are and how they speak, as models are told.
    asked : Asked
        The questions to models.
    lengths : Lengths
        The largest number of characters of each turn, for models and personas.
    kiosk : KioskWords
        The words of the kiosk's page.
    care : Care
        Which words of a visitor get a human answer.
    notice : Notice
        What visitors are told before they speak, and whether they must agree.
    """

    place: Text
    manner: Text
    asked: Asked
    lengths: Lengths
    kiosk: KioskWords
    care: Care
    notice: Notice


@cache
def default_words() -> Words:
    """Return those that come with the package."""
    return read_toml(OWN).converted(Words)
