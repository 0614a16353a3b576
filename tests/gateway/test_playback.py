"""The mirror of what the client plays."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_gateway.core.decisions import DialogueDue, Turn1Due
from event_gateway.metrics import Metrics
from event_gateway.outbox import Row
from event_gateway.playback import (
    FAILED_MAX,
    OVERDUE_S,
    PLAYING_MAX,
    PLAYING_MAX_S,
    REPORTS_BURST,
    REPORTS_PER_S,
    Playback,
    ReportLimit,
)
from event_gateway.quiet import QUIET_FILE, Quiet
from event_gateway.rendering import Renderer
from shared_schema.events import PlaybackReport
from shared_schema.layout import Artifacts
from tests.support.client import write_wav
from tests.support.platforms import make_link
from tests.support.sessions import whole

TRUTH = whole(1)
OTHER = whole(2)
TS = "2026-01-01T00:00:00.000Z"


class Rig:
    """A mirror with a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.it = Playback(Metrics(), clock=lambda: self.now)
        self.folder = folder

    def sent(self, *, dialogue: bool = False, truth: Any = TRUTH) -> None:
        """Send Turn 1, or its first dialogue."""
        for part in truth.parts():
            write_wav(self.folder / truth.utterance(*part).mix_path)
        session, first = truth.session_id, truth.dialogues[0]
        due: Turn1Due | DialogueDue = Turn1Due(
            session_id=session,
            slots_expected=1,
            ready=(truth.utterance(1, 1),),
            missing_slot_ids=(),
            live=True,
        )
        if dialogue:
            due = DialogueDue(
                session_id=session,
                dialogue=first,
                commenters=(),
                respondent=truth.utterance(3, first.target_slot_id),
                missing_commenter_slot_ids=(),
                dialogue_count=1,
                live=True,
            )
        entry = Renderer(Artifacts(self.folder)).entry(due, TS)
        assert entry.render is not None
        self.it.sent(Row(1, session, entry.key, "produced", 1, 0.0, entry.render(1)))

    def report(self, state: Any, *, part: str = "turn1", slot: int = 1, truth: Any = TRUTH) -> None:
        self.it.receive(
            PlaybackReport(
                session_id=truth.session_id, part=part, slot_id=slot, turn_index=1, state=state
            )
        )

    @property
    def playing(self) -> list[int]:
        return [each.slot_id for each in self.it.state().playing]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_what_has_started_plays_until_it_ends_or_fails(rig: Rig) -> None:
    """Two slots; one ends, one fails with its reason."""
    rig.report("started", slot=1)
    rig.report("started", slot=2)
    assert rig.playing == [1, 2]
    rig.report("ended", slot=1)
    rig.report("failed", slot=2)
    state = rig.it.state()
    assert state.playing == ()
    assert [each.slot_id for each in state.failed] == [2]
    assert state.reporting


def test_all_that_was_sent_and_played_is_no_alarm(rig: Rig) -> None:
    """Nothing is overdue, however long the water is still afterwards."""
    rig.sent()
    rig.report("started")
    rig.report("ended")
    rig.now += 10_000
    assert not rig.it.state().overdue


def test_what_was_sent_and_not_played_is_overdue_30_s_after_its_end(rig: Rig) -> None:
    """Not before; and no more as soon as something plays."""
    rig.sent()
    end = rig.now
    rig.now = end + OVERDUE_S - 0.1
    assert not rig.it.state().overdue
    rig.now = end + OVERDUE_S + 10
    assert rig.it.state().overdue
    assert rig.it.state().unplayed == 1
    rig.report("started")
    assert not rig.it.state().overdue


def test_a_client_that_stops_in_the_middle_is_noticed(rig: Rig) -> None:
    """Turn 1 was played, the dialogue that was sent after it was not."""
    rig.sent()
    rig.sent(dialogue=True)
    rig.report("started")
    rig.report("ended")
    rig.now += 100
    assert rig.it.state().overdue


def test_what_a_client_skipped_for_later_events_is_no_alarm(rig: Rig) -> None:
    """A kit that plays one session at a time leaves sessions out."""
    rig.sent()
    rig.sent(truth=OTHER)
    rig.report("started", truth=OTHER)
    rig.report("ended", truth=OTHER)
    rig.now += 100
    assert rig.it.state().unplayed == 0


def test_what_was_stopped_or_hushed_need_not_be_played(rig: Rig) -> None:
    """Neither what was sent before it nor what is sent after."""
    rig.sent()
    rig.it.session_stopped(TRUTH.session_id)
    rig.sent(dialogue=True)
    assert rig.it.state().unplayed == 0
    rig.sent(truth=OTHER)
    rig.it.hush(on=True)
    rig.sent(dialogue=True, truth=OTHER)
    state = rig.it.state()
    assert (state.unplayed, state.quiet) == (0, True)


def test_a_client_that_leaves_takes_what_it_played_with_it(rig: Rig) -> None:
    """Nothing is known of the next one until it reports."""
    rig.it.client_connected(connected=True)
    rig.report("started")
    rig.it.client_connected(connected=False)
    state = rig.it.state()
    assert (state.playing, state.reporting, state.client_connected) == ((), False, False)


def test_an_end_that_is_never_reported_does_not_play_for_ever(rig: Rig) -> None:
    """Longer than any utterance."""
    rig.report("started")
    rig.now += PLAYING_MAX_S + 1
    assert rig.playing == []


@given(
    st.lists(
        st.builds(
            PlaybackReport,
            session_id=st.sampled_from([TRUTH.session_id, OTHER.session_id]),
            part=st.sampled_from(["turn1", "turn23-slot3", "summary"]),
            slot_id=st.integers(0, 6),
            turn_index=st.integers(1, 4),
            state=st.sampled_from(["started", "started", "ended", "failed"]),
            place=st.none() | st.integers(1, 6),
        ),
        max_size=300,
    )
)
def test_whatever_is_reported_the_mirror_is_bounded(reports: list[PlaybackReport]) -> None:
    """Lies and repeats too; what plays was started and neither ended nor failed since."""
    mirror = Playback(Metrics(), clock=lambda: 0.0)
    for report in reports:
        mirror.receive(report)
    state = mirror.state()
    assert len(state.playing) <= PLAYING_MAX
    assert len(state.failed) <= FAILED_MAX
    last = {(r.session_id, r.turn_index, r.slot_id, r.place): r.state for r in reports}
    started = {key for key, told in last.items() if told == "started"}
    shown = {(p.session_id, p.turn_index, p.slot_id, p.place) for p in state.playing}
    assert shown <= started
    if len(started) <= PLAYING_MAX // 2:
        assert shown == started


def test_so_many_reports_are_used_and_no_more() -> None:
    """A burst, then a steady rate."""
    limit = ReportLimit()
    assert sum(limit.allows(100.0) for _ in range(1000)) == REPORTS_BURST
    used = sum(limit.allows(100.0 + n / 1000) for n in range(10_000))
    assert used == pytest.approx(10 * REPORTS_PER_S, abs=1)


def test_quiet_is_kept_in_its_folder(tmp_path: Path) -> None:
    """The next one finds it, and says so at once; each change is told once."""
    told: list[bool] = []
    Quiet(tmp_path, told.append).switch(on=True)
    assert told == [False, True]
    again = Quiet(tmp_path, told.append)
    again.switch(on=True)
    assert told == [False, True, True]
    again.switch(on=False)
    assert not Quiet(tmp_path, told.append).on


@pytest.mark.parametrize("there", [False, True])
def test_quiet_is_not_kept_behind_a_link(tmp_path: Path, there: bool) -> None:
    """Nothing is made where it leads; the water rests, and the link goes when that ends."""
    told: list[bool] = []
    if there:
        (tmp_path / "theirs").touch()
    make_link(tmp_path / QUIET_FILE, tmp_path / "theirs")
    quiet = Quiet(tmp_path, told.append)
    quiet.switch(on=True)
    assert (tmp_path / "theirs").exists() == there
    quiet.switch(on=False)
    assert told == [False, True, False]
    assert (tmp_path / "theirs").exists() == there
    assert not (tmp_path / QUIET_FILE).is_symlink()


def test_quiet_works_where_it_can_not_be_kept(tmp_path: Path) -> None:
    """A folder that is gone does not keep the water from resting."""
    told: list[bool] = []
    quiet = Quiet(tmp_path / "gone", told.append)
    quiet.switch(on=True)
    assert (quiet.on, told) == (True, [False, True])
