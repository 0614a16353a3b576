"""A session's record becomes its ``session.json``."""

from pathlib import Path

from chat_backend.facts.ledger import Record
from chat_backend.providers.usage import ProviderUsage
from shared_schema.facts import Utterance, WaveReady
from shared_schema.ids import KIND_OF_TURN
from shared_schema.layout import moved_into_place
from shared_schema.session_document import (
    DialogueEntry,
    SessionDocument,
    SlotEntry,
    State,
    UtteranceEntry,
    encode_document,
)


def entry(utterance: Utterance) -> UtteranceEntry:
    """Return what the file says of an utterance."""
    wave = utterance.wave
    return UtteranceEntry(
        turn_index=utterance.turn_index,
        kind=KIND_OF_TURN[utterance.turn_index],
        slot_id=utterance.slot_id,
        agent_id=utterance.agent_id,
        text=utterance.text,
        state=utterance.state,
        voice_profile=utterance.voice_profile,
        target_slot_id=utterance.target_slot_id,
        speech_path=utterance.speech_path,
        wave_mix_path=utterance.mix_path,
        duration_ms=wave.audio_duration_ms if isinstance(wave, WaveReady) else None,
        error=utterance.problem,
    )


def document(
    record: Record,
    *,
    message: str,
    seed: int,
    started_at: str,
    stopped: bool,
    usage: list[ProviderUsage],
) -> SessionDocument:
    """Return the file's content as the session stands now."""
    state: State = "running" if record.turn3_at is None else "stopped" if stopped else "done"
    return SessionDocument(
        session_id=record.begun.session_id,
        started_at=started_at,
        state=state,
        message=message,
        seed=seed,
        slots=tuple(SlotEntry.of(slot) for slot in record.begun.slots),
        utterances=tuple(entry(utterance) for utterance in record.of_turns(1, 2, 3)),
        dialogues=tuple(DialogueEntry.of(dialogue) for dialogue in record.dialogues),
        usage=tuple(usage),
    )


def write(path: Path, content: SessionDocument) -> None:
    """Write the file, whole or not at all. Blocks; raises OSError."""
    with moved_into_place(path) as partial:
        partial.write_bytes(encode_document(content))
