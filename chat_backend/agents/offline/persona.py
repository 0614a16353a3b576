"""The personas: what makes one, and the TOML files that they are read from.

Every text is a template of one sentence. A name in braces is a fact of the moment or an entry of
the persona's own lexicon. Facts are words of other people and stand in quotation marks, so that any
of them is grammatical; names are the exception.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from chat_backend.agents.offline.message import MessageKind, Theme
from shared_schema.decoding import InvalidSetting
from shared_schema.ids import AgentId, VoiceProfile

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
        for key, value in msgspec.structs.asdict(self).items():
            if key in {"openings", "themes"}:
                for name, pool in value.items():
                    yield from ((f"{key}.{name}", template) for template in pool)
            elif isinstance(value, tuple) and key not in {"moods", "drawn_to"}:
                yield from ((key, template) for template in value)


def names_in(template: str) -> set[str]:
    """Return the names in braces."""
    return set(FIELD.findall(template))


@cache
def built_in_personas() -> Mapping[AgentId, Persona]:
    """Return the six that come with the package."""
    return load_personas(Path(__file__).with_name("personas"), {})


def load_personas(
    folder: Path, defaults: Mapping[AgentId, Persona] | None = None
) -> Mapping[AgentId, Persona]:
    """Return the personas of a folder's ``*.toml``, one file each.

    Personas and keys that are left out are those of `defaults` (None: the built-in ones); in tables
    this holds for each of their keys.

    Raises
    ------
    InvalidSetting
        Naming file, key and remedy.
    """
    personas = dict(built_in_personas() if defaults is None else defaults)
    files: dict[AgentId, str] = {}
    for path in sorted(folder.glob("*.toml")):
        persona = _load(path, personas)
        for key, problem in _problems(persona):
            raise _invalid(path, key, problem)
        if persona.agent in files:
            taken = f"{persona.agent} is in {files[persona.agent]} already; keep one of the two"
            raise _invalid(path, "agent", taken)
        files[persona.agent] = path.name
        personas[persona.agent] = persona
    return personas


def _load(path: Path, defaults: Mapping[AgentId, Persona]) -> Persona:
    try:
        content: dict[str, Any] = msgspec.toml.decode(path.read_bytes())
        default = next(
            (each for each in defaults.values() if each.agent == content.get("agent")), None
        )
        whole: dict[str, Any] = msgspec.to_builtins(default) if default else {}
        for key, value in content.items():
            table = isinstance(value, dict) and isinstance(whole.get(key), dict)
            whole[key] = whole[key] | value if table else value
        return msgspec.convert(whole, Persona)
    except OSError as error:
        raise InvalidSetting(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise _invalid(path, "", "is not UTF-8; save it with this encoding") from None
    except (msgspec.DecodeError, ValueError) as error:
        problem, _, key = str(error).partition(" - at `$.")
        raise _invalid(path, key.rstrip("`"), f"{problem}; correct it or leave it out") from None


def _invalid(path: Path, key: str, problem: str) -> InvalidSetting:
    """Return an error that names the file, the line of the key if there is one, and the key."""
    name = key.partition("[")[0].rpartition(".")[2]
    begins = re.compile(rf"[\[\s]*(\w+\.)?{name}\b")
    lines = enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
    line = next((number for number, text in lines if name and begins.match(text)), 0)
    return InvalidSetting(
        ": ".join(filter(None, (f"{path}:{line}" if line else f"{path}", key, problem)))
    )


def _problems(persona: Persona) -> Iterator[tuple[str, str]]:
    """Yield what is wrong beyond types, with the key and a remedy."""
    for name in sorted(set(persona.lexicon) & {"name", "phrase", "past", "quote", "second"}):
        yield f"lexicon.{name}", "stands for something of the moment; call the entry otherwise"
    for key, template in persona.templates():
        if set("{}") & set(FIELD.sub("", template)):
            yield key, f"write names as {{name}}, without spaces, in {template!r}"
        names, facts = names_in(template), _FACTS.get(key.split(".")[0], set())
        for name in sorted(names - facts - set(persona.lexicon)):
            usable = ", ".join(sorted(facts | set(persona.lexicon)))
            yield key, f"{{{name}}} is not known here; use one of {usable}"
        for name in sorted(names & facts - {"name"}):
            if f"\u201c{{{name}}}\u201d" not in template:
                yield key, f"write \u201c{{{name}}}\u201d, in quotation marks"
        # An opening may do without; the others say nothing without their quotation.
        for name in sorted(_FACTS.get(key, set()) - names):
            yield key, f"add \u201c{{{name}}}\u201d to {template!r}"
