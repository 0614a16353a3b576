"""The show: everything that an artist sets, as one value."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from chat_backend.agents.models.table import Models, load_models
from chat_backend.agents.offline.composing import shortest_lengths
from chat_backend.agents.offline.persona import Persona, built_in_personas, load_personas
from chat_backend.agents.offline.summary import SummaryTexts, load_summary_texts, summary_texts
from chat_backend.show.water import load_water
from chat_backend.show.words import Words, default_words
from chat_backend.speech.voices import Voices, load_voices
from chat_backend.toml_file import TomlFile, read_toml
from shared_schema.decoding import InvalidSetting
from shared_schema.ids import KIND_OF_TURN, AgentId
from shared_schema.settings import Settings
from shared_schema.water import DEFAULT_WATER, WaterMap

AGENTS: Final = "agents.toml"
VOICES: Final = "voices.toml"
WORDS: Final = "words.toml"
WATER: Final = "water.toml"
SUMMARY: Final = "summary.toml"
PERSONAS: Final = "personas"
FILES: Final = (AGENTS, VOICES, WORDS, WATER, SUMMARY)


class Show(Struct, frozen=True, kw_only=True):
    """What a session is made with, from its first word to its last wave.

    Attributes
    ----------
    models : Models
        Which model answers for which agent; in force since the start of the process.
    voices : Voices
        How the profiles sound at each speech server, and what they are good for.
    words : Words
        The place, the manner, what is asked, the lengths.
    water : WaterMap
        Where each wave plays, and in which range.
    personas : mapping of AgentId to Persona
        The six characters.
    summary : SummaryTexts
        The sentences of a summary without a model.
    """

    models: Models
    voices: Voices
    words: Words
    water: WaterMap
    personas: Mapping[AgentId, Persona]
    summary: SummaryTexts


def load_show(settings: Settings) -> Show:
    """Read the show of RR_SHOW whole; what it leaves out is what the packages carry.

    The files of RR_AGENT_MODELS and RR_TTS_VOICES win over it.

    Raises
    ------
    InvalidSetting
        Naming file, line, key and remedy of the first thing that does not fit.
    """
    try:
        return _loaded(settings)
    except OSError as error:  # of the folder: a share that is away, for one
        reason = error.strerror or error
        raise InvalidSetting(f"RR_SHOW={settings.show} cannot be read: {reason}") from None


def _loaded(settings: Settings) -> Show:
    folder = settings.show
    if folder is not None:
        _check_names(folder)
    words, water, summary = (_file(folder, name) for name in (WORDS, WATER, SUMMARY))
    show = Show(
        models=load_models(settings.agent_models, show=_file(folder, AGENTS)),
        voices=load_voices(settings.tts_voices, show=_file(folder, VOICES)),
        words=read_toml(words).converted(Words, default_words()) if words else default_words(),
        water=load_water(water) if water else DEFAULT_WATER,
        personas=load_personas(folder / PERSONAS) if folder else built_in_personas(),
        summary=load_summary_texts(summary) if summary else summary_texts(),
    )
    if folder is not None:
        _check_lengths(show, folder)
    return show


def _file(folder: Path | None, name: str) -> Path | None:
    """Return a file of the folder, if it is there; so is a link that leads nowhere."""
    if folder is None:
        return None
    path = folder / name
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    return path


def _check_lengths(show: Show, folder: Path) -> None:
    """Refuse lengths at which a persona could only be cut off."""
    for kind in KIND_OF_TURN.values():
        limit = show.words.lengths.of(kind)
        for agent_id, persona in show.personas.items():
            for pool, needed in shortest_lengths(persona, kind, limit).items():
                if needed > limit:
                    problem = (
                        f"at {limit} characters, the {pool} of {agent_id} ({PERSONAS}) may be cut:"
                        f" the shortest needs up to {needed}; allow as many, or shorten it"
                    )
                    words = _file(folder, WORDS)
                    none = TomlFile(path=folder / WORDS, text="", content={})
                    file = read_toml(words) if words else none
                    raise file.refused(("lengths", kind), problem)


def _check_names(folder: Path) -> None:
    """Refuse a folder that is not there, and files whose names no show has."""
    if not folder.is_dir():
        raise InvalidSetting(
            f"RR_SHOW={folder} is no folder; `python -m chat_backend show init {folder}` makes one"
        )
    for path in sorted(folder.glob("*.toml")):
        if path.name not in FILES:
            raise InvalidSetting(f"{path} is no file of a show; those are {', '.join(FILES)}")
    personas = folder / PERSONAS
    if os.path.lexists(personas) and not personas.is_dir():
        raise InvalidSetting(f"{personas} is no folder; make it one, or remove it for the defaults")
