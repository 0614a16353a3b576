"""Sessions and messages for measuring."""

import time
import uuid
from pathlib import Path

from chat_backend.facts.ledger import Ledger
from event_gateway.core.decisions import Decision, Turn1Due
from event_gateway.rendering import Renderer
from shared_schema.bus import FactPublished
from shared_schema.events import (
    Turn1Payload,
    Turn1WavesReady,
    WaveReference,
    encode_event,
)
from shared_schema.facts import WaveReady
from shared_schema.ids import timestamp
from shared_schema.layout import Artifacts
from tests.support.client import Backend
from tests.support.sessions import Truth

EPOCH = "bench"
_SHOW = Renderer(Artifacts(Path("/show/artifacts")))
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


def begun(it: Backend) -> Truth:
    """Begin a session with one slot, its file in place, and return it."""
    truth = one_slot()
    it.write(truth)
    it.events.begin_session(truth.session_id, slots=truth.begun().slots)
    return truth


def new_ledger() -> Ledger:
    """Return one that knows nothing yet."""
    return Ledger(epoch=EPOCH, keep_s=0.0)


def half_told_facts(truth: Truth, ledger: Ledger) -> list[FactPublished]:
    """Return the facts of a session that stays open: all is said, and every wave pending."""
    facts: list[FactPublished | None] = [ledger.begin(truth.session_id, truth.begun().slots)]
    for part in truth.parts():
        utterance = truth.utterance(*part, ended=False)
        facts.append(ledger.utterance(truth.session_id, utterance, 0.0))
    return [fact for fact in facts if fact is not None]


def ready_facts(truth: Truth, ledger: Ledger) -> list[FactPublished]:
    """Return the facts of a session with all waves ready but one of Turn 1, so nothing is due."""
    facts = half_told_facts(truth, ledger)
    for part in truth.parts()[1:]:
        fact = ledger.utterance(truth.session_id, truth.utterance(*part), 0.0)
        assert fact is not None
        facts.append(fact)
    return facts


def half_told(it: Backend) -> None:
    """Let a backend tell such a session."""
    truth = six_slots()
    it.events.begin_session(truth.session_id, slots=truth.begun().slots)
    for part in truth.parts():
        it.events.utterance(truth.session_id, truth.utterance(*part, ended=False))


def rendered(decision: Decision) -> str:
    """Return the text frame of a decision, files unchecked and nothing recorded."""
    assert isinstance(decision, Turn1Due)
    (utterance,) = decision.ready
    assert isinstance(utterance.wave, WaveReady)
    assert utterance.voice_profile is not None
    wave = WaveReference(
        slot_id=utterance.slot_id,
        agent_id=utterance.agent_id,
        voice_profile=utterance.voice_profile,
        wave_mix_path_abs=f"/show/artifacts/{utterance.wave.mix_path}",
        wave_mix_path_rel=utterance.wave.mix_path,
        duration_ms=utterance.wave.audio_duration_ms,
        sample_rate_hz=utterance.wave.sample_rate_hz,
        text=utterance.text,
        speech_path_abs=f"/show/artifacts/{utterance.speech_path}",
        **_SHOW.wave_fields(utterance.slot_id, utterance.wave.mix_path, utterance.wave.places),
    )
    payload = Turn1Payload(
        status="complete",
        slots_expected=1,
        slots_ready=1,
        slots=(wave,),
        missing_slot_ids=(),
    )
    return encode_event(
        Turn1WavesReady(
            session_id=decision.session_id, seq=1, ts=timestamp(time.time()), payload=payload
        )
    )
