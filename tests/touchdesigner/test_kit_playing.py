"""What the kit plays when, and how it begins and ends: on a stand-in for TouchDesigner."""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_schema.events import PlaybackReport, decode_client_message
from shared_schema.ids import timestamp
from tests.touchdesigner.stage import Stage, touchdesigner
from tests.touchdesigner.telling import (
    ACK,
    OTHER,
    SESSION,
    THIRD,
    Event,
    begun,
    dialogue,
    heard,
    reports,
    second,
    sentiment,
    stopped,
    summary,
    tell,
    turn1,
    with_moods,
)

WITHIN_HALF_A_SECOND_MS = 500


@pytest.fixture
def stage() -> Iterator[Stage]:
    with touchdesigner() as it:
        it.build()
        it.calls.clear()
        tell(it, ACK)
        it.advance()
        yield it


def names(stage: Stage) -> list[str]:
    return [name for _, name in begun(stage)]


# Sound, Turn1, Gap


def test_every_place_its_own_waves(stage: Stage, tmp_path: Path) -> None:
    """wave1 and wave2 of each utterance on their target slots, together; the mixes are silent."""
    stage.home.par.Sound = "waves"
    tell(stage, turn1(tmp_path))
    stage.advance(100)
    assert begun(stage) == [(0, "slot1A"), (0, "slot2B"), (0, "slot2A"), (0, "slot3B")]
    files = dict(call.split(".file = ") for _, call in stage.of_players() if ".file = " in call)
    assert files["slot2B"] == (tmp_path / "turn1-slot1_v3_wave2.wav").as_posix()
    assert heard(stage) == {"slot1A", "slot2A", "slot2B", "slot3B"}
    stage.advance(10_000)
    assert heard(stage) == set()


def test_a_session_without_waves_plays_its_mix(stage: Stage, tmp_path: Path) -> None:
    """One that was recorded by an older version."""
    stage.home.par.Sound = "waves"
    event = turn1(tmp_path)
    for each in event["payload"]["slots"]:
        for field in [name for name in each if name.startswith("wave") and "Mix" not in name]:
            del each[field]
    tell(stage, event)
    stage.advance(100)
    assert names(stage) == ["voice1", "voice2"]


def test_turn_1_one_after_another_with_a_gap(stage: Stage, tmp_path: Path) -> None:
    """Each begins when the one before has ended, `Gap` seconds later."""
    stage.home.par.Turn1 = "inturn"
    stage.home.par.Gap = 2.0
    tell(stage, turn1(tmp_path))
    stage.advance(20_000)
    (first, second_one) = begun(stage)
    assert (first, second_one[1]) == ((0, "voice1"), "voice2")
    assert second_one[0] == pytest.approx(3000, abs=300)


# Opening


def test_players_start_together_when_all_are_open(stage: Stage, tmp_path: Path) -> None:
    """However long it takes; each is then played for its whole length."""
    stage.open_ms = 900
    tell(stage, turn1(tmp_path))
    stage.advance(20_000)
    starts = {name: at for at, name in begun(stage)}
    assert starts == {"voice1": 0, "voice2": 0}
    begun_at = next(at for at, call in stage.of_players() if call == "voice1.play = 1")
    assert begun_at >= 900
    for name, length_ms in (("voice1", 1000), ("voice2", 3000)):
        steps = [(at, volume) for at, one, volume in stage.volumes if one == name]
        (falls_at,) = [
            at for (_, before), (at, now) in itertools.pairwise(steps) if before == 1 and now < 1
        ]
        assert falls_at >= begun_at + length_ms


@pytest.mark.parametrize("slow", [False, True])
def test_a_file_that_can_not_be_opened_is_reported(
    stage: Stage, tmp_path: Path, slow: bool
) -> None:
    """By the Info CHOP, or because it takes too long; the others play."""
    event = turn1(tmp_path)
    path = event["payload"]["slots"][0]["waveMixPathAbs"]
    if slow:
        stage.open_ms = 60_000
    else:
        stage.unreadable.add(path)
    tell(stage, event)
    stage.advance(9000)
    failed = [each for each in stage.socket.sent if '"failed"' in each]
    assert len(failed) == (2 if slow else 1)
    report = decode_client_message(failed[0])
    assert isinstance(report, PlaybackReport)
    assert path in report.error
    assert names(stage) == ([] if slow else ["voice2"])
    assert stage.status("playing") == ""


def test_a_build_without_channels_of_the_info_chop_plays(stage: Stage, tmp_path: Path) -> None:
    """Two frames later, on trust."""
    stage.has_info = False
    tell(stage, turn1(tmp_path))
    stage.advance(100)
    assert names(stage) == ["voice1", "voice2"]


# Reports


def test_a_whole_session_is_reported(stage: Stage, tmp_path: Path) -> None:
    """Every start and end, in words that the gateway understands."""
    tell(stage, turn1(tmp_path), dialogue(tmp_path), summary(tmp_path))
    stage.advance(30_000)
    assert reports(stage) == [
        ("turn1", "started", 1, 1),
        ("turn1", "started", 2, 1),
        ("turn1", "ended", 1, 1),
        ("turn1", "ended", 2, 1),
        ("turn23-slot2", "started", 1, 2),
        ("turn23-slot2", "ended", 1, 2),
        ("turn23-slot2", "started", 3, 2),
        ("turn23-slot2", "ended", 3, 2),
        ("turn23-slot2", "started", 2, 3),
        ("turn23-slot2", "ended", 2, 3),
        ("summary", "started", 0, 4),
        ("summary", "ended", 0, 4),
    ]
    for text in stage.socket.sent:
        assert isinstance(decode_client_message(text), PlaybackReport)


def test_an_older_gateway_is_not_told(stage: Stage, tmp_path: Path) -> None:
    """One that does not list `playback` would answer each report with an error."""
    tell(stage, {"type": "hello.ack", "capabilities": ["resume"]}, turn1(tmp_path))
    stage.advance(10_000)
    assert reports(stage) == []


# Stop and quiet


@pytest.mark.parametrize("frame", [stopped(), {"type": "hush", "on": True}])
def test_what_plays_fades_out_within_half_a_second(
    stage: Stage, tmp_path: Path, frame: Event
) -> None:
    """Step by step, never with a jump; the end is reported; nothing more of it is played."""
    tell(stage, turn1(tmp_path))
    stage.advance(500)
    assert heard(stage) == {"voice1", "voice2"}
    stage.volumes.clear()
    tell(stage, frame)
    stage.advance(WITHIN_HALF_A_SECOND_MS)
    assert heard(stage) == set()
    steps = [volume for _, name, volume in stage.volumes if name == "voice2"]
    assert len(steps) > 15
    assert max(one - other for one, other in itertools.pairwise(steps)) < 0.1
    assert [each[1] for each in reports(stage)] == ["started"] * 2 + ["ended"] * 2
    tell(stage, dialogue(tmp_path))
    stage.advance(20_000)
    assert names(stage) == ["voice1", "voice2"]


def test_a_stop_reaches_what_waits_and_what_comes(stage: Stage, tmp_path: Path) -> None:
    """A session that has not begun never begins; the others are not touched."""
    tell(stage, stopped(OTHER), turn1(tmp_path), turn1(tmp_path, OTHER))
    tell(stage, turn1(tmp_path, THIRD), stopped(THIRD), dialogue(tmp_path))
    stage.advance(30_000)
    assert names(stage) == ["voice1", "voice2", "voice1", "voice3", "voice2"]


def test_after_quiet_only_new_sessions_play(stage: Stage, tmp_path: Path) -> None:
    """What came meanwhile is not played later, nor the rest of its session."""
    tell(stage, {"type": "hush", "on": True})
    stage.advance()
    assert stage.status("quiet") == "the water rests"
    tell(stage, turn1(tmp_path))
    stage.advance(2000)
    tell(stage, {"type": "hush", "on": False}, dialogue(tmp_path))
    stage.advance(2000)
    assert names(stage) == []
    assert stage.status("quiet") == ""
    tell(stage, turn1(tmp_path, OTHER))
    stage.advance(2000)
    assert names(stage) == ["voice1", "voice2"]


def test_quiet_is_over_for_a_client_that_comes_back_after_it(stage: Stage, tmp_path: Path) -> None:
    """A gateway that is quiet tells a newcomer so; this one does not."""
    tell(stage, {"type": "hush", "on": True})
    stage.advance()
    stage.call("onDisconnect", stage.socket)
    stage.call("onConnect", stage.socket)
    tell(stage, turn1(tmp_path))
    stage.advance(2000)
    assert names(stage) == ["voice1", "voice2"]


# One slow water


def test_one_session_plays_to_its_end_before_another(stage: Stage, tmp_path: Path) -> None:
    """The second waits; a third takes its place, and the table says so."""
    tell(stage, turn1(tmp_path))
    tell(stage, turn1(tmp_path, OTHER), turn1(tmp_path, THIRD))
    stage.advance(100)
    assert stage.status("waiting") == f"session {THIRD[:8]}"
    assert "1 so far" in stage.status("left_out")
    tell(stage, dialogue(tmp_path), dialogue(tmp_path, session=OTHER))
    tell(stage, dialogue(tmp_path, session=THIRD))
    stage.advance(60_000)
    told = [json.loads(text) for text in stage.socket.sent]
    order = [each["sessionId"] for each in told if each.get("state") == "started"]
    assert order == [SESSION] * 5 + [THIRD] * 5
    assert stage.status("waiting") == ""


def test_a_session_that_has_no_more_gives_way(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dialogue that never comes keeps the next visitor waiting for some seconds only."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    tell(stage, turn1(tmp_path))
    stage.advance(100)
    tell(stage, turn1(tmp_path, OTHER))
    stage.advance(5000)
    second(stage)
    stage.advance(100)
    assert names(stage) == ["voice1", "voice2"]
    now[0] += 11
    second(stage)
    stage.advance(100)
    assert names(stage) == ["voice1", "voice2"] * 2


def test_what_comes_of_a_session_after_the_next_has_begun_is_too_late(
    stage: Stage, tmp_path: Path
) -> None:
    """A late summary neither interrupts nor takes the place of one that waits."""
    tell(stage, turn1(tmp_path), dialogue(tmp_path))
    stage.advance(20_000)
    tell(stage, turn1(tmp_path, OTHER), turn1(tmp_path, THIRD))
    stage.advance(100)
    tell(stage, summary(tmp_path), dialogue(tmp_path, session=OTHER))
    stage.advance(100)
    assert stage.status("waiting") == f"session {THIRD[:8]}"
    stage.advance(20_000)
    assert "summary" not in {each[0] for each in reports(stage)}


def test_what_is_old_is_left_out_after_a_reconnect(stage: Stage, tmp_path: Path) -> None:
    """By `Maxage`; what is fresh, and what comes live, is played whatever its time."""
    old = turn1(tmp_path)
    fresh = {**turn1(tmp_path, OTHER), "ts": timestamp(time.time())}
    tell(stage, {**ACK, "replayCount": 3}, old, dialogue(tmp_path), fresh)
    stage.advance(10_000)
    told = [json.loads(text)["sessionId"] for text in stage.socket.sent]
    assert set(told) == {OTHER}
    assert "too old" in stage.status("left_out")
    tell(stage, {**dialogue(tmp_path, session=OTHER), "ts": old["ts"]})
    stage.advance(10_000)
    assert len(names(stage)) == 5


def test_what_plays_goes_on_after_a_reconnect(stage: Stage, tmp_path: Path) -> None:
    """Its dialogues come with the replay, later than `Maxage` after its Turn 1."""
    tell(stage, turn1(tmp_path))
    stage.advance(100)
    stage.call("onDisconnect", stage.socket)
    stage.call("onConnect", stage.socket)
    tell(stage, {**ACK, "replayCount": 1}, dialogue(tmp_path))
    stage.advance(20_000)
    assert names(stage) == ["voice1", "voice2", "voice1", "voice3", "voice2"]


# Mood and summary


def test_the_mood_plays_at_once_until_turn_1(stage: Stage, tmp_path: Path) -> None:
    """Its file repeats; it fades while Turn 1 begins; moods are not reported."""
    path = with_moods(stage, tmp_path)
    tell(stage, sentiment())
    stage.advance(2000)
    assert heard(stage) == {"mood"}
    assert stage.home.the("mood").par.file.value == path
    assert stage.home.the("mood").par.repeat.value == "on"
    tell(stage, {**turn1(tmp_path), "seq": 2})
    stage.advance(600)
    assert heard(stage) == {"voice1", "voice2"}
    assert {each[0] for each in reports(stage)} == {"turn1"}


def test_a_mood_without_a_file_and_one_without_turn_1(stage: Stage, tmp_path: Path) -> None:
    """The first is silent; the second does not go on for ever."""
    tell(stage, sentiment("neutral"))
    stage.advance(1000)
    assert heard(stage) == set()
    with_moods(stage, tmp_path)
    tell(stage, sentiment(session=OTHER))
    stage.advance(1000)
    assert heard(stage) == {"mood"}
    stage.advance(31_000)
    assert heard(stage) == set()


def test_a_mood_does_not_disturb_another_session(stage: Stage, tmp_path: Path) -> None:
    """While one plays, the next visitor's mood is not played."""
    with_moods(stage, tmp_path)
    tell(stage, turn1(tmp_path), sentiment(session=OTHER))
    stage.advance(500)
    assert heard(stage) == {"voice1", "voice2"}


@pytest.mark.parametrize(
    ("sound", "players"),
    [("mix", [f"voice{n}" for n in range(1, 7)]), ("waves", [f"slot{n}A" for n in range(1, 7)])],
)
def test_the_summary_plays_on_six_places_together(
    stage: Stage, tmp_path: Path, sound: str, players: list[str]
) -> None:
    """Each its own wave, for the longest of them."""
    stage.home.par.Sound = sound
    tell(stage, summary(tmp_path))
    stage.advance(1900)
    assert begun(stage) == [(0, name) for name in players]
    assert heard(stage) == set(players)
    stage.advance(1000)
    assert heard(stage) == set()


def test_a_summary_without_waves_is_passed_over(stage: Stage, tmp_path: Path) -> None:
    """A `failed` one has only its text."""
    event = summary(tmp_path)
    event["payload"].update(status="failed", waveInfo=None)
    tell(stage, event, turn1(tmp_path, OTHER))
    stage.advance(100)
    tell(stage, dialogue(tmp_path, session=OTHER))
    stage.advance(20_000)
    assert stage.status("playing") == ""
