"""Writes a new show folder: every file with its defaults and comments, to be edited."""

import shutil
from pathlib import Path

from chat_backend.agents.models import table
from chat_backend.agents.offline import persona, summary
from chat_backend.show import water, words
from chat_backend.show.show import AGENTS, PERSONAS, SUMMARY, VOICES, WATER, WORDS
from chat_backend.speech import voices
from shared_schema.decoding import InvalidSetting


def write_show(folder: Path, *, dome: bool = False) -> list[Path]:
    """Write a show into a new or empty folder, and return its files.

    Parameters
    ----------
    folder : Path
        Where to write.
    dome : bool
        Whether each loudspeaker gets the range of its place in a dome.

    Raises
    ------
    InvalidSetting
        If there is something already, or the folder cannot be written.
    """
    sources = {
        folder / AGENTS: table.OWN,
        folder / VOICES: voices.OWN,
        folder / WORDS: words.OWN,
        folder / WATER: water.OWN,
        folder / SUMMARY: summary.OWN,
        **{folder / PERSONAS / each.name: each for each in sorted(persona.OWN.glob("*.toml"))},
    }
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise InvalidSetting(
                f"{folder} is not empty; name a new folder, nothing is overwritten"
            )
        (folder / PERSONAS).mkdir(parents=True, exist_ok=True)
        for path, source in sources.items():
            shutil.copyfile(source, path)
        if dome:
            # The ranges of a dome are there as comments.
            text = (folder / WATER).read_text("utf-8")
            text = text.replace("# range_hz", "range_hz")
            (folder / WATER).write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise InvalidSetting(f"{folder} cannot be written: {error.strerror or error}") from None
    return list(sources)
