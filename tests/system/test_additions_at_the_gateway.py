"""Sentiment and summary at the real gateway, told by a synthetic backend."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared_schema.events import FinalSummaryReady, SessionEvent, UserSentiment
from tests.support.client import Backend, backend, listening, turn1_of
from tests.support.local_http import LOCAL
from tests.support.processes import System, system, until
from tests.support.sessions import BRIGHT, whole, with_additions

TRUTH = with_additions(whole())


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path, events_dialogue_timeout_s=1) as it:
        yield it


@pytest.fixture
async def chat(show: System) -> AsyncIterator[Backend]:
    """A backend that the gateway hears: the mood that it misses is too late in the snapshot."""
    show.gateway()
    async with backend(show.bus_url, show.artifacts) as it:
        await asyncio.to_thread(until, lambda: get(show, "/healthz")["backendHeard"], "heard")
        yield it


def get(show: System, path: str, **options: Any) -> Any:
    with httpx.Client(timeout=10.0, **LOCAL) as http:
        return http.get(f"{show.gateway_url}{path}", **options).json()


def additions(events: list[SessionEvent]) -> tuple[UserSentiment, FinalSummaryReady]:
    """Return the first event and the last one."""
    first, last = events[0], events[-1]
    assert isinstance(first, UserSentiment)
    assert isinstance(last, FinalSummaryReady)
    return first, last


async def test_both_come_in_their_places(show: System, chat: Backend) -> None:
    """The mood is seq 1 and Turn 1 seq 2; the summary is the last, with six waves by slot."""
    async with listening(show.events_url) as client:
        chat.tell(TRUTH)
        events = await client.told(TRUTH.session_id, summary=True)
        await client.nothing()
        frames = client.raw[-5:]
    mood, summary = additions(events)
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert turn1_of(events[1:]).payload.status == "complete"
    assert (mood.payload.sentiment, mood.payload.justification) == (
        BRIGHT.sentiment,
        BRIGHT.justification,
    )
    assert summary.payload.status == "complete"
    info = summary.payload.wave_info
    assert info is not None
    assert info.voice_profile == "calm_soothing"
    assert [wave.slot_id for wave in info.waves] == [1, 2, 3, 4, 5, 6]
    for wave in info.waves:
        assert Path(wave.wave_path_abs) == show.artifacts / wave.wave_path_rel
        assert Path(wave.wave_path_abs).is_file()
    history = get(show, "/v1/events/history", params={"sessionId": TRUTH.session_id})
    assert [event["type"] for event in history["events"]] == [
        "user_sentiment",
        "turn1.waves.ready",
        "dialogue.waves.ready",
        "dialogue.waves.ready",
        "final_summary.ready",
    ]
    assert not any("rehearsal" in frame for frame in frames)


async def test_a_gateway_that_was_killed_tells_the_rest(show: System, chat: Backend) -> None:
    """Between dialogues and summary: a client that resumes gets it once, and nothing twice."""
    (gateway,) = show.processes
    session = TRUTH.session_id
    chat.write(TRUTH)
    async with listening(show.events_url) as client:
        chat.events.begin_session(session, slots=TRUTH.begun().slots)
        chat.events.sentiment(session, BRIGHT)
        for part in TRUTH.parts():
            chat.events.utterance(session, TRUTH.utterance(*part))
        chat.events.turn1_complete(session)
        chat.events.turn3_complete(session, TRUTH.dialogues)
        events = await client.told(session)
    assert [event.seq for event in events] == [1, 2, 3, 4]
    gateway.popen.kill()
    gateway.wait()
    pending, ready = TRUTH.summary(ended=False), TRUTH.summary()
    assert pending is not None
    assert ready is not None
    chat.events.summary(session, pending)
    chat.events.session_complete(session, stopped=False)
    chat.events.summary(session, ready)
    show.gateway()
    async with listening(show.events_url) as client:
        await client.say({"type": "hello", "resume": {session: 4}})
        await client.ack()
        summary = await client.session_event()
        await client.nothing()
    assert isinstance(summary, FinalSummaryReady)
    assert (summary.seq, summary.payload.status) == (5, "complete")


async def test_a_summary_without_waves_fails_at_its_deadline(show: System, chat: Backend) -> None:
    """Its text is told, and no file is named."""
    late = with_additions(whole(2))
    async with listening(show.events_url) as client:
        chat.write(late)
        chat.events.begin_session(late.session_id, slots=late.begun().slots)
        for part in late.parts():
            chat.events.utterance(late.session_id, late.utterance(*part))
        chat.events.turn1_complete(late.session_id)
        chat.events.turn3_complete(late.session_id, late.dialogues)
        pending = late.summary(ended=False)
        assert pending is not None
        chat.events.summary(late.session_id, pending)
        chat.events.session_complete(late.session_id, stopped=False)
        events = await client.told(late.session_id, summary=True)
        until(lambda: not get(show, "/v1/sessions")["sessions"], "the session is closed")
    summary = events[-1]
    assert isinstance(summary, FinalSummaryReady)
    assert summary.payload.status == "failed"
    assert summary.payload.text == "What remained."
    assert summary.payload.wave_info is None
    assert '"waveInfo":null' in client.raw[-1]


async def test_a_summary_whose_file_is_gone_is_failed(show: System, chat: Backend) -> None:
    """Six waves or none: no event names a file that is not there."""
    chat.write(TRUTH)
    summary = TRUTH.summary()
    assert summary is not None
    (show.artifacts / summary.wave_paths[3]).unlink()
    async with listening(show.events_url) as client:
        chat.tell(TRUTH, write=False)
        _, told = additions(await client.told(TRUTH.session_id, summary=True))
    assert (told.payload.status, told.payload.wave_info) == ("failed", None)


async def test_a_rehearsal_tells_both_again(show: System, chat: Backend) -> None:
    """From the outbox, marked; the new session has its own seq from 1."""
    async with listening(show.events_url) as client:
        chat.tell(TRUTH)
        live = await client.told(TRUTH.session_id, summary=True)
        async with httpx.AsyncClient(timeout=10.0, **LOCAL) as http:
            answer = await http.post(f"{show.gateway_url}/v1/rehearsal", json={"speed": 100})
        assert answer.status_code == httpx.codes.ACCEPTED
        again = await client.told(summary=True)
    mood, summary = additions(again)
    assert [event.seq for event in again] == [event.seq for event in live]
    assert (mood.payload.rehearsal, summary.payload.rehearsal) == (True, True)
    assert mood.session_id != TRUTH.session_id
