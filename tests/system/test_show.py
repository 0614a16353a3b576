"""The whole system from outside: real visitors, real voices, real waves, a real client."""

import asyncio
from pathlib import Path

import pytest
import soundfile

from shared_schema.chat import Done, SlotAudio, SlotDone, SlotError, TurnStart
from shared_schema.events import DialogueWavesReady, SessionEvent, Turn1WavesReady, waves_of
from shared_schema.facts import WaveReady
from tests.support.client import Listener, listening, turn1_of
from tests.support.processes import Process, System
from tests.support.staged_chat import LONG_CALLBACK
from tests.support.staging import MESSAGE, stage, visit
from tests.support.visitor import Stream, post, request


def gateway_of(show: System) -> Process:
    return show.processes[0]


def sound(path: str) -> None:
    """Read a wave-mix as a player would."""
    samples, rate = soundfile.read(path)
    assert rate == 8000
    assert abs(samples).max() > 0.01
    assert soundfile.info(path).subtype == "PCM_16"


def utterances(events: list[SessionEvent]) -> list[tuple[int, int]]:
    told = []
    for event in events:
        if isinstance(event, Turn1WavesReady):
            told += [(1, wave.slot_id) for wave in event.payload.slots]
        elif isinstance(event, DialogueWavesReady):
            told += [(2, wave.slot_id) for wave in event.payload.commenters]
            told.append((3, event.payload.respondent.slot_id))
    return told


async def test_ac2_ac3_a_session_is_told_whole_and_in_order(show: System) -> None:
    """Six answers, six comments, the replies: one Turn 1 event, one event per dialogue."""
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        events = await touchdesigner.told(stream.session_id)
        await touchdesigner.nothing()
    stream.assert_in_order()
    assert [len(stream.of(SlotAudio, turn)) for turn in (1, 2)] == [6, 6]
    targets = {done.slot_id: done.target_slot_id for done in stream.of(SlotDone, 2)}
    repliers = sorted(set(targets.values()))
    assert sorted(done.slot_id for done in stream.of(SlotDone, 3)) == repliers
    turn1 = turn1_of(events)
    assert turn1.payload.status == "complete"
    assert [wave.slot_id for wave in turn1.payload.slots] == [1, 2, 3, 4, 5, 6]
    assert [event.seq for event in events] == list(range(1, len(repliers) + 2))
    for event, target in zip(events[1:], repliers, strict=True):
        assert isinstance(event, DialogueWavesReady)
        payload = event.payload
        commenters = sorted(slot for slot, chosen in targets.items() if chosen == target)
        assert payload.dialogue_id == f"turn23-slot{target}"
        assert payload.status == "complete"
        assert [wave.slot_id for wave in payload.commenters] == commenters
        assert payload.respondent.slot_id == target
        steps = [(step.role, step.slot_id) for step in payload.play_order]
        assert steps == [*[("commenter", slot) for slot in commenters], ("respondent", target)]
        assert payload.dialogue_count == len(repliers)
    texts = {(d.turn_index, d.slot_id): d.text for d in stream.of(SlotDone)}
    for event in events:
        for wave in waves_of(event):
            sound(wave.wave_mix_path_abs)
            assert Path(wave.speech_path_abs).is_file()
            assert wave.text in texts.values()


async def test_comments_and_replies_quote_what_was_really_said(show: System) -> None:
    """A comment's quote is a piece of its target's text; a reply quotes one of its comments."""
    stream = await visit(show)
    said = {(d.turn_index, d.slot_id): d for d in stream.of(SlotDone)}
    for comment in stream.of(SlotDone, 2):
        assert quotes(comment.text, [said[1, comment.target_slot_id].text])
    for reply in stream.of(SlotDone, 3):
        received = [c.text for c in stream.of(SlotDone, 2) if c.target_slot_id == reply.slot_id]
        assert quotes(reply.text, received)


def quotes(text: str, sources: list[str]) -> bool:
    pieces = [piece.split("\u201d")[0] for piece in text.split("\u201c")[1:]]
    return any(piece in source for piece in pieces for source in sources)


async def test_the_session_file_tells_everything(show: System) -> None:
    """After the last wave, session.json holds texts, paths and dialogues."""
    stream = await visit(show)

    document = await asyncio.to_thread(show.settled, stream.session_id)
    assert (document.state, document.message) == ("done", MESSAGE["message"])
    assert len(document.utterances) == len(stream.of(SlotAudio))
    for each in document.utterances:
        assert each.speech_path
        assert (show.artifacts / each.speech_path).is_file()
        assert isinstance(each.wave, WaveReady)
        assert (show.artifacts / each.wave.mix_path).is_file()
    assert len(document.dialogues) == len(stream.of(SlotDone, 3))
    assert not list(show.artifacts.rglob("*.tmp"))


async def test_one_broken_job_makes_turn1_partial_at_once(show: System) -> None:
    """The PRD's failure simulation: nobody waits for slot 4, and the workflow ends normally."""
    stage(show, **{"break": ["1:4"]})
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        turn1 = turn1_of(await touchdesigner.told(stream.session_id))
    stream.assert_in_order()
    assert stream.of(SlotError) == []
    assert turn1.payload.status == "partial"
    assert turn1.payload.missing_slot_ids == (4,)
    assert turn1.payload.slots_ready == 5
    assert [wave.slot_id for wave in turn1.payload.slots] == [1, 2, 3, 5, 6]


async def test_all_six_broken_is_one_empty_event(show: System) -> None:
    """With every Turn 1 job broken there is one event without slots, and then the dialogues."""
    stage(show, **{"break": ["1:*"]})
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        events = await touchdesigner.told(stream.session_id)
    turn1 = turn1_of(events)
    assert turn1.payload.slots == ()
    assert turn1.payload.missing_slot_ids == (1, 2, 3, 4, 5, 6)
    assert len(events) == 1 + len(stream.of(SlotDone, 3))


async def test_a_broken_respondent_drops_its_dialogue_and_no_other(show: System) -> None:
    """With the same seed and nothing remembered, the same slots reply; one of them is broken."""
    async with listening(show.events_url) as touchdesigner:
        before = await visit(show)
        await touchdesigner.told(before.session_id)
    request(show.chat_url, "POST", "/v1/reset")
    repliers = sorted(done.slot_id for done in before.of(SlotDone, 3))
    assert len(repliers) > 1
    stage(show, **{"break": [f"3:{repliers[0]}"]})
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        events = [await touchdesigner.session_event() for _ in repliers]
        await touchdesigner.nothing()
    assert [d.text for d in stream.of(SlotDone)] == [d.text for d in before.of(SlotDone)]
    told = [
        event.payload.target_slot_id for event in events if isinstance(event, DialogueWavesReady)
    ]
    assert told == repliers[1:]
    assert [event.seq for event in events] == list(range(1, len(repliers) + 1))


async def test_a_broken_commenter_is_left_out(show: System) -> None:
    """The dialogue comes, partial, without the commenter that has no wave-mix."""
    stage(show, **{"break": ["2:1"]})
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        events = await touchdesigner.told(stream.session_id)
    target = next(d.target_slot_id for d in stream.of(SlotDone, 2) if d.slot_id == 1)
    for event in events[1:]:
        assert isinstance(event, DialogueWavesReady)
        hit = event.payload.target_slot_id == target
        assert event.payload.status == ("partial" if hit else "complete")
        assert event.payload.missing_commenter_slot_ids == ((1,) if hit else ())


async def test_a_slot_without_a_voice_still_takes_part(show: System) -> None:
    """Its speech fails: slot.error, missing in the event, and it comments all the same."""
    stage(show, mute=["1:2"])
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        turn1 = turn1_of(await touchdesigner.told(stream.session_id))
    (error,) = stream.of(SlotError)
    assert (error.slot_id, error.error.type) == (2, "tts_error")
    assert turn1.payload.missing_slot_ids == (2,)
    assert 2 in {done.slot_id for done in stream.of(SlotDone, 2)}


async def test_a_single_slot_has_no_later_turns(show: System) -> None:
    """One Turn 1 event and nothing else."""
    body = {**MESSAGE, "slots": [{"slotId": 5, "agentId": "gemini-3"}]}
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show, body)
        event = await touchdesigner.session_event()
        await touchdesigner.nothing()
    assert isinstance(event, Turn1WavesReady)
    assert event.payload.slots_expected == 1
    assert event.payload.slots[0].agent_id == "gemini-3"
    assert [start.turn_index for start in stream.of(TurnStart)] == [1]
    assert stream.of(Done)[0].turns == 3


@pytest.mark.parametrize("state", ["stopped", "absent"])
async def test_ac4_the_stream_needs_no_gateway(show: System, state: str) -> None:
    """AC4: SSE is complete and in order with the gateway stopped or absent; then it catches up."""
    gateway = gateway_of(show)
    if state == "stopped":
        gateway.suspend()
    else:
        gateway.kill()
    try:
        stream = await visit(show)
    finally:
        if state == "stopped":
            gateway.resume()
        else:
            gateway.wait()
            show.processes[0] = show.gateway()
            show.processes.pop()
    stream.assert_in_order()
    assert len(stream.of(SlotAudio, 1)) == 6
    if state == "absent":
        async with listening(show.events_url) as touchdesigner:
            events = await touchdesigner.told(stream.session_id)
        assert turn1_of(events).payload.status == "complete"


async def test_a_visitor_who_leaves_does_not_end_the_session(show: System) -> None:
    """The session goes on without its listener, to its last dialogue."""
    async with listening(show.events_url) as touchdesigner:
        stream = await asyncio.to_thread(
            post, show.chat_url, MESSAGE, on_event=lambda event: not isinstance(event, SlotDone)
        )
        events = await touchdesigner.told(stream.session_id)
    assert turn1_of(events).payload.status == "complete"
    assert len(events) > 1


async def test_two_sessions_at_once_keep_apart(show: System) -> None:
    """Each has its own events in its own order."""
    async with listening(show.events_url) as touchdesigner:
        streams = await asyncio.gather(visit(show), visit(show))
        sessions = {stream.session_id: stream for stream in streams}
        events = await collected(touchdesigner, sessions)
    for session, stream in sessions.items():
        stream.assert_in_order()
        assert [event.seq for event in events[session]] == list(
            range(1, len(stream.of(SlotDone, 3)) + 2)
        )


async def collected(
    listener: Listener, sessions: dict[str, Stream]
) -> dict[str, list[SessionEvent]]:
    events: dict[str, list[SessionEvent]] = {session: [] for session in sessions}
    due = sum(1 + len(stream.of(SlotDone, 3)) for stream in sessions.values())
    while sum(map(len, events.values())) < due:
        event = await listener.session_event()
        if event.session_id in events:  # an earlier test may have left before its session's end
            events[event.session_id].append(event)
    return events


def test_the_event_loop_is_not_blocked(show: System) -> None:
    """No callback takes 50 ms of the processor, session after session."""
    log = show.processes[1].log
    assert log.count("session begun") >= 10
    assert [line for line in log.splitlines() if LONG_CALLBACK in line] == []
    assert "Traceback" not in log
