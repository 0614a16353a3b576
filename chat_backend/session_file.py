"""``session.json``: what was said, by whom, and where the files are."""

from pathlib import Path

import msgspec
from msgspec import Struct

from chat_backend.ledger import Record
from chat_backend.providers.usage import ProviderUsage
from shared_schema.facts import Utterance, WaveReady
from shared_schema.files import moved_into_place
from shared_schema.ids import KIND_OF_TURN, Kind, TurnIndex

FORMAT_VERSION = 1


class _Wire(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Python's names inside, camelCase in the file."""


class UtteranceEntry(_Wire, frozen=True, kw_only=True):
    """One utterance. Paths are relative to the artifacts folder."""

    turn_index: TurnIndex
    kind: Kind
    slot_id: int
    agent_id: str
    text: str
    state: str
    voice_profile: str | None = None
    target_slot_id: int | None = None
    speech_path: str | None = None
    wave_mix_path: str | None = None
    duration_ms: int | None = None
    error: str | None = None


class SessionDocument(_Wire, frozen=True, kw_only=True):
    """The whole file. `state` is ``running`` until Turn 3 is over, then ``done`` or ``stopped``."""

    format: int = FORMAT_VERSION
    session_id: str
    started_at: str
    state: str
    message: str
    seed: int
    slots: list[dict[str, object]]
    utterances: list[UtteranceEntry]
    dialogues: list[dict[str, object]]
    usage: list[ProviderUsage] = []


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
    state = "running" if record.turn3_at is None else "stopped" if stopped else "done"
    return SessionDocument(
        session_id=record.begun.session_id,
        started_at=started_at,
        state=state,
        message=message,
        seed=seed,
        slots=[{"slotId": slot.slot_id, "agentId": slot.agent_id} for slot in record.begun.slots],
        utterances=[entry(utterance) for utterance in record.of_turns(1, 2, 3)],
        dialogues=[
            {
                "dialogueId": dialogue.dialogue_id,
                "targetSlotId": dialogue.target_slot_id,
                "commenterSlotIds": list(dialogue.commenter_slot_ids),
            }
            for dialogue in record.dialogues
        ],
        usage=usage,
    )


def write(path: Path, content: SessionDocument) -> None:
    """Write the file, whole or not at all. Blocks; raises OSError."""
    with moved_into_place(path) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2))
