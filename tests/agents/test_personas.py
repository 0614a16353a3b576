"""The material of the six: enough of it, well formed, and within the limits at its longest."""

import re
from collections.abc import Iterator
from typing import get_args

import pytest
from msgspec.structs import asdict

from chat_backend.agents.base import MAX_CHARS
from chat_backend.agents.limits import sentences
from chat_backend.agents.offline.listening import MAX_PHRASE_CHARS
from chat_backend.agents.offline.persona import Persona, Templates
from chat_backend.agents.offline.personas import PERSONAS
from chat_backend.agents.offline.themes import Theme
from shared_schema.ids import AGENT_IDS, AgentId

FACTS = {"phrase", "word", "name", "past", "quote", "second", "rest"}
LEAST = {
    "told": 12, "asked": 8, "greeted": 4, "single": 3, "named": 3, "wordless": 4, "thoughts": 12,
    "closings": 8, "remembered": 3, "comments": 12, "replies": 8, "replies_to_many": 5,
    "reply_closings": 8,
}  # fmt: skip

each_persona = pytest.mark.parametrize("agent", AGENT_IDS)


def pools(persona: Persona) -> dict[str, Templates]:
    """Every pool of templates by name."""
    found: dict[str, Templates] = {name: asdict(persona)[name] for name in LEAST}
    found.update({f"themes/{theme}": pool for theme, pool in persona.themes.items()})
    return found


def templates(persona: Persona) -> Iterator[tuple[str, str]]:
    """Every template with the name of its pool."""
    for name, pool in pools(persona).items():
        for template in pool:
            yield name, template


def fields(template: str) -> set[str]:
    """The names in braces."""
    return set(re.findall(r"\{(\w+)\}", template))


def longest(template: str, persona: Persona) -> str:
    """The template with the longest words that can stand in it."""
    words = {name: max(entries, key=len) for name, entries in persona.lexicon.items()}
    filled = dict.fromkeys(FACTS, "w" * MAX_PHRASE_CHARS) | words
    return template.format(**filled | {"name": "N" * 21, "word": "w" * 20, "rest": "r" * 36})


@each_persona
def test_there_is_enough_of_everything(agent: AgentId) -> None:
    """And all themes are there."""
    persona = PERSONAS[agent]
    short = {name for name, least in LEAST.items() if len(pools(persona)[name]) < least}
    assert not short
    assert set(persona.themes) == set(get_args(Theme))
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
        for name in fields(template) & {"phrase", "word", "past", "quote", "second"}:
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
        if name == "comments":
            assert len(text) <= MAX_CHARS["comment"], template
        elif name.startswith("repl"):
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
