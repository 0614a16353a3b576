"""``session.json``: what was said in a session, by whom, and where the files are.

The chat backend writes it; the commands, the pages and a rehearsal read it.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from shared_schema.decoding import InvalidMessage, decode
from shared_schema.facts import Dialogue, Milliseconds, SlotAgent
from shared_schema.ids import AgentId, Kind, SessionId, SlotId, TurnIndex, VoiceProfile
from shared_schema.layout import RelPath

FORMAT_VERSION = 1

State = Literal["running", "done", "stopped"]


class _Wire(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Python's names inside, camelCase in the file."""


class UtteranceEntry(_Wire, frozen=True, kw_only=True):
    """One utterance. Paths are relative to the artifacts folder."""

    turn_index: TurnIndex
    kind: Kind
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


class SlotEntry(_Wire, frozen=True, kw_only=True):
    """Which agent sat in a slot."""

    slot_id: SlotId
    agent_id: AgentId

    @classmethod
    def of(cls, slot: SlotAgent) -> "SlotEntry":
        """Return what the file says of a slot."""
        return cls(slot_id=slot.slot_id, agent_id=slot.agent_id)


class DialogueEntry(_Wire, frozen=True, kw_only=True):
    """Who commented on whom."""

    dialogue_id: str
    target_slot_id: SlotId
    commenter_slot_ids: tuple[SlotId, ...]

    @classmethod
    def of(cls, dialogue: Dialogue) -> "DialogueEntry":
        """Return what the file says of a dialogue."""
        return cls(
            dialogue_id=dialogue.dialogue_id,
            target_slot_id=dialogue.target_slot_id,
            commenter_slot_ids=dialogue.commenter_slot_ids,
        )


class SessionDocument(_Wire, frozen=True, kw_only=True):
    """The whole file. `state` is ``running`` until Turn 3 is over, then ``done`` or ``stopped``.

    `usage` has a row a provider, as the chat backend counted it.
    """

    format: int = FORMAT_VERSION
    session_id: SessionId
    started_at: str
    state: State
    message: str
    seed: int
    slots: tuple[SlotEntry, ...]
    utterances: tuple[UtteranceEntry, ...]
    dialogues: tuple[DialogueEntry, ...]
    usage: tuple[Any, ...] = ()

    @property
    def settled(self) -> bool:
        """Return whether the session is over and no wave job is under way."""
        return self.state != "running" and all(each.state != "pending" for each in self.utterances)


_decoder = msgspec.json.Decoder(SessionDocument)


def encode_document(document: SessionDocument) -> bytes:
    """Return the file's bytes, for people too."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def read_document(path: Path) -> SessionDocument | None:
    """Return the document at `path`; None if there is none, or none that can be understood."""
    try:
        return decode(_decoder, path.read_bytes())
    except (OSError, InvalidMessage):
        return None
