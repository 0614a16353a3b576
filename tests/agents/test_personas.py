"""The material of the six: enough of it, well formed, and within the limits at its longest."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from chat_backend.agents.base import MAX_CHARS
from chat_backend.agents.limits import sentences
from chat_backend.agents.offline import Persona, built_in_personas, load_personas
from chat_backend.agents.offline.message import MessageKind, Theme
from chat_backend.agents.offline.quoting import MAX_PHRASE_CHARS
from shared_schema.decoding import InvalidSetting
from shared_schema.ids import AGENT_IDS, AgentId

PERSONAS = built_in_personas()
FACTS = {"phrase", "name", "past", "quote", "second", "rest"}
LEAST = {
    "openings.statement": 12, "openings.heavy": 8, "openings.question": 8, "openings.greeting": 4,
    "openings.single": 3, "openings.named": 3, "openings.wordless": 4, "thoughts": 12,
    "closings": 8, "recollections": 3, "comments": 12, "wordless_comments": 3, "replies": 8,
    "replies_to_many": 5, "wordless_replies": 3, "reply_closings": 8,
}  # fmt: skip

each_persona = pytest.mark.parametrize("agent", AGENT_IDS)


def pools(persona: Persona) -> dict[str, list[str]]:
    """Every pool of templates by its key."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, template in persona.templates():
        found[key].append(template)
    return found


def templates(persona: Persona) -> Iterator[tuple[str, str]]:
    """Every template with the name of its pool."""
    yield from persona.templates()


def fields(template: str) -> set[str]:
    """The names in braces."""
    return set(re.findall(r"\{(\w+)\}", template))


def longest(template: str, persona: Persona) -> str:
    """The template with the longest words that can stand in it."""
    words = {name: max(entries, key=len) for name, entries in persona.lexicon.items()}
    return template.format(
        **dict.fromkeys(FACTS, "w" * MAX_PHRASE_CHARS) | words | {"name": "N" * 21}
    )


@each_persona
def test_there_is_enough_of_everything(agent: AgentId) -> None:
    """And all themes are there."""
    persona = PERSONAS[agent]
    short = {name for name, least in LEAST.items() if len(pools(persona)[name]) < least}
    assert not short
    assert set(persona.themes) == set(get_args(Theme))
    assert set(persona.openings) >= {*get_args(MessageKind), "named"}
    assert all(len(pool) >= 2 for pool in persona.themes.values())


@each_persona
def test_nothing_is_there_twice(agent: AgentId) -> None:
    """No two templates of a persona are the same."""
    texts = [template for _, template in templates(PERSONAS[agent])]
    assert len(texts) == len(set(texts))


@each_persona
def test_every_name_in_braces_is_known(agent: AgentId) -> None:
    """A fact, or an entry of the persona's lexicon; each entry of it is used."""
    persona = PERSONAS[agent]
    used = {name for _, template in templates(persona) for name in fields(template)}
    assert used <= FACTS | set(persona.lexicon)
    assert set(persona.lexicon) <= used


@each_persona
def test_words_of_others_stand_in_quotation_marks(agent: AgentId) -> None:
    """So that any phrase is grammatical there."""
    for _, template in templates(PERSONAS[agent]):
        for name in fields(template) & {"phrase", "past", "quote", "second"}:
            assert f"“{{{name}}}”" in template, template


@each_persona
def test_a_template_is_one_sentence_with_a_mark_at_its_end(agent: AgentId) -> None:
    """And speakable: no sign that a voice would stumble over."""
    for _, template in templates(PERSONAS[agent]):
        assert template[-1] in ".!?", template
        assert len(sentences(re.sub(r"\{\w+\}", "Words", template))) == 1, template
        assert re.fullmatch(r"[A-Za-z :,.!?'“”{}_-]+", template), template


@each_persona
def test_comments_and_replies_quote(agent: AgentId) -> None:
    """Each of them has a place for what the other said."""
    persona = PERSONAS[agent]
    assert all(fields(template) >= {"quote"} for template in persona.comments)
    assert all(fields(template) >= {"quote"} for template in persona.replies)
    assert all(
        fields(template) >= {"quote", "second", "rest"} for template in persona.replies_to_many
    )


@each_persona
def test_a_first_sentence_alone_always_fits(agent: AgentId) -> None:
    """Even with the longest words, so that nothing of a persona is ever cut."""
    persona = PERSONAS[agent]
    for name, template in templates(persona):
        text = longest(template, persona)
        if name.endswith("comments"):
            assert len(text) <= MAX_CHARS["comment"], template
        elif "repl" in name:
            assert len(text) <= MAX_CHARS["reply"], template
        else:
            assert len(text) <= MAX_CHARS["response"] // 2, template


def test_the_six_have_six_home_voices() -> None:
    """And nobody's mood is its home, and nobody is drawn to itself."""
    assert len({persona.home for persona in PERSONAS.values()}) == 6
    for agent, persona in PERSONAS.items():
        assert persona.home not in persona.moods
        assert agent not in persona.drawn_to
    assert len({persona.title for persona in PERSONAS.values()}) == 6


FERRY = """
agent = "claude-sonnet-4-5"
title = "the Tram, who has a bell"
home = "calm_soothing"
closings = ["Mind {step}."]

[lexicon]
step = ["the step", "the gap"]

[openings]
greeting = ["Good morning, hold tight."]
"""


def folder_with(tmp_path: Path, **files: str) -> Path:
    """A folder of personas."""
    for name, content in files.items():
        (tmp_path / f"{name}.toml").write_text(content, "utf-8")
    return tmp_path


def test_a_folder_changes_what_it_names(tmp_path: Path) -> None:
    """Personas, keys, and keys of tables that it leaves out are the built-in ones."""
    personas = load_personas(folder_with(tmp_path, tram=FERRY))
    tram, ferry = personas["claude-sonnet-4-5"], PERSONAS["claude-sonnet-4-5"]
    assert (tram.title, tram.home, tram.closings) == (
        "the Tram, who has a bell", "calm_soothing", ("Mind {step}.",),
    )  # fmt: skip
    assert tram.openings["greeting"] == ("Good morning, hold tight.",)
    assert tram.openings["question"] == ferry.openings["question"]
    assert set(tram.lexicon) == {*ferry.lexicon, "step"}
    assert (tram.comments, tram.character) == (ferry.comments, ferry.character)
    assert {agent: personas[agent] for agent in AGENT_IDS if agent != tram.agent} == {
        agent: PERSONAS[agent] for agent in AGENT_IDS if agent != tram.agent
    }


def test_an_empty_folder_changes_nothing(tmp_path: Path) -> None:
    """And neither does one that is not there."""
    assert load_personas(tmp_path) == load_personas(tmp_path / "none") == PERSONAS


def test_a_persona_is_a_value() -> None:
    """Equal if read again, and not to be changed."""
    again = load_personas(Path(load_personas.__code__.co_filename).with_name("personas"), {})
    assert again == PERSONAS
    with pytest.raises(AttributeError):
        again["gpt-4o"].title = "another"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("closings = 3", ["closings", "array"]),
        ("closings = []", ["closings", "length >= 1"]),
        ('closings = ["Bye.", 4]', ["closings[1]", "str"]),
        ('home = "gruff"', ["home", "gruff"]),
        ('closing = ["Bye."]', ["unknown field `closing`"]),
        ('closings = ["Mind {gap}."]', ["closings", "{gap}", "seat"]),
        ('closings = ["I keep {quote}."]', ["closings", "{quote}"]),
        ('comments = ["I like you."]', ["comments", "{quote}", "I like you."]),
        ('comments = ["I like {quote}."]', ["comments", "\u201c{quote}\u201d"]),
        ('replies_to_many = ["\u201c{quote}\u201d, yes."]', ["replies_to_many", "{second}"]),
        ('closings = ["Mind { seat }."]', ["closings", "without spaces"]),
        ('lexicon.quote = ["mine"]', ["lexicon.quote", "otherwise"]),
        ("closings = [", ["Invalid"]),
    ],
)
def test_what_does_not_fit_is_named(line: str, told: list[str], tmp_path: Path) -> None:
    """The file, the key and what to do."""
    with pytest.raises(InvalidSetting) as raised:
        load_personas(folder_with(tmp_path, mine=f'agent = "claude-sonnet-4-5"\n{line}\n'))
    message = str(raised.value)
    assert str(tmp_path / "mine.toml") in message
    assert "unknown" in message or "Invalid value" in message or "mine.toml:2: " in message
    assert all(part in message for part in told), message


def test_a_file_says_whose_it_is(tmp_path: Path) -> None:
    """By a known agent, in UTF-8, and only one file for each."""
    (tmp_path / "mine.toml").write_bytes(FERRY.replace("bell", "b\xe4ll").encode("latin-1"))
    with pytest.raises(InvalidSetting, match="UTF-8"):
        load_personas(tmp_path)
    for line in ('title = "nobody"', 'agent = "gpt-3"', 'agent = ["gpt-4o"]'):
        with pytest.raises(InvalidSetting, match="agent"):
            load_personas(folder_with(tmp_path, mine=f"{line}\n"))
    with pytest.raises(InvalidSetting, match=r"tram\.toml:2: agent: .* in mine\.toml already"):
        load_personas(folder_with(tmp_path, mine=FERRY, tram=FERRY))
