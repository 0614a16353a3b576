"""The kit, on its stand-in for TouchDesigner, with the real gateway."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_schema.ids import TurnIndex
from tests.support.client import backend, listening
from tests.support.processes import System, system
from tests.support.sessions import Truth, whole
from tests.touchdesigner.connected import connected
from tests.touchdesigner.stage import Stage, touchdesigner


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path) as it:
        yield it


def without_the_pong_line(text: str) -> str:
    """What a hurried user leaves of the callbacks."""
    edited = re.sub(r"^def onReceivePing.*?\n\n\n", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "sendPong" not in edited
    return edited


def should_play(truth: Truth, artifacts: Path) -> list[str]:
    """Return what the voices are told for a whole session, in order."""

    def begin(turn: TurnIndex, slot: int) -> list[str]:
        mix = truth.utterance(turn, slot).mix_path
        return [
            f"voice{slot}.file = {artifacts.resolve().as_posix()}/{mix}",
            f"voice{slot}.play = 1",
        ]

    calls = [call for slot in truth.slots for call in begin(1, slot)]
    calls += [f"voice{slot}.play = 0" for slot in truth.slots]
    for dialogue in truth.dialogues:
        for slot in dialogue.commenter_slot_ids:
            calls += [*begin(2, slot), f"voice{slot}.play = 0"]
        respondent = dialogue.target_slot_id
        calls += [*begin(3, respondent), f"voice{respondent}.play = 0"]
    return calls


def played(stage: Stage) -> list[str]:
    """Let everything that was told play to its end, and return the calls."""
    stage.advance(600_000)
    return [call for _, call in stage.of_voices()]


@pytest.mark.parametrize("pongs", [True, False], ids=["as it is", "pong line deleted"])
async def test_a_session_plays_from_the_gateway_to_the_voices(show: System, pongs: bool) -> None:
    """Turn 1 and every dialogue, by the right voices, in playOrder; the watchdog began before."""
    truth = whole()
    with touchdesigner() as stage:
        stage.build(edit=(lambda text: text) if pongs else without_the_pong_line)
        async with connected(stage, show.gateway_port) as dat:
            await dat.until(
                lambda: "waiting" in str(stage.status("state")), "the watchdog has tried"
            )
            show.gateway()
            await dat.until(lambda: stage.status("server"), "greeted")
            stage.calls.clear()
            async with backend(show.bus_url, show.artifacts) as chat:
                chat.tell(truth)
                rows = stage.home.the("events").rows
                await dat.until(lambda: len(rows) == 4, "all told")
        assert played(stage) == should_play(truth, show.artifacts)
        assert stage.status("problem") == ""


async def test_a_restart_of_the_gateway_repeats_and_loses_nothing(show: System) -> None:
    """What was produced while nobody listened comes once, after the reconnect."""
    first, second = whole(1), whole(2)
    with touchdesigner() as stage:
        stage.build()
        gateway = show.gateway()
        async with connected(stage, show.gateway_port) as dat:
            rows = stage.home.the("events").rows
            await dat.until(lambda: stage.status("server"), "greeted")
            stage.calls.clear()
            async with backend(show.bus_url, show.artifacts) as chat:
                chat.tell(first)
                await dat.until(lambda: len(rows) == 4, "the first session told")
                gateway.stop()
                await dat.until(lambda: "waiting" in stage.status("state"), "the end noticed")
                chat.tell(second)
                show.gateway()
                await dat.until(lambda: len(rows) == 7, "the second session told")
        expected = should_play(first, show.artifacts) + should_play(second, show.artifacts)
        assert played(stage) == expected
        assert dat.connections == 2


async def test_the_place_is_given_up_to_another_client(show: System) -> None:
    """A second client stays connected: the kit does not come back by itself."""
    show.gateway()
    with touchdesigner() as stage:
        stage.build()
        async with connected(stage, show.gateway_port) as dat:
            await dat.until(lambda: stage.status("server"), "greeted")
            async with listening(show.events_url) as other:
                await dat.until(lambda: "replaced" in stage.status("state"), "replaced")
                for _ in range(50):
                    await dat.frame()
                await other.nothing()
            assert dat.connections == 1
            stage.callbacks.reconnect()
            await dat.until(lambda: stage.status("state") == "connected", "back")
