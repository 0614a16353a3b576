"""What `listen` reports: the order and the times of a whole session."""

from pathlib import Path

import pytest

from event_gateway.commands.reporting import Reports
from event_gateway.core.readiness import Limits, Readiness
from event_gateway.rendering import Renderer
from shared_schema.events import DialogueWavesReady, SessionEvent, decode_session_event, waves_of
from shared_schema.layout import Artifacts
from tests.support.client import write_wav
from tests.support.sessions import Truth, whole, with_additions

TRUTH = whole(1)
NEVER = float("inf")


@pytest.fixture
def events(tmp_path: Path) -> list[SessionEvent]:
    """Turn 1 and two dialogues, as the gateway sends them."""
    return events_of(TRUTH, tmp_path)


def events_of(truth: Truth, folder: Path) -> list[SessionEvent]:
    readiness = Readiness(
        Limits(turn1_timeout_s=1, dialogue_timeout_s=1, session_limit_s=9, replay_window_s=9)
    )
    for path in truth.wave_files():
        write_wav(folder / path)
    decisions = [due for fact in truth.facts() for due in readiness.apply(fact, 0.0)]
    entries = [
        Renderer(Artifacts(folder)).entry(due, "2026-01-01T00:00:00.000Z") for due in decisions
    ]
    rendered = [entry.render(n) for n, entry in enumerate(entries, start=1) if entry.render]
    return [decode_session_event(text) for text in rendered]


def played(reports: Reports) -> list[tuple[float, str, int, str]]:
    """Let the time pass, and return what was reported when."""
    told: list[tuple[float, str, int, str]] = []
    while (at := reports.next_at) < NEVER:
        told += [(at, each.part, each.slot_id, each.state) for each in reports.due(at)]
    return told


def test_a_session_is_reported_in_its_order(events: list[SessionEvent]) -> None:
    """Turn 1 together, then each dialogue step by step; every start has its end."""
    reports = Reports()
    for event in events:
        reports.add(event, 100.0)
    told = played(reports)
    turn1, *dialogues = events
    started = [(part, slot) for _, part, slot, state in told if state == "started"]
    expected = [("turn1", wave.slot_id) for wave in waves_of(turn1)]
    for event in dialogues:
        assert isinstance(event, DialogueWavesReady)
        expected += [(event.payload.dialogue_id, wave.slot_id) for wave in waves_of(event)]
    assert started == expected
    assert [at for at, part, _, state in told if (part, state) == ("turn1", "started")] == [
        100.0
    ] * len(waves_of(turn1))
    longest_s = max(wave.duration_ms for wave in waves_of(turn1)) / 1000
    total_s = sum(wave.duration_ms for event in dialogues for wave in waves_of(event)) / 1000
    assert told[-1][0] == pytest.approx(100.0 + longest_s + total_s)
    assert len(told) == 2 * len(started)


def test_a_summary_is_reported_as_one_utterance(tmp_path: Path) -> None:
    """Its six waves play together, after all dialogues; a sentiment is not reported."""
    reports = Reports()
    for event in events_of(with_additions(TRUTH), tmp_path):
        reports.add(event, 100.0)
    *before, started, ended = played(reports)
    assert (started[1:], ended[1:]) == (("summary", 0, "started"), ("summary", 0, "ended"))
    assert started[0] == max(at for at, *_ in before)
    assert ended[0] == pytest.approx(started[0] + 4.0)
    assert {part for _, part, _, _ in before} == {"turn1", "turn23-slot1", "turn23-slot2"}


def test_a_stop_ends_what_plays_and_drops_what_waits(events: list[SessionEvent]) -> None:
    """Of that session; what has not begun is not ended either."""
    reports = Reports()
    for event in events:
        reports.add(event, 100.0)
    begun = reports.due(100.0)
    reports.stop("another", 100.1)
    assert reports.next_at > 100.1
    reports.stop(TRUTH.session_id, 100.1)
    ended = reports.due(100.1)
    assert [each.slot_id for each in ended] == [each.slot_id for each in begun]
    assert {each.state for each in ended} == {"ended"}
    assert reports.next_at == NEVER


def test_nothing_is_played_while_it_is_quiet(events: list[SessionEvent]) -> None:
    """What arrives meanwhile is not played later."""
    reports = Reports()
    reports.hush(on=True, now=100.0)
    reports.add(events[0], 100.0)
    assert reports.next_at == NEVER
    reports.hush(on=False, now=101.0)
    assert reports.next_at == NEVER
    reports.add(events[1], 101.0)
    assert reports.next_at == 101.0
