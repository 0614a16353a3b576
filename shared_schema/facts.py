"""What happened in a session: the facts that the chat backend's ledger keeps and the gateway joins.

A fact may arrive late, twice, or before the one it builds on. Each is therefore complete in itself,
and the state of a wave only ever grows: ready > failed > pending.

All are trees of immutable values, so none can be part of a cycle: ``gc=False`` spares the garbage
collector the hundreds of thousands that a busy gateway holds.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared_schema.ids import AgentId, SessionId, SlotId, TurnIndex, VoiceProfile
from shared_schema.layout import RelPath

Seconds = Annotated[float, Meta(ge=0)]
Milliseconds = Annotated[int, Meta(ge=0)]

# Where an utterance was lost. "stopped" means that the visitor or the machine ended the session.
Stage = Literal["model", "speech", "queue", "waves", "stopped"]


class WavePending(Struct, frozen=True, tag="pending", gc=False):
    """The job has not ended yet."""


class WaveReady(Struct, frozen=True, kw_only=True, tag="ready", gc=False):
    """The wave-mix lies in place, whole."""

    mix_path: RelPath
    audio_duration_ms: Milliseconds
    sample_rate_hz: int


class WaveFailed(Struct, frozen=True, kw_only=True, tag="failed", gc=False):
    """There will be no wave-mix."""

    stage: Stage
    message: str


WaveState = WavePending | WaveReady | WaveFailed


class Utterance(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One slot's part in one turn: what it said, where its speech lies, how its wave-mix stands.

    A slot whose model failed has no text, profile or speech; one whose speech failed has no speech.
    """

    turn_index: TurnIndex
    slot_id: SlotId
    agent_id: AgentId
    wave: WaveState
    voice_profile: VoiceProfile | None = None
    text: str = ""
    speech_path: RelPath | None = None
    target_slot_id: SlotId | None = None

    @property
    def state(self) -> Literal["pending", "ready", "failed"]:
        """How its wave-mix stands, in one word."""
        if isinstance(self.wave, WaveReady):
            return "ready"
        return "failed" if isinstance(self.wave, WaveFailed) else "pending"

    @property
    def mix_path(self) -> str | None:
        """Where its wave-mix lies, relative to the artifacts folder, once it is ready."""
        return self.wave.mix_path if isinstance(self.wave, WaveReady) else None

    @property
    def problem(self) -> str | None:
        """Where and why it was lost, if it was."""
        if isinstance(self.wave, WaveFailed):
            return f"{self.wave.stage}: {self.wave.message}"
        return None


class SlotAgent(Struct, frozen=True, kw_only=True, gc=False):
    """Which agent sits in a slot."""

    slot_id: SlotId
    agent_id: AgentId


class Dialogue(Struct, frozen=True, gc=False, kw_only=True):
    """A respondent (turn 3) and those who commented on it (turn 2), in increasing slot id."""

    target_slot_id: SlotId
    commenter_slot_ids: tuple[SlotId, ...]

    @property
    def dialogue_id(self) -> str:
        """The PRD's name of the dialogue, unique within its session."""
        return f"turn23-slot{self.target_slot_id}"


class SessionBegun(Struct, frozen=True, gc=False, kw_only=True, tag="session_begun"):
    """A visitor's message came in for these slots."""

    session_id: SessionId
    slots: tuple[SlotAgent, ...]


class UtteranceReported(Struct, frozen=True, gc=False, kw_only=True, tag="utterance"):
    """An utterance was made, lost, or its wave job ended."""

    session_id: SessionId
    utterance: Utterance


class Turn1Complete(Struct, frozen=True, gc=False, kw_only=True, tag="turn1_complete"):
    """Turn 1 is over: all its utterances as they stand, and how long ago it ended (seconds)."""

    session_id: SessionId
    slots: tuple[SlotAgent, ...]
    utterances: tuple[Utterance, ...]
    age_s: Seconds


class Turn3Complete(Struct, frozen=True, gc=False, kw_only=True, tag="turn3_complete"):
    """The session is over: every utterance as it stands, and the dialogues that exist.

    It comes once for every session that did not die with its process, also when it was stopped or
    had no Turn 3; then there are no dialogues.
    """

    session_id: SessionId
    slots: tuple[SlotAgent, ...]
    utterances: tuple[Utterance, ...]
    dialogues: tuple[Dialogue, ...]
    age_s: Seconds


Fact = SessionBegun | UtteranceReported | Turn1Complete | Turn3Complete


_RANK: dict[type, int] = {WavePending: 0, WaveFailed: 1, WaveReady: 2}


def joined(one: Utterance | None, other: Utterance) -> Utterance:
    """Return what both together say of an utterance: the one whose wave knows more."""
    if one is None or _RANK[type(other.wave)] > _RANK[type(one.wave)]:
        return other
    return one
