"""``session.json``: the words of a session, who spoke them, and where the files are.

The chat backend writes it; the commands, the pages and a rehearsal read it.
"""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from shared_schema.decoding import CamelStruct, InvalidMessage, decode
from shared_schema.facts import (
    Dialogue,
    Milliseconds,
    SlotAgent,
    Stage,
    Utterance,
    WaveFailed,
    WavePending,
    WaveReady,
    WaveState,
)
from shared_schema.ids import AgentId, SessionId, SlotId, TurnIndex, VoiceProfile
from shared_schema.layout import RelPath

FORMAT_VERSION: Final = 2
# What every wave-mix of format 1 has; the file did not record it.
_FORMAT_1_SAMPLE_RATE_HZ: Final = 8000

State = Literal["running", "done", "stopped"]


class SessionDocument(CamelStruct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole file. `state` is ``running`` until the session is complete.

    `usage` has a row a provider, as the chat backend counted it.
    """

    format: Literal[2]
    session_id: SessionId
    started_at: str
    state: State
    message: str
    seed: int
    slots: tuple[SlotAgent, ...]
    utterances: tuple[Utterance, ...]
    dialogues: tuple[Dialogue, ...]
    usage: tuple[Any, ...] = ()

    @property
    def settled(self) -> bool:
        """Return whether the session is over and no wave job is under way."""
        return self.state != "running" and all(each.state != "pending" for each in self.utterances)


class _Utterance1(CamelStruct, frozen=True, kw_only=True):
    """An utterance as format 1 has it."""

    turn_index: TurnIndex
    slot_id: SlotId
    agent_id: AgentId
    text: str
    state: Literal["pending", "ready", "failed"]
    voice_profile: VoiceProfile | None = None
    target_slot_id: SlotId | None = None
    speech_path: RelPath | None = None
    wave_mix_path: RelPath | None = None
    duration_ms: Milliseconds | None = None
    error: str | None = None

    def upgraded(self) -> Utterance:
        """Return it as format 2 has it."""
        return Utterance(
            turn_index=self.turn_index,
            slot_id=self.slot_id,
            agent_id=self.agent_id,
            voice_profile=self.voice_profile,
            text=self.text,
            target_slot_id=self.target_slot_id,
            speech_path=self.speech_path,
            wave=self._wave(),
        )

    def _wave(self) -> WaveState:
        if self.state == "pending":
            return WavePending()
        if self.state == "ready" and self.wave_mix_path is not None:
            return WaveReady(
                mix_path=self.wave_mix_path,
                audio_duration_ms=self.duration_ms or 0,
                sample_rate_hz=_FORMAT_1_SAMPLE_RATE_HZ,
            )
        stage, _, message = (self.error or "").partition(": ")
        try:
            return WaveFailed(stage=msgspec.convert(stage, Stage), message=message)
        except msgspec.ValidationError:
            return WaveFailed(stage="waves", message=self.error or "no reason was recorded")


class _Document1(CamelStruct, frozen=True, kw_only=True):
    """The file of version 0.1.0."""

    format: Literal[1]
    session_id: SessionId
    started_at: str
    state: State
    message: str
    seed: int
    slots: tuple[SlotAgent, ...]
    utterances: tuple[_Utterance1, ...]
    dialogues: tuple[Dialogue, ...]
    usage: tuple[Any, ...] = ()

    def upgraded(self) -> SessionDocument:
        """Return it as format 2 has it."""
        return SessionDocument(
            format=FORMAT_VERSION,
            session_id=self.session_id,
            started_at=self.started_at,
            state=self.state,
            message=self.message,
            seed=self.seed,
            slots=self.slots,
            utterances=tuple(each.upgraded() for each in self.utterances),
            dialogues=self.dialogues,
            usage=self.usage,
        )


class _AnyFormat(CamelStruct, frozen=True):
    format: int


_format_decoder = msgspec.json.Decoder(_AnyFormat)
_decoder = msgspec.json.Decoder(SessionDocument)
_decoder_1 = msgspec.json.Decoder(_Document1)


def encode_document(document: SessionDocument) -> bytes:
    """Return the file's bytes, for people too."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def decode_document(content: bytes) -> SessionDocument:
    """Return the document in a file's bytes, whichever format it has.

    Raises
    ------
    InvalidMessage
        Naming the field, or the format if it is one of a newer version.
    """
    match decode(_format_decoder, content).format:
        case 1:
            return decode(_decoder_1, content).upgraded()
        case 2:
            return decode(_decoder, content)
        case newer:
            raise InvalidMessage(f"format {newer}; this version reads 1 and 2", field="format")


def read_document(path: Path) -> SessionDocument | None:
    """Return the document at `path`; None if there is none, or none that can be understood."""
    try:
        return decode_document(path.read_bytes())
    except (OSError, InvalidMessage):
        return None
