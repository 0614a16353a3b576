"""Sentiment and summary from outside: a real chat, real waves, a real client."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from shared_schema.chat import Done, SlotAudio, SlotDone, SlotError, TurnDone, UserSentiment
from shared_schema.events import (
    DialogueWavesReady,
    FinalSummaryReady,
    SessionEvent,
    Turn1WavesReady,
)
from shared_schema.events import UserSentiment as SentimentEvent
from tests.support.client import listening
from tests.support.processes import System, system
from tests.support.staging import stage, visit
from tests.support.visitor import Stream

NEVER_S = 300
JOY = {"message": "I am so happy that the sea is back, it is lovely!"}
SINGLE = {**JOY, "slots": [{"slotId": 4, "agentId": "gpt-4o"}]}


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One installation with both switched on; nothing in it times out."""
    with system(
        tmp_path_factory.mktemp("show"),
        seed=7,
        chat_summary=True,
        chat_sentiment=True,
        events_turn1_timeout_s=NEVER_S,
        events_dialogue_timeout_s=NEVER_S,
    ) as it:
        it.gateway()
        it.chat("-m", "tests.support.staged_chat")
        yield it


@pytest.fixture
def show(staged: System) -> System:
    """Each test begins with nothing staged."""
    stage(staged)
    return staged


async def session(show: System, body: object = JOY) -> tuple[Stream, list[SessionEvent]]:
    async with listening(show.events_url) as client:
        stream = await visit(show, body)
        events = await client.told(stream.session_id, summary=True)
        await client.nothing()
    stream.assert_in_order()
    return stream, events


def summary_of(events: list[SessionEvent]) -> FinalSummaryReady:
    last = events[-1]
    assert isinstance(last, FinalSummaryReady)
    return last


async def test_a_visit_has_a_beginning_and_an_end(show: System) -> None:
    """The mood first, Turn 1, the dialogues, and then what remained, in six waves."""
    stream, events = await session(show)
    mood, turn1, *dialogues, _ = events
    assert isinstance(mood, SentimentEvent)
    assert mood.payload.sentiment == "positive"
    assert isinstance(turn1, Turn1WavesReady)
    assert all(isinstance(event, DialogueWavesReady) for event in dialogues)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    (told,) = stream.of(UserSentiment)
    assert told.sentiment == "positive"
    (text,), (audio,) = stream.of(SlotDone, 4), stream.of(SlotAudio, 4)
    assert (text.slot_id, text.kind, text.agent_id) == (0, "summary", "summary")
    assert stream.of(Done)[0].turns == 4
    said = {done.text for turn in (1, 2, 3) for done in stream.of(SlotDone, turn)}
    quotes = text.text.split("“")[1:]
    assert len(quotes) == 3
    assert all(any(quote.split("”")[0] in each for each in said) for quote in quotes)
    summary = summary_of(events).payload
    assert (summary.status, summary.text) == ("complete", text.text)
    assert summary.wave_info is not None
    assert summary.wave_info.voice_profile == "calm_soothing"
    folder = show.artifacts / "waves" / "sessions" / stream.session_id / "summary"
    for slot, wave in enumerate(summary.wave_info.waves, start=1):
        assert wave.slot_id == slot
        assert Path(wave.wave_path_abs) == folder / f"summary_calm_soothing_v3_wave{slot}.wav"
        assert round(1000 * soundfile.info(wave.wave_path_abs).duration) == wave.duration_ms
    assert (show.artifacts / audio.audio_path).is_file()


async def test_the_session_file_has_both(show: System) -> None:
    """And is settled only when the summary's waves are there."""
    stream, events = await session(show)
    document = await asyncio.to_thread(show.settled, stream.session_id)
    assert document.sentiment is not None
    assert document.sentiment.sentiment == "positive"
    assert document.summary is not None
    assert document.summary.text == summary_of(events).payload.text
    assert document.summary.state == "ready"


async def test_a_single_voice_is_summarised_too(show: System) -> None:
    """No dialogue, and still an end."""
    _, events = await session(show, SINGLE)
    assert [type(event) for event in events] == [
        SentimentEvent, Turn1WavesReady, FinalSummaryReady,
    ]  # fmt: skip


async def test_a_summary_that_cannot_be_decomposed_fails_at_once(show: System) -> None:
    """Its text is told; nobody waits for the deadline, and the dialogues are as they were."""
    stage(show, **{"break": ["4:0"]})
    _, events = await session(show)
    payload = summary_of(events).payload
    assert (payload.status, payload.wave_info) == ("failed", None)
    assert payload.text


async def test_a_summary_without_a_voice_fails_at_once(show: System) -> None:
    """The stream has an error of slot 0, and the turn counts its text."""
    stage(show, mute=["4:0"])
    stream, events = await session(show)
    (error,) = stream.of(SlotError)
    assert (error.slot_id, error.turn_index, error.error.type) == (0, 4, "tts_error")
    assert stream.of(TurnDone, 4)[0].slot_count == 1
    assert summary_of(events).payload.status == "failed"
