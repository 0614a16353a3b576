"""Models that tell a mood and say what remained."""

import json

import pytest

pytest.importorskip("pydantic_ai", reason="needs the extra: uv sync --extra llm")

from chat_backend.agents.base import (
    MAX_SUMMARY_CHARS,
    MoodReading,
    Remark,
    SentimentQuestion,
    SummaryQuestion,
)
from chat_backend.agents.models.answers import discreet
from chat_backend.errors import AgentFailed
from chat_backend.providers.calls import CallLimits
from chat_backend.providers.keys import Keys
from shared_schema.ids import AgentId
from tests.providers.asking import PROTOCOLS, SEAT_OF, agents_at
from tests.providers.wire import ANSWER, Wire, schema_of

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
SAD = "I miss my father, and the house is empty and cold without him."
SOON = CallLimits(call_s=0.3, attempts=1, first_pause_s=0.01, longest_pause_s=0.02, jitter_s=0.01)


def sad(*agent_ids: AgentId) -> SentimentQuestion:
    return SentimentQuestion(agent_ids=agent_ids, message=SAD)


def what_was_said(*agent_ids: AgentId) -> SummaryQuestion:
    remarks = tuple(
        Remark(slot_id=slot, agent_id="gpt-5.1", text=f"The harbour keeps number {slot}.")
        for slot in (1, 4, 6)
    )
    return SummaryQuestion(seed=7, agent_ids=agent_ids, message=SAD, remarks=remarks)


@each_protocol
async def test_a_model_is_asked_what_remained(
    wire: Wire, keys: Keys, quick: CallLimits, protocol: str
) -> None:
    """All that was said, without who said it, no character; the voice is the show's."""
    async with agents_at(wire, keys, quick) as agents:
        said = await agents.summarize(what_was_said(SEAT_OF[protocol]))
        persona = agents.describe(SEAT_OF[protocol]).split(",")[0]
    assert (said.text, said.voice_profile) == (ANSWER, "calm_soothing")
    (request,) = wire.of(protocol)
    assert list(schema_of(protocol, request.body)["properties"]) == ["text"]
    sent = json.dumps(request.body, ensure_ascii=False)
    assert all(f"«The harbour keeps number {slot}.»" in sent for slot in (1, 4, 6))
    assert f"at most {MAX_SUMMARY_CHARS} characters" in sent
    assert "slot 4" not in sent
    assert persona not in sent


@each_protocol
async def test_a_model_is_asked_for_the_mood(
    wire: Wire, keys: Keys, quick: CallLimits, protocol: str
) -> None:
    """One of three, with a reason; the message is in its marks."""
    async with agents_at(wire, keys, quick) as agents:
        found = await agents.sentiment(sad(SEAT_OF[protocol]))
    assert found is not None
    assert (found.sentiment, found.justification) == ("positive", ANSWER)
    (request,) = wire.of(protocol)
    schema = schema_of(protocol, request.body)
    assert schema["properties"]["sentiment"]["enum"] == ["positive", "neutral", "negative"]
    assert f"«{SAD}»" in json.dumps(request.body, ensure_ascii=False)


async def test_the_first_slot_with_a_model_is_asked(
    wire: Wire, keys: Keys, quick: CallLimits
) -> None:
    """By slot; with no model among them, the lexicon and our own sentences answer."""
    async with agents_at(wire, keys, quick) as agents:
        await agents.sentiment(sad("gemini-3", "gpt-4o"))
        await agents.summarize(what_was_said("gpt-4o", "gemini-3"))
        assert [each.protocol for each in wire.received] == ["gemini", "chat"]
        mood = await agents.sentiment(sad())
        said = await agents.summarize(what_was_said())
        assert len(wire.received) == 2
    assert mood is not None
    assert mood.sentiment == "negative"
    assert "harbour keeps number" in said.text


@pytest.mark.parametrize("act", ["500", "401", "html", "no-json"])
async def test_the_lexicon_answers_for_a_model_that_fails(
    wire: Wire, keys: Keys, quick: CallLimits, act: str
) -> None:
    """The water still hears the mood; a summary has no such substitute."""
    wire.script("gemini", act)  # type: ignore[arg-type]
    async with agents_at(wire, keys, quick) as agents:
        mood = await agents.sentiment(sad("gemini-3"))
        with pytest.raises(AgentFailed):
            await agents.summarize(what_was_said("gemini-3"))
    assert mood is not None
    assert mood.sentiment == "negative"


async def test_a_model_that_takes_too_long_tells_no_mood(wire: Wire, keys: Keys) -> None:
    """It would come too late, and so would the lexicon."""
    wire.script("gemini", "hang")
    async with agents_at(wire, keys, SOON) as agents:
        assert await agents.sentiment(sad("gemini-3")) is None


def test_a_quotation_is_found_where_no_spaces_divide_words() -> None:
    """A whole sentence in Chinese is not a single word."""
    message = "\u6211\u7684\u72d7\u6628\u5929\u6b7b\u4e86"
    why = f"The visitor says {message}, which is heavy."
    found = discreet(MoodReading(text=why, sentiment="negative"), message)
    assert message not in found.justification


@pytest.mark.parametrize(
    ("why", "kept"),
    [
        ("The words speak of a loss.", True),
        ("They miss my father.", True),
        ("It says: the house is empty, and that is heavy.", False),
        ("I miss my father!", False),
    ],
)
def test_a_justification_quotes_at_most_three_words(why: str, kept: bool) -> None:
    """What the visitor confided is not repeated to the next one."""
    found = discreet(MoodReading(text=why, sentiment="negative"), SAD)
    assert found.sentiment == "negative"
    assert (found.justification == why) == kept
    assert kept or found.justification == "The words sound negative."
    long = discreet(MoodReading(text="heavy " * 60, sentiment="negative"), SAD)
    assert len(long.justification) <= 200
