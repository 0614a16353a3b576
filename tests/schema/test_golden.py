"""The bytes of every message and event, as they were agreed; a change here breaks somebody."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from shared_schema import bus, chat, events
from shared_schema.facts import (
    DecomposeResult,
    Fact,
    SummaryJobResult,
    UtteranceReported,
    WaveFailed,
    WavesJobResult,
)
from tests.support.sessions import session_id, utterance, whole, with_additions

GOLDEN = Path(__file__).parent.parent / "golden"
SESSION = session_id()


MADE = WavesJobResult(
    session_id=SESSION,
    result=DecomposeResult(
        utterance=utterance(SESSION, 2, 1, target=3),
        duration_ms=12.5,
        rmse=0.25,
        envelope_correlation=0.991,
        level_error_db=0.5,
        real_time_factor=0.005,
    ),
)
FAILED = WavesJobResult(
    session_id=SESSION,
    result=DecomposeResult(
        utterance=utterance(SESSION, 2, 1, ready=False, target=3), duration_ms=1.0
    ),
)
LOST = msgspec.structs.replace(
    utterance(SESSION, 1, 4), wave=WaveFailed(stage="model", message="took too long")
)

MORE = with_additions(whole())
SUMMARY, MOOD = MORE.summary(), MORE.sentiment_fact(age_s=0.5)
assert SUMMARY is not None
assert MOOD is not None
SUMMARISED = SummaryJobResult(session_id=SESSION, summary=SUMMARY, duration_ms=20.5)

MESSAGES: dict[str, bus.Message] = {
    "fact_session_begun": bus.FactPublished(epoch="life", n=1, fact=whole().begun()),
    "fact_utterance": bus.FactPublished(
        epoch="life",
        n=2,
        fact=UtteranceReported(session_id=SESSION, utterance=LOST),
    ),
    "fact_turn1_complete": bus.FactPublished(epoch="life", n=3, fact=whole().turn1(age_s=1.5)),
    "fact_turn3_complete": bus.FactPublished(epoch="life", n=4, fact=whole().turn3(age_s=2.5)),
    "heartbeat": bus.Heartbeat(epoch="life", n=4, artifacts_dir="/show/artifacts"),
    "fact_session_complete": bus.FactPublished(epoch="life", n=5, fact=whole().complete(age_s=2.5)),
    "fact_sentiment": bus.FactPublished(epoch="life", n=2, fact=MOOD),
    "fact_summary": bus.FactPublished(epoch="life", n=5, fact=MORE.summary_fact(ended=False)[0]),
    "fact_session_complete_with_summary": bus.FactPublished(
        epoch="life", n=6, fact=MORE.complete(age_s=2.5)
    ),
    "summary_finished": bus.SummaryFinished(epoch="life", result=SUMMARISED),
    "waves_finished": bus.WavesFinished(epoch="life", result=MADE),
    "waves_failed": bus.WavesFinished(epoch="life", result=FAILED),
    "snapshot_begin": bus.SnapshotBegin(epoch="life", n=4),
    "snapshot_session": whole().snapshot(age_s=3.0),
    "snapshot_session_with_additions": MORE.snapshot(age_s=3.0),
    "snapshot_end": bus.SnapshotEnd(epoch="life", count=1),
}

# As it was before references had the single waves, and is for files of that time.
WITHOUT_WAVES = events.WaveReference(
    slot_id=1,
    agent_id="gpt-5.1",
    voice_profile="calm_soothing",
    wave_mix_path_abs="/show/artifacts/waves/x_v3_wave_mix.wav",
    wave_mix_path_rel="waves/x_v3_wave_mix.wav",
    duration_ms=2001,
    sample_rate_hz=8000,
    text="The sea keeps every footprint.",
    speech_path_abs="/show/artifacts/tts/x.wav",
)
WAVE = msgspec.structs.replace(
    WITHOUT_WAVES,
    wave1_path_abs="/show/artifacts/waves/x_v3_wave1.wav",
    wave1_path_rel="waves/x_v3_wave1.wav",
    wave1_target_slot_id=1,
    wave2_path_abs="/show/artifacts/waves/x_v3_wave2.wav",
    wave2_path_rel="waves/x_v3_wave2.wav",
    wave2_target_slot_id=2,
    wave3_path_abs="/show/artifacts/waves/x_v3_wave3.wav",
    wave3_path_rel="waves/x_v3_wave3.wav",
    wave3_target_slot_id=None,
)

EVENTS: dict[str, events.ServerEvent] = {
    "turn1_waves_ready": events.Turn1WavesReady(
        session_id=SESSION,
        seq=1,
        ts="2026-11-24T12:00:00.000Z",
        payload=events.Turn1Payload(
            status="partial",
            slots_expected=2,
            slots_ready=1,
            slots=(WAVE,),
            missing_slot_ids=(6,),
        ),
    ),
    "turn1_waves_ready_without_waves": events.Turn1WavesReady(
        session_id=SESSION,
        seq=1,
        ts="2026-11-24T12:00:00.000Z",
        payload=events.Turn1Payload(
            status="partial",
            slots_expected=2,
            slots_ready=1,
            slots=(WITHOUT_WAVES,),
            missing_slot_ids=(6,),
        ),
    ),
    "dialogue_waves_ready": events.DialogueWavesReady(
        session_id=SESSION,
        seq=2,
        ts="2026-11-24T12:00:01.000Z",
        payload=events.DialoguePayload(
            dialogue_id="turn23-slot2",
            target_slot_id=2,
            status="complete",
            commenters=(WAVE,),
            respondent=msgspec.structs.replace(WAVE, slot_id=2),
            play_order=(
                events.PlayStep(role="commenter", slot_id=1),
                events.PlayStep(role="respondent", slot_id=2),
            ),
            missing_commenter_slot_ids=(),
            dialogue_count=1,
        ),
    ),
    "user_sentiment": events.UserSentiment(
        session_id=SESSION,
        seq=1,
        ts="2026-11-24T12:00:00.000Z",
        payload=events.SentimentPayload(sentiment="negative", justification="It sounds heavy."),
    ),
    "final_summary_ready": events.FinalSummaryReady(
        session_id=SESSION,
        seq=4,
        ts="2026-11-24T12:00:02.000Z",
        payload=events.SummaryPayload(
            status="complete",
            text="What remained.",
            wave_info=events.WaveInfo(
                voice_profile="calm_soothing",
                waves=(
                    events.SummaryWave(
                        slot_id=1,
                        wave_path_abs="/show/artifacts/waves/s_v3_wave1.wav",
                        wave_path_rel="waves/s_v3_wave1.wav",
                        duration_ms=4000,
                    ),
                ),
            ),
        ),
    ),
    "final_summary_failed": events.FinalSummaryReady(
        session_id=SESSION,
        seq=4,
        ts="2026-11-24T12:00:02.000Z",
        payload=events.SummaryPayload(status="failed", text="What remained.", wave_info=None),
    ),
    "hello_ack": events.HelloAck(),
    "hello_ack_after_resume": events.HelloAck(replay_count=3, unknown_sessions=("x",)),
    "session_replaced": events.SessionReplaced(message="another client took this place over"),
    "session_stopped": events.SessionStopped(session_id=SESSION),
    "hush": events.Hush(on=True),
    "error": events.ErrorEvent(code="invalid", message="Expected `str`", field="client"),
}

CHAT: dict[str, chat.ChatEvent] = {
    "chat_turn_start": chat.TurnStart(session_id=SESSION, turn_index=1),
    "chat_slot_start": chat.SlotStart(
        session_id=SESSION, turn_index=2, kind="comment", slot_id=1, agent_id="gpt-4o"
    ),
    "chat_slot_done": chat.SlotDone(
        session_id=SESSION,
        turn_index=2,
        kind="comment",
        slot_id=1,
        agent_id="gpt-4o",
        text="Indeed.",
        voice_profile="calm_soothing",
        target_slot_id=3,
    ),
    "chat_slot_audio": chat.SlotAudio(
        session_id=SESSION,
        turn_index=1,
        kind="response",
        slot_id=1,
        agent_id="gpt-4o",
        voice_profile="calm_soothing",
        audio_format="wav",
        audio_path="tts/x.wav",
    ),
    "chat_slot_error": chat.SlotError(
        session_id=SESSION,
        turn_index=1,
        kind="response",
        slot_id=1,
        agent_id="gpt-4o",
        error=chat.SlotProblem(type="timeout", message="took longer than 60 s"),
    ),
    "chat_turn_done": chat.TurnDone(session_id=SESSION, turn_index=1, slot_count=6),
    "chat_user_sentiment": chat.UserSentiment(session_id=SESSION, sentiment="negative"),
    "chat_summary_start": chat.SlotStart(
        session_id=SESSION, turn_index=4, kind="summary", slot_id=0, agent_id="summary"
    ),
    "chat_done": chat.Done(session_id=SESSION, completed_slots=6, turns=3),
}


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")


@pytest.mark.parametrize("name", MESSAGES)
def test_bus_messages_keep_their_bytes(name: str) -> None:
    """What the bus carries is what it carried, and is read back the same."""
    message = MESSAGES[name]
    assert bus.encode_message(message) == golden(name)
    assert bus.decode_message(golden(name)) == message


@pytest.mark.parametrize("name", EVENTS)
def test_events_keep_their_bytes(name: str) -> None:
    """What TouchDesigner gets is what it got, and is read back the same."""
    event = EVENTS[name]
    assert events.encode_event(event).encode() == golden(name)
    assert events.decode_server_event(golden(name)) == event


@pytest.mark.parametrize("name", CHAT)
def test_chat_events_keep_their_bytes(name: str) -> None:
    """What the frontend parses is what it parsed, and is read back the same."""
    event = CHAT[name]
    assert chat.encode_chat_event(event).encode() == golden(name)
    assert chat.decode_chat_event(chat.EVENT_NAMES[type(event)], golden(name)) == event


def test_every_type_has_its_golden_bytes() -> None:
    """Nothing that is sent is missing above, and no file is left over."""
    kinds: set[type] = {
        *get_args(bus.Message),
        *get_args(events.ServerEvent),
        *chat.EVENT_NAMES,
        *get_args(Fact),
    }
    shown: set[type] = {
        type(each) for each in [*MESSAGES.values(), *EVENTS.values(), *CHAT.values()]
    }
    shown |= {type(each.fact) for each in MESSAGES.values() if isinstance(each, bus.FactPublished)}
    assert shown == kinds
    files = {path.stem for path in GOLDEN.glob("*.json")}
    assert files == {*MESSAGES, *EVENTS, *CHAT}


def test_the_envelope_has_exactly_its_five_fields() -> None:
    """type, sessionId, seq, ts, payload: the PRD's, in its order."""
    envelope = msgspec.json.decode(golden("turn1_waves_ready"))
    assert list(envelope) == ["type", "sessionId", "seq", "ts", "payload"]
