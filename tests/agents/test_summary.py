"""What remained of a session: quotations of three voices, no names, and never the same twice."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat_backend.agents.base import Agents, Remark, SpokenResponse, SummaryQuestion
from chat_backend.agents.limits import sentences
from chat_backend.agents.offline import OfflineAgents
from chat_backend.agents.offline.summary import summarize as summarize_with
from chat_backend.agents.offline.summary import summary_texts
from shared_schema.ids import AGENT_IDS, SLOT_IDS
from tests.agents.questions import AGENT_OF, play

AGENTS: Agents = OfflineAgents()
MESSAGES = [
    "I wish my brother would call me again.",
    "Hello, my name is Ada and I like cold rain.",
    "What does water remember?",
    "rain",
    "\u4f60\u597d",
    "I stole my sister's wedding ring and never told anyone.",
]


def question(message: str, seed: int) -> SummaryQuestion:
    """What is asked after a session of the personas."""
    session = play(AGENTS, message, seed)
    return SummaryQuestion(
        seed=seed,
        message=message,
        remarks=tuple(
            Remark(slot_id=slot, agent_id=AGENT_OF[slot], text=spoken.text)
            for turn in (session.responses, session.comments, session.replies)
            for slot, spoken in turn.items()
        ),
    )


def summarize(asked: SummaryQuestion, max_chars: int = 400) -> SpokenResponse:
    """The summary in our own sentences."""
    return summarize_with(asked, summary_texts(), max_chars=max_chars, voice="calm_soothing")


def said_by(*texts: str) -> SummaryQuestion:
    """One text for each of the first slots."""
    return SummaryQuestion(
        seed=1,
        message="m",
        remarks=tuple(
            Remark(slot_id=slot, agent_id=AGENT_OF[slot], text=text)
            for slot, text in zip(SLOT_IDS, texts, strict=False)
        ),
    )


def quotes_in(text: str) -> list[str]:
    """What stands in quotation marks."""
    return re.findall("\u201c([^\u201d]+)\u201d", text)


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("seed", range(10))
def test_three_voices_are_quoted_word_for_word(message: str, seed: int) -> None:
    """Each quotation is of another voice, and all of it fits."""
    asked = question(message, seed)
    spoken = summarize(asked)
    assert len(spoken.text) <= 400
    assert spoken.voice_profile == "calm_soothing"
    quotes = quotes_in(spoken.text)
    assert len(set(quotes)) == 3
    speakers = [
        {utterance.slot_id for utterance in asked.remarks if quote in utterance.text}
        for quote in quotes
    ]
    assert all(speakers)
    assert len(set().union(*speakers)) >= 3


@pytest.mark.parametrize("message", MESSAGES)
def test_nobody_is_named(message: str) -> None:
    """Neither a voice nor the visitor."""
    titles = [AGENTS.describe(agent).split(",")[0].removeprefix("the ") for agent in AGENT_IDS]
    for seed in range(30):
        text = summarize(question(message, seed)).text
        assert not any(name in text for name in [*titles, *AGENT_IDS, "Ada", "slot"])


def test_a_name_within_a_sentence_is_not_picked_up() -> None:
    """Whatever a model says."""
    texts = ["I think that Tom knows.", "The rain told Lena everything.", "We sang for Ravi."]
    assert not re.search("Tom|Lena|Ravi", summarize(said_by(*texts)).text)


def test_the_same_session_has_the_same_summary() -> None:
    """In any process: text seeds do not use hash()."""
    assert summarize(question(MESSAGES[0], 7)) == summarize(question(MESSAGES[0], 7))


@pytest.mark.parametrize("step", [0, 1])
def test_consecutive_sessions_do_not_read_alike(step: int) -> None:
    """One sentence in seven at most is shared on average, also where the seed is fixed."""
    texts = [
        summarize(
            question(
                MESSAGES[number % len(MESSAGES)] + " " + "so" * (number // 6), 11 + step * number
            )
        ).text
        for number in range(48)
    ]
    shared = [
        len({*sentences(one)} & {*sentences(other)}) for one, other in itertools.pairwise(texts)
    ]
    assert sum(shared) / (3 * len(shared)) < 1 / 7
    assert max(shared) < 3


@pytest.mark.parametrize("limit", [400, 200, 120, 60])
def test_a_summary_keeps_to_the_length_of_a_show(limit: int) -> None:
    """With fewer sentences, and with shorter quotations."""
    for seed in range(20):
        text = summarize(question(MESSAGES[0], seed), limit).text
        assert 0 < len(text) <= limit
        assert not text.endswith("\u2026")


@pytest.mark.parametrize(
    ("texts", "quoted"),
    [
        (["The rope holds.", "A bell rings twice."], 2),
        (["The rope holds."], 1),
        (["\u4f60\u597d", "..."], 0),
        ([], 0),
        (["The rope holds.", "The rope holds.", "The rope holds."], 1),
    ],
)
def test_fewer_voices_are_enough(texts: list[str], quoted: int) -> None:
    """As many are quoted as can be."""
    text = summarize(said_by(*texts)).text
    assert len(quotes_in(text)) == quoted
    assert sentences(text)


@given(texts=st.lists(st.text(max_size=300), max_size=6), limit=st.integers(60, 400))
def test_voices_may_say_anything(texts: list[str], limit: int) -> None:
    """Quotations stay exact, and the length is kept."""
    text = summarize(said_by(*texts), limit).text
    assert len(text) <= limit
    assert all(any(quote in each for each in texts) for quote in quotes_in(text))


def test_the_sentences_are_well_formed() -> None:
    """One sentence each, with a mark at its end, and its quotations in marks."""
    texts = summary_texts()
    for pool in (texts.three, texts.two, texts.one, texts.none, texts.reflections, texts.closings):
        assert len(pool) == len(set(pool))
        for template in pool:
            assert template[-1] in ".!?"
            assert len(sentences(re.sub(r"\{\w+\}", "words", template))) == 1, template
    for pool, names in (
        (texts.three, ["first", "second", "third"]),
        (texts.two, ["first", "second"]),
        (texts.one, ["first"]),
    ):
        for template in pool:
            assert re.findall("\u201c\\{(\\w+)\\}\u201d", template) == names
