"""What the benchmark `day` measures with: the water's silences, and the kiosk's rules."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.day.clock import DayClock
from benchmarks.day.programme import GRACE_S, PAUSE_S, Programme
from benchmarks.day.water import Water
from shared_schema.chat import ChatEvent, Done, SlotAudio, TurnDone
from shared_schema.ids import SlotId, TurnIndex
from tests.touchdesigner.stage import Stage, touchdesigner
from tests.touchdesigner.telling import OTHER, SESSION, dialogue, tell, turn1

SPEED = 10.0


class Ours:
    """Our own clock, which the test sets, in seconds."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def ours() -> Ours:
    return Ours()


@pytest.fixture
def clock(ours: Ours) -> DayClock:
    return DayClock(SPEED, ours)


def test_the_day_does_not_hurry_while_something_is_made(ours: Ours, clock: DayClock) -> None:
    """Ten times as fast before and after."""
    ours.now_s += 2.0
    with clock.unhurried():
        ours.now_s += 3.0
        assert clock.now_s == pytest.approx(2 * SPEED + 3)
    ours.now_s += 1.0
    assert clock.now_s == pytest.approx(3 * SPEED + 3)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with touchdesigner() as it:
        it.build()
        yield it


@pytest.fixture
def water(stage: Stage, clock: DayClock) -> Water:
    return Water(stage, clock)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder for a session's waves."""
    folder = tmp_path / "waves" / "sessions" / SESSION
    folder.mkdir(parents=True)
    return folder


def test_a_silence_lasts_from_the_end_of_what_had_come_to_the_next_part(
    ours: Ours, stage: Stage, water: Water, mine: Path
) -> None:
    """In seconds of the day."""
    tell(stage, turn1(mine))
    water.score.comes(0.0, SESSION)
    ours.now_s += 1.0  # ten seconds of the day: its three seconds are over
    water.catch_up()
    tell(stage, dialogue(mine))
    water.score.comes(stage.seconds, SESSION)
    ours.now_s += 1.0
    water.catch_up()
    played = water.score.sessions[SESSION]
    ((since, until),) = played.silences
    assert 3.0 < since < 4.0
    assert until == pytest.approx(10.0)
    assert len(played.files) == 5
    assert water.score.mixed == []


def test_what_comes_while_the_water_moves_is_no_silence(
    ours: Ours, stage: Stage, water: Water, mine: Path
) -> None:
    """Nor is the pause between two utterances."""
    for event in (turn1(mine), dialogue(mine)):
        tell(stage, event)
        water.score.comes(stage.seconds, SESSION)
        ours.now_s += 0.1
        water.catch_up()
    ours.now_s += 1.0
    water.catch_up()
    played = water.score.sessions[SESSION]
    assert played.unplanned_s == 0.0
    assert len(played.files) == 5


def test_sessions_that_meet_are_found(water: Water, tmp_path: Path) -> None:
    """One begins while another plays, and the first goes on afterwards."""
    score = water.score
    for player, session in (("voice1", SESSION), ("voice2", OTHER), ("voice1", SESSION)):
        score.told(1.0, f"{player}.file = {tmp_path}/sessions/{session}/mix.wav")
        score.told(1.0, f"{player}.play = 1")
        score.told(2.0, f"{player}.play = 0")
    (found,) = score.mixed
    assert found.startswith(SESSION)
    score.told(3.0, "voice1.play = 1")
    score.told(3.0, f"voice2.file = {tmp_path}/sessions/{OTHER}/mix.wav")
    score.told(3.0, "voice2.play = 1")
    assert OTHER in score.mixed[-1]


def state(*, playing: bool, unplayed: int = 0) -> dict[str, Any]:
    """What the gateway says of a client that reports."""
    sounds = [{"sessionId": SESSION, "turnIndex": 1, "slotId": 1}] if playing else []
    return {"reporting": True, "playing": sounds, "unplayed": unplayed}


async def asked(clock: DayClock, ours: Ours, *events: tuple[float, ChatEvent]) -> Programme:
    """Return the programme of a session of files of ten seconds, events by seconds of the day."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": str(44 + 480_000)})

    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
        programme = Programme(clock, http)
        begun = ours.now_s
        for at, event in events:
            ours.now_s = begun + at / SPEED
            programme.take(event)
        await programme.known()
    return programme


def whole_session() -> tuple[tuple[float, ChatEvent], ...]:
    """Turn 1 of two voices, of whom one comments and the other replies; all is said after 6 s."""

    def audio(turn: TurnIndex, slot: SlotId, path: str) -> SlotAudio:
        return SlotAudio(
            session_id=SESSION,
            turn_index=turn,
            kind="response",
            slot_id=slot,
            agent_id="gpt-4o",
            voice_profile="friendly_casual",
            audio_path=path,
            audio_format="wav",
        )

    return (
        (0.0, audio(1, 1, "a/slot-1.wav")),
        (0.0, audio(1, 2, "a/slot-2.wav")),
        (1.0, TurnDone(session_id=SESSION, turn_index=1, slot_count=2)),
        (3.0, audio(2, 1, "a/comment_to_slot-2.wav")),
        (5.0, audio(3, 2, "a/slot-2-reply.wav")),
        (6.0, Done(session_id=SESSION, completed_slots=2, turns=3)),
    )


async def test_without_reports_the_kiosk_waits_for_the_lengths_of_the_files(
    clock: DayClock, ours: Ours
) -> None:
    """Turn 1 together, then one after another with a pause, from the end of Turn 1 on."""
    programme = await asked(clock, ours, *whole_session())
    assert programme.left_s(None) == pytest.approx(1.0 + 10.0 + 2 * 10.5 - 6.0)


async def test_with_reports_the_kiosk_waits_for_the_water(clock: DayClock, ours: Ours) -> None:
    """Not before it has begun, through pauses, and not for ever."""
    programme = await asked(clock, ours, *whole_session())
    end_s = 1.0 + 10.0 + 2 * 10.5
    assert programme.left_s(state(playing=False)) > 0
    assert programme.left_s(state(playing=True)) > 0
    assert programme.left_s(state(playing=False, unplayed=1)) > 0
    assert programme.left_s(state(playing=False)) > 0
    ours.now_s += PAUSE_S / SPEED + 0.001
    assert programme.left_s(state(playing=False)) == 0.0
    assert programme.left_s(state(playing=True)) > 0
    ours.now_s += (end_s + GRACE_S) / SPEED
    assert programme.left_s(state(playing=True)) == 0.0
