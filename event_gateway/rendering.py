"""Turns decisions into events: relative paths become absolute ones of this machine."""

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import UNSET, structs

from event_gateway.core.decisions import (
    Decision,
    DialogueDropped,
    DialogueDue,
    SentimentDue,
    SessionClosed,
    SummaryDue,
    Turn1Due,
)
from event_gateway.outbox import Entry, EventStatus, RowStatus
from shared_schema.events import (
    DialoguePayload,
    DialogueWavesReady,
    FinalSummaryReady,
    PlayStep,
    SentimentPayload,
    SessionEvent,
    SummaryPayload,
    SummaryWave,
    Turn1Payload,
    Turn1WavesReady,
    UserSentiment,
    WaveInfo,
    WaveReference,
    encode_event,
)
from shared_schema.facts import Summary, SummaryReady, Utterance, WaveReady
from shared_schema.foreign_text import without_controls
from shared_schema.ids import SLOT_IDS
from shared_schema.layout import WAVE_MIX, WAVE_NAMES, Artifacts, wave_file_name
from shared_schema.water import DEFAULT_WATER

_MIX_ENDING: Final = wave_file_name("", WAVE_MIX)
# The names of a wave's fields, and the ending of its file; made once, for this is the live path.
_WAVE_FIELDS: Final = tuple(
    (f"{part}_path_abs", f"{part}_path_rel", f"{part}_target_slot_id", wave_file_name("", part))
    for part in WAVE_NAMES
)

Produced = Turn1Due | DialogueDue | SentimentDue | SummaryDue


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
            case SentimentDue():
                return self._sentiment(decision, ts)
            case SummaryDue():
                return self._summary(decision, ts)
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
        return _produced(decision, event, status=payload.status)

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
        return _produced(decision, event, status=payload.status)

    def _sentiment(self, decision: SentimentDue, ts: str) -> Entry:
        found = decision.sentiment
        payload = SentimentPayload(
            sentiment=found.sentiment, justification=without_controls(found.justification)
        )
        event = UserSentiment(session_id=decision.session_id, seq=0, ts=ts, payload=payload)
        return _produced(decision, event)

    def _summary(self, decision: SummaryDue, ts: str) -> Entry:
        summary = decision.summary
        info = self._wave_info(summary)
        payload = SummaryPayload(
            status="failed" if info is None else "complete",
            text=without_controls(summary.text),
            wave_info=info,
        )
        event = FinalSummaryReady(session_id=decision.session_id, seq=0, ts=ts, payload=payload)
        return _produced(decision, event, status=payload.status)

    def _wave_info(self, summary: Summary) -> WaveInfo | None:
        """Return a summary's waves, if all of them are ready and on this machine."""
        wave, paths = summary.wave, summary.wave_paths
        absolute = [self._artifacts.absolute(path) for path in paths]
        if not isinstance(wave, SummaryReady) or not all(map(os.path.isfile, absolute)):
            return None
        waves = zip(SLOT_IDS, absolute, paths, strict=True)
        return WaveInfo(
            voice_profile=summary.voice_profile,
            waves=tuple(
                SummaryWave(
                    slot_id=slot_id,
                    wave_path_abs=path,
                    wave_path_rel=relative,
                    duration_ms=wave.audio_duration_ms,
                )
                for slot_id, path, relative in waves
            ),
        )

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
            **self.wave_fields(utterance.slot_id, wave.mix_path, wave.places),
        )

    def with_waves(self, event: SessionEvent) -> SessionEvent:
        """Return an event that was recorded before references had waves as it would be now."""
        match event.payload:
            case Turn1Payload(slots=slots):
                waves: dict[str, Any] = {"slots": tuple(map(self._completed, slots))}
            case DialoguePayload(commenters=commenters, respondent=respondent):
                waves = {
                    "commenters": tuple(map(self._completed, commenters)),
                    "respondent": self._completed(respondent),
                }
            case _:
                return event
        return structs.replace(event, payload=structs.replace(event.payload, **waves))

    def _completed(self, reference: WaveReference) -> WaveReference:
        if reference.wave1_path_abs is not UNSET:
            return reference
        waves = self.wave_fields(reference.slot_id, reference.wave_mix_path_rel, ())
        return structs.replace(reference, **waves)

    def wave_fields(self, slot_id: int, mix: str, places: Sequence[int | None]) -> dict[str, Any]:
        """Return a reference's fields of the waves beside the mix; no places: an older session."""
        stem = mix.removesuffix(_MIX_ENDING)
        absolute = self._artifacts.absolute(stem)
        fields: dict[str, Any] = {}
        for names, place in zip(
            _WAVE_FIELDS, places or DEFAULT_WATER.places_of(slot_id), strict=True
        ):
            path_abs, path_rel, target, ending = names
            # Since there are places the mix is moved into place last, after its waves.
            if places or os.path.isfile(absolute + ending):  # noqa: PTH113  # as above
                fields[path_abs] = absolute + ending
                fields[path_rel] = stem + ending
                fields[target] = place
        return fields


def _produced(
    decision: Produced, event: SessionEvent, *, status: EventStatus = "complete"
) -> Entry:
    """Return the entry of an event, whose `seq` the outbox assigns."""
    return Entry(
        session_id=decision.session_id,
        key=decision.key,
        status="produced" if decision.live else "expired",
        render=lambda seq: encode_event(structs.replace(event, seq=seq)),
        outcome=status,
    )


def _unsent(decision: Decision, status: RowStatus) -> Entry:
    return Entry(session_id=decision.session_id, key=decision.key, status=status)
