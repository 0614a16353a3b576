"""The show in ``docs/shows``: an artwork of its own, within its own lengths."""

import re
from pathlib import Path

import pytest

from chat_backend.agents.base import Lengths, Remark, SummaryQuestion
from chat_backend.agents.limits import sentences
from chat_backend.agents.models import prompts
from chat_backend.agents.offline import OfflineAgents, built_in_personas
from chat_backend.agents.offline.summary import summarize, summary_texts
from chat_backend.show.show import Show, load_show
from chat_backend.show.water import beats
from shared_schema.ids import AGENT_IDS, KIND_OF_TURN, AgentId
from shared_schema.settings import Settings
from shared_schema.water import DEFAULT_WATER
from tests.agents.questions import AGENT_OF, play
from tests.agents.test_personas import fields

FOLDER = Path(__file__).parents[2] / "docs" / "shows" / "observatory"
SHOW: Show = load_show(Settings(show=FOLDER))
MESSAGES = (
    "What does the sea dream of when nobody is listening?",
    "I lost my grandmother in spring and I still call her number.",
    "My name is Tom and I am afraid of the dark.",
    "Hello",
    "joy",
    "...",
    "I told my brother that I had forgiven him, and it was not true, and now it is too late.",
)

each_agent = pytest.mark.parametrize("agent", AGENT_IDS)


@each_agent
def test_nothing_of_the_default_show_is_left(agent: AgentId) -> None:
    """Other characters, and not one sentence of the others."""
    mine, built_in = SHOW.personas[agent], built_in_personas()
    theirs = {template for each in built_in.values() for _, template in each.templates()}
    assert theirs.isdisjoint(template for _, template in mine.templates())
    assert mine.title not in {each.title for each in built_in.values()}


@each_agent
def test_a_template_is_one_sentence_that_can_be_spoken(agent: AgentId) -> None:
    """With a mark at its end, and only names that its own file has."""
    for _, template in SHOW.personas[agent].templates():
        assert len(sentences(re.sub(r"\{\w+\}", "Words", template))) == 1, template
        assert re.fullmatch(r"[A-Za-z :,.!?'“”{}_-]+[.!?]", template), template
        assert not fields(template) & set(built_in_personas()[agent].lexicon) - own_lexicon(agent)


def own_lexicon(agent: AgentId) -> set[str]:
    """The lexicon's names that a persona does not inherit."""
    mine, default = SHOW.personas[agent].lexicon, built_in_personas()[agent].lexicon
    return {name for name, entries in mine.items() if entries != default.get(name)}


@pytest.mark.parametrize("message", MESSAGES)
def test_every_sentence_is_whole_within_the_lengths(message: str) -> None:
    """150, 120 and 100 characters: nothing is cut, and every voice says at least one sentence."""
    lengths = SHOW.words.lengths
    assert lengths == Lengths(response=150, comment=120, reply=100, summary=200)
    for seed in range(25):
        said = play(OfflineAgents(SHOW.personas, lengths), message, seed)
        turns = (said.responses.values(), said.comments.values(), said.replies.values())
        for kind, turn in zip(KIND_OF_TURN.values(), turns, strict=True):
            for spoken in turn:
                assert len(spoken.text) <= lengths.of(kind)
                assert re.search(r"[.!?]\Z", spoken.text), spoken.text


@pytest.mark.parametrize("message", MESSAGES)
def test_a_summary_is_whole_and_of_the_observatory(message: str) -> None:
    """Three voices' words in its own sentences, within 200 characters."""
    for seed in range(20):
        said = play(OfflineAgents(SHOW.personas, SHOW.words.lengths), message, seed)
        remarks = tuple(
            Remark(slot_id=slot, agent_id=AGENT_OF[slot], text=spoken.text)
            for turn in (said.responses, said.comments, said.replies)
            for slot, spoken in turn.items()
        )
        asked = SummaryQuestion(seed=seed, message=message, remarks=remarks)
        spoken = summarize(asked, SHOW.summary, max_chars=200, voice=SHOW.voices.summary)
        assert len(spoken.text) <= 200
        assert re.search(r"[.!?]\Z", spoken.text), spoken.text
        assert spoken.text.count("“") == 3
    ours = summary_texts()
    assert set(SHOW.summary.three).isdisjoint(ours.three)
    assert set(SHOW.summary.closings).isdisjoint(ours.closings)


def test_two_visits_do_not_sound_alike() -> None:
    """Short pools still give many answers."""
    agents = OfflineAgents(SHOW.personas, SHOW.words.lengths)
    said = {text for seed in range(20) for text in play(agents, MESSAGES[0], seed).texts()}
    assert len(said) > 20 * 10


def test_models_are_told_of_the_observatory() -> None:
    """The place, the manner, the character, the voices and the lengths."""
    told = prompts.instructions(SHOW, "gpt-4o", "comment", [1, 2])
    assert "old observatory" in told
    assert "the Radiator, who ticks" in told
    assert "at most 120 characters" in told
    assert "close and warm, as beside a radiator" in told
    assert "basin" not in told


def test_its_water_is_a_dome() -> None:
    """Three pairs of bowls that do not beat."""
    assert SHOW.water.ranges_hz == tuple(map(tuple, DOME))
    assert SHOW.water.places_of(6) == DEFAULT_WATER.places_of(6) == (6, 1, 6)
    assert list(beats(SHOW.water)) == []


DOME = ([80.0, 100.0], [50.0, 70.0], [20.0, 40.0], [20.0, 40.0], [50.0, 70.0], [80.0, 100.0])


def test_the_same_question_has_the_same_answer() -> None:
    """As with the built-in personas."""
    first, second = (
        play(OfflineAgents(SHOW.personas, SHOW.words.lengths), MESSAGES[0], 5) for _ in range(2)
    )
    assert first == second
