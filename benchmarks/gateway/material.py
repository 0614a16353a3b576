"""Sessions and messages for measuring."""

import uuid

from shared_schema.bus import WavesFinished
from shared_schema.jobs import DecomposeJob, DecomposeResult, WavesJobResult
from tests.sessions import Truth
from tests.system.client import Backend

SENTENCE = (
    "The tide has no opinion of the harbour, and still it comes back to look at it twice a day. "
)


def one_slot() -> Truth:
    """Return a session with one slot, whose Turn 1 is due with a single completion."""
    return Truth(
        session_id=str(uuid.uuid4()),
        slots=(1,),
        targets={},
        replied=(),
        ready=frozenset({(1, 1)}),
    )


def six_slots() -> Truth:
    """Return a session with 18 utterances: six slots, each commented on and replying."""
    slots = (1, 2, 3, 4, 5, 6)
    targets = {slot: slot % 6 + 1 for slot in slots}
    parts = [(turn, slot) for turn in (1, 2, 3) for slot in slots]
    return Truth(
        session_id=str(uuid.uuid4()),
        slots=slots,
        targets=targets,
        replied=slots,
        ready=frozenset(parts),
    )


def completed(truth: Truth, text: str, *, epoch: str, slot: int = 1) -> WavesFinished:
    """Return a worker's completion of a Turn 1 job with this text."""
    utterance = truth.utterance(1, slot)
    assert utterance.voice_profile is not None
    assert utterance.speech_path is not None
    return WavesFinished(
        epoch=epoch,
        result=WavesJobResult(
            job=DecomposeJob(
                session_id=truth.session_id,
                turn_index=1,
                slot_id=slot,
                agent_id=utterance.agent_id,
                voice_profile=utterance.voice_profile,
                text=text,
                input_path=utterance.speech_path,
            ),
            result=DecomposeResult(
                success=True,
                duration_ms=10.0,
                wave_mix_path=utterance.mix_path,
                audio_duration_ms=2001,
                sample_rate_hz=8000,
            ),
        ),
    )


def half_told(it: Backend, number: int) -> None:
    """Tell a session with 18 utterances that stays open: its waves are pending."""
    truth = six_slots()
    it.events.begin_session(truth.session_id, slots=truth.begun().slots)
    for part in truth.parts():
        it.events.utterance(truth.session_id, truth.utterance(*part, ended=False))
