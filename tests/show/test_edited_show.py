"""A show that is edited while the real servers run it."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from chat_backend.show.show import load_show
from shared_schema.chat import SlotAudio, SlotDone
from shared_schema.events import DialogueWavesReady, Turn1WavesReady, WaveReference
from shared_schema.ids import KIND_OF_TURN
from shared_schema.runtime.process.exits import CONFIGURATION
from shared_schema.settings import Settings
from tests.show.test_observatory import FOLDER
from tests.show.test_show_folder import change
from tests.support.client import listening
from tests.support.local_http import LOCAL
from tests.support.processes import System, system, until
from tests.support.visitor import Stream, post
from tests.system.test_studio import watched

QUESTION = {"message": "I told nobody where I was going, and nobody asked."}
WELCOME = "Welcome, the soup has been waiting."
# What a wave may have outside its range, on both sides.
WIDENED_HZ = 12.0


@pytest.fixture(scope="module")
def observatory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The servers with a copy of the observatory."""
    folder = tmp_path_factory.mktemp("observatory")
    shutil.copytree(FOLDER, folder / "show")
    with system(folder, show=folder / "show") as it:
        it.gateway()
        it.chat()
        yield it


def show_of(it: System) -> Path:
    return it.folder / "show"


def line_of(path: Path, text: str) -> int:
    """The number of the line that has this."""
    lines = path.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def problem(it: System) -> str | None:
    """Why the files are not the show in force, as the chat backend tells."""
    health = httpx.get(f"{it.chat_url}/v1/health", **LOCAL).json()
    found: str | None = health["show"]["problem"]
    return found


def warnings(it: System) -> str:
    """What the technician's page warns of."""
    state, _ = watched(it, lines=0)
    return " ".join(state["warnings"])


def greeting(it: System) -> str:
    """What the Radiator answers to a greeting."""
    body = {"message": "Hello", "slots": [{"slotId": 5, "agentId": "gpt-4o"}]}
    (done,) = post(it.chat_url, body).of(SlotDone, 1)
    return str(done.text)


def share_within(path: str, low: float, high: float) -> float:
    """The share of a wave's energy in a range."""
    samples, rate = soundfile.read(path)
    energy = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / rate)
    inside = (frequency >= low - WIDENED_HZ) & (frequency <= high + WIDENED_HZ)
    return float(energy[inside].sum() / energy.sum())


async def test_another_artwork_is_played_whole(observatory: System) -> None:
    """Its voices, within its lengths; each wave where its dome has it, and in the range there."""
    show = load_show(Settings(show=FOLDER))
    async with listening(observatory.events_url) as touchdesigner:
        stream: Stream = await asyncio.to_thread(post, observatory.chat_url, QUESTION)
        events = await touchdesigner.told(stream.session_id)
    stream.assert_in_order()
    assert [len(stream.of(SlotAudio, turn)) for turn in (1, 2)] == [6, 6]
    for turn, kind in KIND_OF_TURN.items():
        assert all(len(d.text) <= show.words.lengths.of(kind) for d in stream.of(SlotDone, turn))
    references: list[WaveReference] = []
    for event in events:
        if isinstance(event, Turn1WavesReady):
            references += event.payload.slots
        elif isinstance(event, DialogueWavesReady):
            references += [*event.payload.commenters, event.payload.respondent]
    assert len(references) > 12
    for each in references:
        targets = (each.wave1_target_slot_id, each.wave2_target_slot_id, each.wave3_target_slot_id)
        assert targets == show.water.places_of(each.slot_id)
        paths = (each.wave1_path_abs, each.wave2_path_abs, each.wave3_path_abs)
        for path, place in zip(paths, targets, strict=True):
            assert isinstance(path, str)
            assert isinstance(place, int)
            low, high = show.water.ranges_hz[place - 1] or (0.0, 0.0)
            assert share_within(path, low, high) >= 0.99


def kiosk(it: System) -> str:
    """The page that a visitor opens."""
    answer = httpx.get(it.chat_url, **LOCAL)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def test_the_kiosk_has_the_shows_words(observatory: System) -> None:
    """As text, whatever is in them, and anew without a restart."""
    assert "<h1>Tell the night</h1>" in kiosk(observatory)
    odd = "Dusk & <b>$dawn</b>"
    change(show_of(observatory), "words.toml", "Tell the night", odd)
    until(lambda: "Dusk &amp; &lt;b&gt;$dawn&lt;/b&gt;" in kiosk(observatory), "other words")
    change(show_of(observatory), "words.toml", odd, "Tell the night")
    until(lambda: "<h1>Tell the night</h1>" in kiosk(observatory), "the words from before")


def test_a_change_holds_from_the_next_session_on(observatory: System) -> None:
    """Without a restart: the process is the same."""
    pid = observatory.processes[1].pid
    change(
        show_of(observatory),
        "personas/radiator.toml",
        'greeting = ["Hello, shut the door, dear.", "Come in, you are frozen.",'
        ' "Tick, good evening."]',
        f'greeting = ["{WELCOME}"]',
    )
    assert greeting(observatory).startswith(WELCOME)
    assert problem(observatory) is None
    assert observatory.processes[1].pid == pid
    agents = httpx.get(f"{observatory.chat_url}/v1/agents", **LOCAL).json()["agents"]
    titles = {each["agentId"]: each["description"] for each in agents}
    assert titles["gpt-4o"] == "the Radiator, who ticks"


def test_a_broken_file_leaves_the_old_show(observatory: System) -> None:
    """One line says which file and why, in the log and in the health; mended, it is taken."""
    change(show_of(observatory), "words.toml", "comment = 120", "comment = oops")
    place = f"words.toml:{line_of(show_of(observatory) / 'words.toml', 'oops')}"
    until(lambda: place in str(problem(observatory)), "the problem told")
    before = greeting(observatory)
    assert before
    until(lambda: place in warnings(observatory), "the technician told")
    ready = httpx.get(f"{observatory.gateway_url}/readyz", **LOCAL)
    assert ready.status_code == httpx.codes.OK
    log = observatory.processes[1].log
    assert log.count("show refused") == 1
    change(show_of(observatory), "words.toml", "comment = oops", "comment = 80")
    assert greeting(observatory)
    assert problem(observatory) is None
    until(lambda: not warnings(observatory), "the technician told that it is mended")
    stream = post(observatory.chat_url, QUESTION)
    assert all(len(done.text) <= 80 for done in stream.of(SlotDone, 2))


def test_other_models_wait_for_a_restart(observatory: System) -> None:
    """And it is said until then."""
    path = show_of(observatory) / "agents.toml"
    path.write_text('[agents.gpt-4o]\nprovider = "openai"\nmodel = "another"\n', "utf-8")
    until(lambda: "restart" in str(problem(observatory)), "the restart asked for")
    path.unlink()
    until(lambda: problem(observatory) is None, "the problem gone")


def test_a_start_with_a_mistake_is_refused(tmp_path: Path) -> None:
    """With the same line as `show check`."""
    shutil.copytree(FOLDER, tmp_path / "show")
    change(tmp_path / "show", "water.toml", "range_hz = [80, 100]", "range_hz = [80, 1000]")
    with system(tmp_path, show=tmp_path / "show") as it:
        process = it.start("chat", "-m", "chat_backend")
        assert process.wait() == CONFIGURATION
        (line,) = process.log.splitlines()
        place = f"water.toml:{line_of(tmp_path / 'show' / 'water.toml', '1000')}"
        assert f"{place}: slot1.range_hz: the range 80 to 1000 Hz" in line
