"""The line check: what it makes can be rehearsed, place by place, through each one's range."""

import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from shared_schema.events import DialogueWavesReady, WaveReference
from tests.support.client import listening, turn1_of
from tests.support.local_http import LOCAL
from tests.support.processes import System, system

DOME_HZ = {1: (80, 100), 2: (50, 70), 3: (20, 40), 4: (20, 40), 5: (50, 70), 6: (80, 100)}
STEPS_S = 8 * 0.9


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path, show=tmp_path / "show") as it:
        yield it


def samples_of(path: str) -> NDArray[np.float64]:
    with wave.open(path) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)


def frequencies(reference: WaveReference) -> list[float]:
    """Return the frequency of each step, at the end of a wave."""
    samples = samples_of(reference.wave_mix_path_abs)
    assert np.array_equal(samples, samples_of(str(reference.wave1_path_abs)))
    rate = reference.sample_rate_hz
    assert abs(samples).max() < 0.6 * 32768
    steps = samples[-round(STEPS_S * rate) :].reshape(8, -1)
    spectra = abs(np.fft.rfft(steps, n=8 * rate))
    return [float(at) / 8 for at in spectra.argmax(axis=1)]


async def test_each_place_says_its_number_and_steps_through_its_range(show: System) -> None:
    """Turn 1 on all places; then one after another in the order of places, at that place only."""
    folder = show.settings["RR_SHOW"]
    made_show = show.start("show", "-m", "chat_backend", "show", "init", folder, "--water", "dome")
    assert made_show.wait() == 0, made_show.log
    made = show.start("linecheck", "-m", "event_gateway", "linecheck")
    assert made.wait() == 0, made.log
    assert "place 3: 20 to 40 Hz" in made.log
    show.gateway()
    async with listening(show.events_url) as client:
        async with httpx.AsyncClient(**LOCAL) as http:
            url = f"{show.gateway_url}/v1/rehearsal"
            answer = await http.post(url, json={"speed": 100})
        assert answer.is_success, answer.text
        events = await client.told()
    assert [wave.slot_id for wave in turn1_of(events).payload.slots] == [1, 2, 3, 4, 5, 6]
    (dialogue,) = events[1:]
    assert isinstance(dialogue, DialogueWavesReady)
    payload = dialogue.payload
    assert [step.slot_id for step in payload.play_order] == [1, 2, 3, 4, 5, 6]
    for number, reference in enumerate((*payload.commenters, payload.respondent), start=1):
        assert reference.text == ["One", "Two", "Three", "Four", "Five", "Six"][number - 1]
        assert reference.wave1_target_slot_id == number
        assert (reference.wave2_target_slot_id, reference.wave3_target_slot_id) == (None, None)
        assert not samples_of(str(reference.wave2_path_abs)).any()
        low, high = DOME_HZ[number]
        found = frequencies(reference)
        assert found == pytest.approx(list(np.linspace(low, high, 8)), abs=0.5)
