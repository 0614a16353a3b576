"""Events as the gateway sends them to the kit, and what its players were told."""

import json
from pathlib import Path
from typing import Any, Final

from tests.touchdesigner.stage import Stage

SESSION: Final = "00000000-0000-4000-8000-000000000001"
OTHER: Final = "00000000-0000-4000-8000-000000000002"
THIRD: Final = "00000000-0000-4000-8000-000000000003"
TS: Final = "2026-01-01T00:00:00.000Z"

Event = dict[str, Any]

ACK: Event = {"type": "hello.ack", "capabilities": ["resume", "history", "playback"]}


def wave(folder: Path, turn: int, slot: int, duration_ms: int) -> Event:
    """A wave reference: its second wave plays at the next place."""

    def path(part: str) -> str:
        file = folder / f"turn{turn}-slot{slot}_v3_{part}.wav"
        file.write_bytes(b"RIFF")
        return file.as_posix()

    return {
        "slotId": slot,
        "waveMixPathAbs": path("wave_mix"),
        "wave1PathAbs": path("wave1"),
        "wave1TargetSlotId": slot,
        "wave2PathAbs": path("wave2"),
        "wave2TargetSlotId": slot % 6 + 1,
        "wave3PathAbs": path("wave3"),
        "wave3TargetSlotId": None,
        "durationMs": duration_ms,
        "text": "t",
    }


def turn1(folder: Path, session: str = SESSION, **payload: Any) -> Event:
    """Turn 1 of slots 1 and 2."""
    return {
        "type": "turn1.waves.ready",
        "sessionId": session,
        "seq": 1,
        "ts": TS,
        "payload": {
            "status": "complete",
            "slotsExpected": 2,
            "slotsReady": 2,
            "slots": [wave(folder, 1, 1, 1000), wave(folder, 1, 2, 3000)],
            **payload,
        },
    }


def dialogue(folder: Path, seq: int = 2, session: str = SESSION, **payload: Any) -> Event:
    """The dialogue in which 1 and 3 comment on 2."""
    return {
        "type": "dialogue.waves.ready",
        "sessionId": session,
        "seq": seq,
        "ts": TS,
        "payload": {
            "dialogueId": "turn23-slot2",
            "status": "complete",
            "commenters": [wave(folder, 2, 1, 500), wave(folder, 2, 3, 700)],
            "respondent": wave(folder, 3, 2, 900),
            "playOrder": [
                {"role": "commenter", "slotId": 1},
                {"role": "commenter", "slotId": 3},
                {"role": "respondent", "slotId": 2},
            ],
            "dialogueCount": 1,
            **payload,
        },
    }


def summary(folder: Path, session: str = SESSION) -> Event:
    """A summary of six waves, the longest of two seconds."""
    waves = []
    for slot in range(1, 7):
        file = folder / f"summary_v3_wave{slot}.wav"
        file.write_bytes(b"RIFF")
        waves.append(
            {"slotId": slot, "wavePathAbs": file.as_posix(), "durationMs": 1400 + 100 * slot}
        )
    return {
        "type": "final_summary.ready",
        "sessionId": session,
        "seq": 3,
        "ts": TS,
        "payload": {
            "status": "complete",
            "text": "What remained.",
            "waveInfo": {"voiceProfile": "calm_soothing", "waves": waves},
        },
    }


def sentiment(mood: str = "positive", session: str = SESSION) -> Event:
    """The mood, before Turn 1."""
    payload = {"sentiment": mood, "justification": "it says so"}
    return {
        "type": "user_sentiment",
        "sessionId": session,
        "seq": 1,
        "ts": TS,
        "payload": payload,
    }


def stopped(session: str = SESSION) -> Event:
    """The frame that ends a session."""
    return {"type": "session.stopped", "sessionId": session}


def tell(stage: Stage, *events: Event) -> None:
    """Let the gateway's frames arrive."""
    for event in events:
        stage.call("onReceiveText", stage.socket, 0, json.dumps(event))


def second(stage: Stage) -> None:
    """Let the watchdog cycle."""
    stage.callbacks.onCycle(stage.home.the("watchdog"), 0, 0)


def plays(stage: Stage) -> list[str]:
    """Return who was told to play or to be silent, without the time."""
    return [call for _, call in stage.of_players() if ".play" in call]


def begun(stage: Stage) -> list[tuple[float, str]]:
    """Return which player began when, in milliseconds after the first."""
    starts = [(at, call.split(".")[0]) for at, call in stage.of_players() if "play = 1" in call]
    return [(at - starts[0][0], name) for at, name in starts]


def reports(stage: Stage) -> list[tuple[str, str, int, int]]:
    """Return part, state, slot and turn of each playback report."""
    told = [json.loads(text) for text in stage.socket.sent]
    return [
        (each["part"], each["state"], each["slotId"], each["turnIndex"])
        for each in told
        if each["type"] == "playback"
    ]


def heard(stage: Stage) -> set[str]:
    """Return the players that are not silent."""
    players = stage.home.children.values()
    return {
        each.name
        for each in players
        if each.kind == "audiofileinCHOP" and each.par.play.value and each.par.volume.value > 0
    }


def with_moods(stage: Stage, folder: Path) -> str:
    """Give the mood `positive` a file."""
    file = folder / "calm water.wav"
    file.write_bytes(b"RIFF")
    stage.home.the("moods")["positive", 1] = file.as_posix()
    return file.as_posix()
