"""The kit, on its stand-in for TouchDesigner, with the real gateway."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import structs

from shared_schema.facts import Sentiment
from shared_schema.ids import TurnIndex
from tests.support.client import backend, listening, write_wav
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.sessions import Truth, whole
from tests.touchdesigner.connected import ConnectedDat, connected
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
    """Return the files of a whole session and the starts, in order, as the players are told."""

    def file(turn: TurnIndex, slot: int) -> str:
        mix = truth.utterance(turn, slot).mix_path
        return f"voice{slot}.file = {artifacts.resolve().as_posix()}/{mix}"

    def play(slot: int) -> str:
        return f"voice{slot}.play = 1"

    calls = [file(1, slot) for slot in truth.slots] + [play(slot) for slot in truth.slots]
    for dialogue in truth.dialogues:
        for slot in dialogue.commenter_slot_ids:
            calls += [file(2, slot), play(slot)]
        respondent = dialogue.target_slot_id
        calls += [file(3, respondent), play(respondent)]
    return calls


def played(stage: Stage) -> list[str]:
    """Let everything that was told play to its end, and return files and starts."""
    stage.advance(600_000)
    return [call for _, call in stage.of_players() if not call.endswith("play = 0")]


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


async def test_the_gateway_shows_what_the_kit_plays(show: System) -> None:
    """A whole session, from the first start to the last end; then Quiet in the middle of one."""
    show.gateway()
    with touchdesigner() as stage:
        stage.build()
        async with connected(stage, show.gateway_port) as dat:
            await dat.until(lambda: stage.status("server"), "greeted")
            rows = stage.home.the("events").rows
            async with backend(show.bus_url, show.artifacts) as chat:
                chat.tell(whole(1))
                await dat.until(lambda: len(rows) == 4, "all told")
                await dat.until(lambda: stage.home.the("voice1").par.play, "Turn 1 begun")
                seen = [await playback(show, dat)]
                while stage.status("playing"):
                    stage.advance(300)
                    seen.append(await playback(show, dat))
                shown = {(e["turnIndex"], e["slotId"]) for each in seen for e in each["playing"]}
                assert shown == set(whole(1).parts())
                chat.tell(whole(2))
                await dat.until(lambda: len(rows) == 7, "the second told")
                await dat.until(lambda: stage.home.the("voice1").par.play, "the second begun")
            async with httpx.AsyncClient(**LOCAL) as http:
                await http.post(f"{show.gateway_url}/v1/quiet")
            await dat.until(lambda: stage.status("quiet"), "quiet")
            stage.advance(500)
            assert not stage.home.the("voice1").par.play
            state = await playback(show, dat)
            assert (state["playing"], state["unplayed"], state["overdue"]) == ([], 0, False)


async def test_mood_and_summary_play_on_every_place(show: System, tmp_path: Path) -> None:
    """With the session's own waves on their places, in this order, from the real gateway."""
    mood = tmp_path / "calm.wav"
    write_wav(mood)
    truth = structs.replace(
        whole(1), sentiment=Sentiment(sentiment="negative", justification="so"), summary_ready=True
    )
    show.gateway()
    with touchdesigner() as stage:
        stage.build()
        stage.home.par.Sound = "waves"
        stage.home.the("moods")["negative", 1] = mood.as_posix()
        async with connected(stage, show.gateway_port) as dat:
            await dat.until(lambda: stage.status("server"), "greeted")
            stage.calls.clear()
            async with backend(show.bus_url, show.artifacts) as chat:
                session = truth.session_id
                chat.events.begin_session(session, slots=truth.begun().slots)
                assert truth.sentiment is not None
                chat.events.sentiment(session, truth.sentiment)
                await dat.until(lambda: stage.home.the("mood").par.play, "the mood plays")
                chat.tell(truth)
                rows = stage.home.the("events").rows
                await dat.until(lambda: len(rows) == 6, "all told")
            calls = played(stage)
        starts = [call.split(".")[0] for call in calls if call.endswith("play = 1")]
        waves = [f"slot{n}{letter}" for n in range(1, 7) for letter in "AB"]
        assert starts[0] == "mood"
        assert sorted(starts[1:13]) == waves
        assert starts[-6:] == [f"slot{n}A" for n in range(1, 7)]
        assert stage.status("problem") == ""


async def playback(show: System, dat: ConnectedDat) -> dict[str, Any]:
    """Return what the gateway shows, once it has read what the kit has said."""
    await dat.said()
    async with httpx.AsyncClient(**LOCAL) as http:
        sessions = (await http.get(f"{show.gateway_url}/v1/sessions")).json()
    state: dict[str, Any] = sessions["playback"]
    return state
