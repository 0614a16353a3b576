"""What is built besides the players: outputs, settings, the self-test."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.touchdesigner.stage import KIT, Op, Stage, touchdesigner
from tests.touchdesigner.telling import begun, second, tell, turn1


@pytest.fixture
def stage() -> Iterator[Stage]:
    with touchdesigner() as it:
        it.build()
        it.calls.clear()
        yield it


def sources(operator: Op) -> list[str]:
    return [each.source.name for each in operator.inputConnectors if each.source is not None]


def test_the_outputs(stage: Stage) -> None:
    """Six mixes, twelve waves, and six places at 48 kHz behind a limiter."""
    home = stage.home
    assert [channel.name for channel in home.the("out1").chans()] == [
        f"voice{n}" for n in range(1, 7)
    ]
    assert [channel.name for channel in home.the("out2").chans()] == [
        f"slot{n}{letter}" for n in range(1, 7) for letter in "AB"
    ]
    assert [channel.name for channel in home.the("out3").chans()] == [
        f"place{n}" for n in range(1, 7)
    ]
    assert sources(home.the("out3")) == ["limiter"]
    assert home.the("places_48k").par.rate.value == 48000
    for slot in range(1, 7):
        players = [f"voice{slot}", f"slot{slot}A", f"slot{slot}B", "mood_8k"]
        assert sources(home.the(f"place{slot}")) == players


def test_every_player_begins_with_silence(stage: Stage) -> None:
    """A mono file, so that each output has its channels before anything is played."""
    players = [each for each in stage.home.children.values() if each.kind == "audiofileinCHOP"]
    assert len(players) == 19
    for player in players:
        assert Path(str(player.par.file)) == KIT / "silence.wav"
        assert (player.par.mono.value, player.par.play.value) == (1, 0)


def test_gain_mute_and_output_of_a_place(stage: Stage) -> None:
    """The table counts at the next second; place 2 and 3 are exchanged, 5 is mute."""
    table = stage.home.the("places")
    table["2", 1], table["2", 3], table["3", 3], table["5", 2] = 0.5, 3, 2, 1
    second(stage)
    gains = [stage.home.the(f"place{n}").par.gain.value for n in range(1, 7)]
    assert gains == [1, 0.5, 1, 1, 0, 1]
    assert sources(stage.home.the("places_merged")) == [f"place{n}" for n in (1, 3, 2, 4, 5, 6)]
    assert [channel.name for channel in stage.home.the("out3").chans()][1] == "place3"


@pytest.mark.parametrize(("column", "value"), [(1, "loud"), (3, 2), (3, 9)])
def test_a_wrong_table_changes_nothing_and_is_named(
    stage: Stage, column: int, value: object
) -> None:
    """No number; an output twice; one that does not exist."""
    stage.home.the("places")["1", column] = value
    second(stage)
    assert "nothing was changed" in stage.status("problem")
    assert stage.home.the("place1").par.gain.value in (0, 1)
    assert sources(stage.home.the("places_merged"))[0] == "place1"


def test_host_and_port_are_followed(stage: Stage) -> None:
    """Another gateway is connected to at once."""
    stage.home.par.Host, stage.home.par.Port = "192.168.1.20", 8100
    second(stage)
    assert stage.socket.par.netaddress.value == "192.168.1.20"
    assert stage.socket.par.port.value == 8100
    assert [call for _, call in stage.calls if "reset" in call] == ["events_socket.reset.pulse"]


def test_settings_survive_another_build(stage: Stage) -> None:
    """So do the tables."""
    stage.home.par.Sound = "waves"
    stage.home.the("places")["4", 1] = 0.25
    stage.build()
    assert stage.home.par.Sound.value == "waves"
    assert [page.name for page in stage.home.customPages] == ["Show"]
    second(stage)
    assert stage.home.the("place4").par.gain.value == 0.25


def test_a_build_without_custom_parameters_has_a_table(tmp_path: Path) -> None:
    """With the same names, and the same effect."""
    with touchdesigner() as stage:
        stage.without_pages = True
        stage.build()
        assert not hasattr(stage.home.par, "Sound")
        stage.home.the("settings")["Sound", 1] = "waves"
        tell(stage, turn1(tmp_path))
        stage.advance(100)
        assert {name for _, name in begun(stage)} == {"slot1A", "slot2A", "slot2B", "slot3B"}


def test_the_self_test_writes_what_it_finds(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Build, parameters that are missing, outputs, and how long a file takes to open."""
    stage.project.folder = str(tmp_path)
    stage.home.the("limiter").par.forget("type")
    stage.callbacks.selftest()
    stage.advance(1000)
    found = json.loads((tmp_path / "reflective_resonance_selftest.json").read_text("utf-8"))
    assert found["build"] == "32050"
    assert found["parameters"]["limiter"] == {"type": "missing", "min": "-0.98", "max": "0.98"}
    assert found["parameters"]["voice1"]["mono"] == "1"
    assert found["outputs"]["out3"]["channels"] == [f"place{n}" for n in range(1, 7)]
    assert found["infoChannels"] == ["open", "opening", "open_failed"]
    assert 0.02 < found["openedAfterS"] < 0.1
    assert "please send it" in capsys.readouterr().out


def test_a_self_test_that_can_not_be_written_says_so(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line in the Textport."""
    stage.project.folder = str(tmp_path / "nowhere")
    stage.has_info = False
    stage.callbacks.selftest()
    stage.advance(10_000)
    assert "cannot be written" in capsys.readouterr().out


def test_a_component_of_an_older_kit_says_what_to_do(stage: Stage) -> None:
    """Its file was replaced, and the two lines were not pasted."""
    del stage.home.children["sound"]
    with pytest.raises(RuntimeError, match="paste the two lines"):
        second(stage)
    assert "paste the two lines" in stage.status("problem")
    stage.build()
    second(stage)
    assert stage.status("state")
