"""The TouchDesigner kit on a stand-in for TouchDesigner."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared_schema.events import Hello
from tests.support.imports import imports
from tests.touchdesigner.stage import KIT, Stage, touchdesigner
from tests.touchdesigner.telling import (
    OTHER,
    SESSION,
    begun,
    dialogue,
    plays,
    second,
    sentiment,
    summary,
    tell,
    turn1,
)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with touchdesigner() as it:
        it.build()
        it.calls.clear()
        yield it


@pytest.fixture
def clock(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The kit's clock, in seconds, to be set by hand."""
    now = [1000.0]
    monkeypatch.setattr(stage.callbacks.time, "monotonic", lambda: now[0])
    return now


def asked(stage: Stage) -> list[str]:
    """Return what the WebSocket DAT was told."""
    return [call for _, call in stage.calls if call.startswith("events_socket")]


def test_what_is_built_can_be_played(stage: Stage) -> None:
    """Every operator is there with the parameters that matter, the six voices on one output."""
    home = stage.home
    assert stage.socket.par.active.value == 1
    assert stage.socket.par.netaddress.value == "localhost"
    assert stage.socket.par.port.value == 8000
    assert stage.socket.par.callbacks.value is home.the("callbacks")
    assert home.the("watchdog").par.length.value == 1
    assert home.the("watchdog").par.cycle.value == 1
    for slot in range(1, 7):
        voice = home.the(f"voice{slot}")
        assert voice.par.playmode.value == "sequential"
        assert home.the("voices").inputConnectors[slot - 1].source is voice
        assert home.the(f"info_voice{slot}").par.op.value == voice.name
    assert home.the("events").rows == [["time", "type", "session", "seq", "status", "what"]]


def test_building_again_keeps_the_artists_work(stage: Stage) -> None:
    """The DAT `show` and the tables stay as they are."""
    stage.home.the("show").text = "mine = 1"
    stage.home.the("events").appendRow(["kept"])
    stage.build()
    assert stage.home.the("show").text == "mine = 1"
    assert stage.home.the("events").rows[-1] == ["kept"]


def test_an_unknown_parameter_is_named_and_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """Another build of TouchDesigner does not stop the building."""
    with touchdesigner() as it:
        it.build()
        it.socket.par.forget("maxlines")
        it.build()
    assert "has no parameter 'maxlines'" in capsys.readouterr().out


def test_the_greeting_asks_for_what_is_missing(stage: Stage, tmp_path: Path) -> None:
    """First for the last minutes, later for what came after what is here; both are valid."""
    stage.call("onConnect", stage.socket)
    tell(stage, turn1(tmp_path), dialogue(tmp_path))
    stage.call("onDisconnect", stage.socket)
    stage.call("onConnect", stage.socket)
    first, again = (msgspec.json.decode(text, type=Hello) for text in stage.socket.sent)
    assert first.resume == "recent"
    assert again.resume == {SESSION: 2}


def test_turn_1_plays_together_and_dialogues_step_by_step(stage: Stage, tmp_path: Path) -> None:
    """Each voice begins and ends when it should, by durationMs and playOrder."""
    tell(stage, turn1(tmp_path), dialogue(tmp_path))
    stage.advance(10_000)
    assert begun(stage) == [
        (0, "voice1"),
        (0, "voice2"),
        (near(3000), "voice1"),
        (near(3500), "voice3"),
        (near(4200), "voice2"),
    ]
    assert plays(stage)[-1] == "voice2.play = 0"
    assert stage.status("playing") == ""


def near(ms: float) -> Any:
    """After so long, the pauses between two utterances included."""
    return pytest.approx(ms, abs=800)


def test_a_voice_loads_before_it_plays(stage: Stage, tmp_path: Path) -> None:
    """The file, then reload and cue, so that the same file plays again from its start."""
    tell(stage, turn1(tmp_path))
    stage.advance(100)
    path = (tmp_path / "turn1-slot1_v3_wave_mix.wav").as_posix()
    assert [call for _, call in stage.calls if call.startswith("voice1")] == [
        "voice1.play = 0",
        f"voice1.file = {path}",
        "voice1.reloadpulse.pulse",
        "voice1.cuepulse.pulse",
        "voice1.play = 1",
    ]


def test_a_repeat_is_taken_once(stage: Stage, tmp_path: Path) -> None:
    """By sessionId and seq, also when the kit's text was compiled anew in between."""
    tell(stage, turn1(tmp_path), turn1(tmp_path))
    stage.advance(100)
    stage.home.the("callbacks")._module = None
    tell(stage, turn1(tmp_path))
    stage.advance(100)
    assert [name for _, name in begun(stage)] == ["voice1", "voice2"]
    assert stage.home.the("events").numRows == 2


def test_the_show_hears_of_everything(stage: Stage, tmp_path: Path) -> None:
    """Each function of the DAT `show` is called; False keeps the kit from playing."""
    stage.home.the("show").text = """
heard = []
def onSentiment(event): heard.append(event["payload"]["sentiment"])
def onTurn1(event): heard.append("turn1")
def onDialogue(event):
    heard.append("dialogue")
    return False
def onSummary(event): heard.append("summary")
def onUtterance(wave, role, event): heard.append((role, wave["slotId"]))
def onSilence(): heard.append("silence")
def onConnected(ack): heard.append("connected")
def onStopped(event): heard.append("stopped")
def onHush(on): heard.append(on)
"""
    tell(stage, {"type": "hello.ack", "server": "s", "version": "1"}, sentiment())
    tell(stage, {**turn1(tmp_path), "seq": 2}, dialogue(tmp_path, seq=3))
    tell(stage, {**summary(tmp_path), "seq": 4})
    stage.advance(10_000)
    tell(stage, {"type": "session.stopped", "sessionId": SESSION})
    tell(stage, {"type": "hush", "on": True}, {"type": "hush", "on": False})
    stage.advance(1000)
    assert stage.home.the("show").module.heard == [
        "connected",
        "positive",
        "turn1",
        "dialogue",
        "summary",
        ("response", 1),
        ("response", 2),
        ("summary", 0),
        "silence",
        "stopped",
        True,
        False,
    ]


def test_a_mistake_in_the_show_is_told_and_the_waves_play(stage: Stage, tmp_path: Path) -> None:
    """An artist's error stands in the status table."""
    stage.home.the("show").text = "def onTurn1(event): return nonsense"
    tell(stage, turn1(tmp_path))
    stage.advance(100)
    assert "show.onTurn1: NameError" in stage.status("problem")
    assert [name for _, name in begun(stage)] == ["voice1", "voice2"]


def test_a_file_that_is_not_there_is_named(stage: Stage, tmp_path: Path) -> None:
    """The others play."""
    event = turn1(tmp_path)
    Path(event["payload"]["slots"][0]["waveMixPathAbs"]).unlink()
    tell(stage, event)
    stage.advance(100)
    assert "no such file here" in stage.status("problem")
    assert [name for _, name in begun(stage)] == ["voice2"]


def test_the_live_show_cuts_a_rehearsal_short(stage: Stage, tmp_path: Path) -> None:
    """What is rehearsed falls silent at once, and what was to be rehearsed is forgotten."""
    rehearsed = turn1(tmp_path, rehearsal=True)
    later = {**turn1(tmp_path, rehearsal=True), "seq": 2}
    tell(stage, rehearsed, later)
    stage.advance(100)
    assert stage.status("playing") == "turn 1: 2 of 2 slots (rehearsal)"
    tell(stage, turn1(tmp_path, session=OTHER))
    stage.advance(500)
    assert stage.status("playing") == "turn 1: 2 of 2 slots"
    stage.advance(20_000)
    assert plays(stage).count("voice1.play = 1") == 2


def test_the_watchdog_backs_off_and_begins_anew_when_greeted(
    stage: Stage, clock: list[float]
) -> None:
    """Attempts 2, 4, 8, 16 and 30 s apart; after a greeting 2 again."""
    attempts = []
    for _ in range(120):
        before = len(stage.calls)
        second(stage)
        if any("reset.pulse" in call for _, call in stage.calls[before:]):
            attempts.append(clock[0] - 1000.0)
        clock[0] += 1
    assert attempts == [0, 2, 6, 14, 30, 60, 90]
    stage.call("onConnect", stage.socket)
    tell(stage, {"type": "hello.ack"})
    stage.call("onDisconnect", stage.socket)
    stage.calls.clear()
    clock[0] += 2
    second(stage)
    assert asked(stage) == ["events_socket.reset.pulse"]


def test_a_build_without_reset_is_switched_off_and_on(stage: Stage, clock: list[float]) -> None:
    """Active goes to 0, and to 1 a frame later."""
    stage.socket.par.forget("reset")
    second(stage)
    stage.advance()
    assert asked(stage) == [
        "events_socket.active = 0",
        "events_socket.active = 1",
    ]


def test_a_replaced_client_stays_away_until_told(stage: Stage, clock: list[float]) -> None:
    """No attempt follows session.replaced; reconnect() takes the place back."""
    stage.call("onConnect", stage.socket)
    tell(stage, {"type": "session.replaced", "message": "another client"})
    stage.call("onDisconnect", stage.socket)
    stage.advance()
    assert stage.socket.par.active.value == 0
    stage.calls.clear()
    for _ in range(100):
        clock[0] += 1
        second(stage)
    assert asked(stage) == []
    assert "replaced by another client" in stage.status("state")
    stage.callbacks.reconnect()
    stage.advance()
    assert stage.socket.par.active.value == 1


def test_a_connection_that_went_silent_is_made_anew(stage: Stage, clock: list[float]) -> None:
    """Only one that pinged before: a build that reports no pings is left in peace."""
    stage.call("onConnect", stage.socket)
    stage.advance()
    stage.calls.clear()
    clock[0] += 100
    second(stage)
    assert asked(stage) == []
    stage.call("onReceivePing", stage.socket, b"x")
    assert stage.socket.pongs == [b"x"]
    clock[0] += 64
    second(stage)
    assert asked(stage) == []
    clock[0] += 2
    second(stage)
    assert asked(stage) == ["events_socket.reset.pulse"]


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"type": 3}', "[" * 100_000])
def test_nonsense_is_shown_or_ignored(stage: Stage, text: str) -> None:
    """Nothing that comes raises in the callback."""
    stage.call("onReceiveText", stage.socket, 0, text)
    stage.advance()
    assert plays(stage) == []


def test_the_event_table_does_not_grow_for_ever(stage: Stage, tmp_path: Path) -> None:
    """A hundred rows and the head."""
    for seq in range(1, 131):
        tell(stage, {**dialogue(tmp_path, seq=seq)})
    stage.advance()
    assert stage.home.the("events").numRows == 101


@pytest.mark.parametrize("name", [path.stem for path in KIT.glob("*.py")])
def test_the_kit_needs_nothing_but_python(name: str) -> None:
    """Only the standard library and TouchDesigner's own module."""
    modules = {module.split(".")[0] for module in imports(KIT / f"{name}.py")}
    assert modules - sys.stdlib_module_names == {"td"}
