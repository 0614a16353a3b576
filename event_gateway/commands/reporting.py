"""What `listen` reports as played: one part after another, by its own clock."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, structs

from shared_schema.events import (
    DialogueWavesReady,
    FinalSummaryReady,
    PlaybackReport,
    SessionEvent,
    Turn1WavesReady,
    played_s,
)
from shared_schema.ids import SUMMARY_SLOT, SUMMARY_TURN

_NEVER: Final = float("inf")


class _Step(Struct, frozen=True):
    """An utterance of an event: when it plays, in seconds after the event's first."""

    report: PlaybackReport
    begins_s: float
    ends_s: float


class Reports:
    """Turn 1 plays together, a dialogue step by step, and what arrives meanwhile afterwards.

    It has no clock: times are the caller's, in seconds.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, PlaybackReport]] = []
        self._ends_at = 0.0
        self._hushed = False

    @property
    def next_at(self) -> float:
        """When the next report is due; infinite if none is."""
        return self._due[0][0] if self._due else _NEVER

    def add(self, event: SessionEvent, now: float) -> None:
        """Play an event."""
        if self._hushed:
            return
        begins_at = max(self._ends_at, now)
        for step in _steps(event):
            ended = structs.replace(step.report, state="ended")
            self._due.append((begins_at + step.begins_s, step.report))
            self._due.append((begins_at + step.ends_s, ended))
            self._ends_at = max(self._ends_at, begins_at + step.ends_s)
        self._due.sort(key=lambda each: each[0])

    def due(self, now: float) -> list[PlaybackReport]:
        """Return, once, the reports that are due."""
        due = [report for at, report in self._due if at <= now]
        self._due = self._due[len(due) :]
        return due

    def stop(self, session_id: str | None, now: float) -> None:
        """End what plays of a session, or of all (None), and drop what waits."""
        kept: list[tuple[float, PlaybackReport]] = []
        waiting = {_key(report) for _, report in self._due if report.state == "started"}
        for at, report in self._due:
            if session_id not in (None, report.session_id):
                kept.append((at, report))
            elif report.state == "ended" and _key(report) not in waiting:
                kept.append((now, report))
        self._due = sorted(kept, key=lambda each: each[0])
        self._ends_at = max((at for at, _ in self._due), default=now)

    def hush(self, *, on: bool, now: float) -> None:
        """Play nothing while it is quiet."""
        self._hushed = on
        if on:
            self.stop(None, now)


def _key(report: PlaybackReport) -> tuple[str, int, int]:
    return report.session_id, report.turn_index, report.slot_id


def _steps(event: SessionEvent) -> Iterator[_Step]:
    match event:
        case Turn1WavesReady(payload=payload):
            for wave in payload.slots:
                report = _started(event, "turn1", wave.slot_id, 1)
                yield _Step(report, 0.0, wave.duration_ms / 1000)
        case DialogueWavesReady(payload=payload):
            at_s = 0.0
            turns = [2] * len(payload.commenters) + [3]
            waves = (*payload.commenters, payload.respondent)
            for turn, wave in zip(turns, waves, strict=True):
                report = _started(event, payload.dialogue_id, wave.slot_id, turn)
                yield _Step(report, at_s, at_s + wave.duration_ms / 1000)
                at_s += wave.duration_ms / 1000
        case FinalSummaryReady(payload=payload) if payload.wave_info is not None:
            report = _started(event, "summary", SUMMARY_SLOT, SUMMARY_TURN)
            yield _Step(report, 0.0, played_s(event))


def _started(event: SessionEvent, part: str, slot_id: int, turn: int) -> PlaybackReport:
    return PlaybackReport(
        session_id=event.session_id, part=part, slot_id=slot_id, turn_index=turn, state="started"
    )
