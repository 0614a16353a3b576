"""The live sessions as a person or a page wants to see them."""

from msgspec import Struct

from event_gateway.core.readiness import Session
from shared_schema.facts import Utterance
from shared_schema.ids import TurnIndex


class _Wire(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Python's names inside, camelCase on the wire."""


class UtteranceView(_Wire, frozen=True, kw_only=True):
    """One cell of the grid of slots by turns."""

    turn_index: TurnIndex
    slot_id: int
    agent_id: str
    state: str
    text: str = ""
    target_slot_id: int | None = None
    error: str = ""
    wave_mix_path_rel: str | None = None
    speech_path_rel: str | None = None


class DialogueView(_Wire, frozen=True, kw_only=True):
    """A dialogue that exists, and the slots (of turns 2 and 3) it waits for."""

    dialogue_id: str
    target_slot_id: int
    commenter_slot_ids: tuple[int, ...]
    decided: bool
    waits_for: tuple[str, ...] = ()


class SessionView(_Wire, frozen=True, kw_only=True):
    """One live session."""

    session_id: str
    age_s: float
    slot_ids: tuple[int, ...]
    turn1_complete: bool
    turn1_decided: bool
    turn3_complete: bool
    utterances: tuple[UtteranceView, ...]
    dialogues: tuple[DialogueView, ...]


def view(session: Session, now: float) -> SessionView:
    """Return what can be seen of a session at `now` (the clock of the readiness machine)."""
    return SessionView(
        session_id=session.session_id,
        age_s=round(now - session.born_at, 3),
        slot_ids=session.slot_ids,
        turn1_complete=session.turn1_at is not None,
        turn1_decided=session.turn1_decided,
        turn3_complete=session.dialogues is not None,
        utterances=tuple(_utterance(utterance) for utterance in session.utterances),
        dialogues=tuple(
            DialogueView(
                dialogue_id=dialogue.dialogue_id,
                target_slot_id=dialogue.target_slot_id,
                commenter_slot_ids=dialogue.commenter_slot_ids,
                decided=dialogue.dialogue_id in session.decided,
                waits_for=tuple(
                    f"turn {turn} slot {slot}"
                    for turn, slot in session.needs(dialogue)
                    if not session.resolved(turn, slot)
                ),
            )
            for dialogue in session.dialogues or ()
        ),
    )


def _utterance(utterance: Utterance) -> UtteranceView:
    return UtteranceView(
        turn_index=utterance.turn_index,
        slot_id=utterance.slot_id,
        agent_id=utterance.agent_id,
        state=utterance.state,
        text=utterance.text,
        target_slot_id=utterance.target_slot_id,
        error=utterance.problem or "",
        wave_mix_path_rel=utterance.mix_path,
        speech_path_rel=utterance.speech_path,
    )
