"""Turns decisions into events: relative paths become absolute ones of this machine."""

import os
from collections.abc import Iterable

from msgspec import structs

from event_gateway.core.decisions import (
    Decision,
    DialogueDropped,
    DialogueDue,
    SessionClosed,
    Turn1Due,
)
from event_gateway.outbox import Entry, RowStatus
from shared_schema.events import (
    DialoguePayload,
    DialogueWavesReady,
    PlayStep,
    SessionEvent,
    Turn1Payload,
    Turn1WavesReady,
    WaveReference,
    encode_event,
)
from shared_schema.facts import Utterance, WaveReady
from shared_schema.foreign_text import without_controls
from shared_schema.layout import Artifacts


class Renderer:
    """Turns decisions into outbox entries, for the artifacts folder of this machine."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    def entry(self, decision: Decision, ts: str) -> Entry:
        """Return the entry for a decision made at `ts`.

        An utterance whose wave-mix is not in this machine's artifacts folder (the two processes
        disagree about it, or the file was deleted) counts as missing.
        """
        match decision:
            case Turn1Due():
                return self._turn1(decision, ts)
            case DialogueDue():
                return self._dialogue(decision, ts)
            case DialogueDropped():
                return _unsent(decision, "dropped")
            case SessionClosed():
                return _unsent(decision, "closed")

    def _turn1(self, decision: Turn1Due, ts: str) -> Entry:
        slots, lost = self._references(decision.ready)
        missing = tuple(sorted((*decision.missing_slot_ids, *lost)))
        payload = Turn1Payload(
            status="partial" if missing else "complete",
            slots_expected=decision.slots_expected,
            slots_ready=len(slots),
            slots=slots,
            missing_slot_ids=missing,
        )

        event = Turn1WavesReady(session_id=decision.session_id, seq=0, ts=ts, payload=payload)
        return _produced(decision, event)

    def _dialogue(self, decision: DialogueDue, ts: str) -> Entry:
        commenters, lost = self._references(decision.commenters)
        respondent = self._reference(decision.respondent)
        if respondent is None:
            return _unsent(decision, "dropped")
        missing = tuple(sorted((*decision.missing_commenter_slot_ids, *lost)))
        steps = [PlayStep(role="commenter", slot_id=wave.slot_id) for wave in commenters]
        payload = DialoguePayload(
            dialogue_id=decision.dialogue.dialogue_id,
            target_slot_id=decision.dialogue.target_slot_id,
            status="partial" if missing else "complete",
            commenters=commenters,
            respondent=respondent,
            play_order=(*steps, PlayStep(role="respondent", slot_id=respondent.slot_id)),
            missing_commenter_slot_ids=missing,
            dialogue_count=decision.dialogue_count,
        )

        event = DialogueWavesReady(session_id=decision.session_id, seq=0, ts=ts, payload=payload)
        return _produced(decision, event)

    def _references(
        self, utterances: Iterable[Utterance]
    ) -> tuple[tuple[WaveReference, ...], list[int]]:
        """Return the references that can be played, and the slots of those that cannot."""
        found = {each.slot_id: self._reference(each) for each in utterances}
        playable = tuple(each for each in found.values() if each is not None)
        return playable, [slot_id for slot_id, each in found.items() if each is None]

    def _reference(self, utterance: Utterance) -> WaveReference | None:
        wave = utterance.wave
        if not isinstance(wave, WaveReady) or utterance.voice_profile is None:
            return None
        absolute = self._artifacts.absolute(wave.mix_path)
        if not os.path.isfile(absolute):  # noqa: PTH113  # a Path would double the cost
            return None
        return WaveReference(
            slot_id=utterance.slot_id,
            agent_id=utterance.agent_id,
            voice_profile=utterance.voice_profile,
            wave_mix_path_abs=absolute,
            wave_mix_path_rel=wave.mix_path,
            duration_ms=wave.audio_duration_ms,
            sample_rate_hz=wave.sample_rate_hz,
            text=without_controls(utterance.text),
            speech_path_abs=self._artifacts.absolute(utterance.speech_path or ""),
        )


def _produced(decision: Turn1Due | DialogueDue, event: SessionEvent) -> Entry:
    """Return the entry of an event, whose `seq` the outbox assigns."""
    return Entry(
        session_id=decision.session_id,
        key=decision.key,
        status="produced" if decision.live else "expired",
        render=lambda seq: encode_event(structs.replace(event, seq=seq)),
        partial=event.payload.status == "partial",
    )


def _unsent(decision: Decision, status: RowStatus) -> Entry:
    return Entry(session_id=decision.session_id, key=decision.key, status=status)
