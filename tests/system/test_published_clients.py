"""Clients that exist already: one that knows the PRD only, and one that plays the single waves."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from shared_schema.chat import SlotAudio
from shared_schema.ids import SLOT_IDS
from tests.support.client import listening
from tests.support.processes import System
from tests.support.staging import visit

ADDED = {f"wave{n}{field}" for n in (1, 2, 3) for field in ("PathAbs", "PathRel", "TargetSlotId")}
OF_A_REFERENCE = [
    "slotId", "agentId", "voiceProfile", "waveMixPathAbs", "waveMixPathRel", "durationMs",
    "sampleRateHz", "text", "speechPathAbs",
]  # fmt: skip
OF_A_PAYLOAD = {
    "turn1.waves.ready": [
        "turnIndex", "status", "slotsExpected", "slotsReady", "slots", "missingSlotIds",
    ],
    "dialogue.waves.ready": [
        "dialogueId", "turns", "targetSlotId", "status", "commenters", "respondent", "playOrder",
        "missingCommenterSlotIds", "dialogueCount",
    ],
}  # fmt: skip


def references(frame: dict[str, Any]) -> list[dict[str, Any]]:
    payload = frame["payload"]
    if frame["type"] == "turn1.waves.ready":
        slots: list[dict[str, Any]] = payload["slots"]
        return slots
    return [*payload["commenters"], payload["respondent"]]


def waves(frame: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    """Yield what a client plays that reads these fields and no others."""
    for each in references(frame):
        yield each["wave1PathAbs"], each["wave1TargetSlotId"], each["durationMs"]
        yield each["wave2PathAbs"], each["wave2TargetSlotId"], each["durationMs"]


async def session(show: System) -> tuple[list[SlotAudio], list[dict[str, Any]]]:
    """Return what was spoken in a session, and the frames of its events."""
    async with listening(show.events_url) as client:
        stream = await visit(show)
        events = await client.told(stream.session_id)
        await client.nothing()
        frames = [json.loads(text) for text in client.raw[-len(events) :]]
    return stream.of(SlotAudio), frames


async def test_a_client_of_single_waves_plays_every_utterance(show: System) -> None:
    """Both waves of each, at a place, for its length: the own place and the next one."""
    spoken, frames = await session(show)
    played = [wave for frame in frames for wave in waves(frame)]
    assert len({path for path, _, _ in played}) == len(played) == 2 * len(spoken)
    for path, place, duration_ms in played:
        info = soundfile.info(path)
        assert round(1000 * info.duration) == duration_ms
        assert place in SLOT_IDS
    turn1 = Counter(place for _, place, _ in waves(frames[0]))
    assert turn1 == dict.fromkeys(SLOT_IDS, 2)
    for each in (each for frame in frames for each in references(frame)):
        own = each["slotId"]
        assert [each[f"wave{n}TargetSlotId"] for n in (1, 2, 3)] == [own, own % 6 + 1, own]


async def test_a_client_of_the_prd_plays_as_before(show: System) -> None:
    """Every field of before in its order, then the waves that the mix is the sum of; no more."""
    spoken, frames = await session(show)
    told = [each for frame in frames for each in references(frame)]
    assert len(told) == len(spoken)
    assert all(list(frame["payload"]) == OF_A_PAYLOAD[frame["type"]] for frame in frames)
    for each in told:
        assert list(each)[: len(OF_A_REFERENCE)] == OF_A_REFERENCE
        assert set(each) == {*OF_A_REFERENCE, *ADDED}
        parts = [soundfile.read(each[f"wave{n}PathAbs"], dtype="int16")[0] for n in (1, 2, 3)]
        mix = soundfile.read(each["waveMixPathAbs"], dtype="int16")[0]
        assert np.array_equal(mix, np.sum(parts, axis=0, dtype=np.int16))
        for n in (1, 2, 3):
            assert Path(each[f"wave{n}PathAbs"]) == show.artifacts / each[f"wave{n}PathRel"]
