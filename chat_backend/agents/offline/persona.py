"""The personas: what makes one, and the TOML files that they are read from.

Every text is a template of one sentence. A name in braces is a fact of the moment or an entry of
the persona's own lexicon. Facts are words of other people and stand in quotation marks, so that any
of them is grammatical; names are the exception.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from chat_backend.agents.offline.message import MessageKind, Theme
from chat_backend.toml_file import Key, read_toml
from shared_schema.ids import AgentId, VoiceProfile

OWN: Final = Path(__file__).with_name("personas")

Text = Annotated[str, Meta(min_length=1)]
Templates = Annotated[tuple[Text, ...], Meta(min_length=1)]

# A name in braces.
FIELD: Final = re.compile(r"\{(\w+)\}")
# Which facts are known where, beside the lexicon.
_FACTS: Final[dict[str, set[str]]] = {
    "openings": {"phrase", "name"},
    "recollections": {"past"},
    "comments": {"quote"},
    "replies": {"quote"},
    "replies_to_many": {"quote", "second"},
}


class Persona(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One agent's temperament, voices and sentences.

    Attributes
    ----------
    agent, title, character : str
        Whose seat it has; who it is, in a few words; what a model in its seat is told of itself.
    home, moods : VoiceProfile
        The voice that it mostly has, and those that it sometimes takes on.
    drawn_to : AgentId
        Whom it likes to answer.
    lexicon : mapping
        Its own words, by name.
    openings, thoughts, themes, closings, recollections : Templates
        Turn 1: first sentences by the kind of message (`named`: by the visitor's name), thoughts of
        its own and on themes, last sentences, and those that recall an earlier message.
    comments, wordless_comments : Templates
        Turn 2: with a quotation of the other, and without.
    replies, replies_to_many, wordless_replies, reply_closings : Templates
        Turn 3: first sentences to one comment, to several and without a quotation, and second ones.
    """

    agent: AgentId
    title: Text
    character: Text
    home: VoiceProfile
    moods: Annotated[tuple[VoiceProfile, ...], Meta(min_length=1)]
    drawn_to: tuple[AgentId, ...]
    lexicon: Mapping[str, Templates]
    openings: Mapping[MessageKind | Literal["named"], Templates]
    thoughts: Templates
    themes: Mapping[Theme, Templates]
    closings: Templates
    recollections: Templates
    comments: Templates
    wordless_comments: Templates
    replies: Templates
    replies_to_many: Templates
    wordless_replies: Templates
    reply_closings: Templates

    def templates(self) -> Iterator[tuple[str, str]]:
        """Yield every template, with the key of its pool in the file."""
        for key, template in self.keyed_templates():
            yield ".".join(map(str, key[:-1])), template

    def keyed_templates(self) -> Iterator[tuple[Key, str]]:
        """Yield every template, with its key in the file: the pool's, and its number from 0."""
        for key, value in msgspec.structs.asdict(self).items():
            if key in {"openings", "themes"}:
                for name, pool in value.items():
                    yield from (((key, name, n), template) for n, template in enumerate(pool))
            elif isinstance(value, tuple) and key not in {"moods", "drawn_to"}:
                yield from (((key, n), template) for n, template in enumerate(value))


def names_in(template: str) -> set[str]:
    """Return the names in braces."""
    return set(FIELD.findall(template))


@cache
def built_in_personas() -> Mapping[AgentId, Persona]:
    """Return the six that come with the package."""
    return load_personas(OWN, {})


def load_personas(
    folder: Path, defaults: Mapping[AgentId, Persona] | None = None
) -> Mapping[AgentId, Persona]:
    """Return the personas of a folder's ``*.toml``, one file each.

    Personas and keys that are left out are those of `defaults` (None: the built-in ones); in tables
    this holds for each of their keys.

    Raises
    ------
    InvalidSetting
        Naming file, line, key and remedy.
    """
    personas = dict(built_in_personas() if defaults is None else defaults)
    files: dict[AgentId, str] = {}
    for path in sorted(folder.glob("*.toml")):
        file = read_toml(path)
        whose = [each for each in personas.values() if each.agent == file.content.get("agent")]
        persona = file.converted(Persona, whose[0] if whose else None)
        for key, problem in _problems(persona):
            raise file.refused(key, problem)
        if persona.agent in files:
            taken = f"{persona.agent} is in {files[persona.agent]} already; keep one of the two"
            raise file.refused(("agent",), taken)
        files[persona.agent] = path.name
        personas[persona.agent] = persona
    return personas


def _problems(persona: Persona) -> Iterator[tuple[Key, str]]:
    """Yield what is wrong beyond types, with the key and a remedy."""
    own = set(persona.lexicon)
    for name in sorted(own & {"name", "phrase", "past", "quote", "second"}):
        yield ("lexicon", name), "stands for something of the moment; call the entry otherwise"
    for key, template in persona.keyed_templates():
        pool = str(key[0])
        if set("{}") & set(FIELD.sub("", template)):
            yield key, f"write names as {{name}}, without spaces, in {template!r}"
        names, facts = names_in(template), _FACTS.get(pool, set())
        for name in sorted(names - facts - own):
            usable = ", ".join(sorted(facts | own))
            yield key, f"{{{name}}} is not known here; use one of {usable}"
        for name in sorted(names & facts - {"name"}):
            if f"\u201c{{{name}}}\u201d" not in template:
                yield key, f"write \u201c{{{name}}}\u201d, in quotation marks"
        # An opening may do without; the others say nothing without their quotation.
        for name in sorted(facts - names) if pool != "openings" else ():
            yield key, f"add \u201c{{{name}}}\u201d to {template!r}"
