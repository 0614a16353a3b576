"""From a spoken sentence to the last wave: browser, both servers, and the kit that reports."""

import asyncio
import re
from pathlib import Path

import httpx
import numpy as np
import pytest

from chat_backend.speech.audio import SAMPLE_RATE_HZ, write_wav
from shared_schema.session_document import read_document
from tests.browser.browsing import axe_source, chromium, visiting
from tests.browser.test_observatory import while_it_runs
from tests.browser.test_speaking import FAKE, HEARD, SENTENCE, hold, ready
from tests.support.local_http import LOCAL
from tests.support.processes import System, system
from tests.support.recordings import spoken
from tests.support.staging import brief_chat
from tests.touchdesigner.connected import connected
from tests.touchdesigner.stage import touchdesigner

pytest.importorskip("faster_whisper", reason="needs the group: uv sync --group voices")

STEP_MS = 200  # of the stage's own clock, so that a minute of playing takes seconds


def visit(show: System, voice: Path) -> str:
    """Speak to the kiosk, wait until all is said, and return what it understood."""
    with (
        chromium(*FAKE, f"--use-file-for-fake-audio-capture={voice}") as browser,
        visiting(browser, show.chat_url, also=show.gateway_url) as kiosk,
    ):
        ready(kiosk)
        hold(kiosk)
        kiosk.until_text("#progress", "All is said: 6 voices answered")
        return kiosk.text("#conversation-title")


def reports(show: System) -> dict[str, int]:
    """Return how many playback reports the gateway has counted, by state, and what plays now."""
    text = httpx.get(f"{show.gateway_url}/metrics", **LOCAL).text
    found = re.findall(r'^rr_playback_(?:reports_total\{state="(\w+)"\}|playing) (\d+)', text, re.M)
    return {state or "playing": int(count) for state, count in found}


async def test_a_spoken_sentence_is_played_to_its_end_and_reported(tmp_path: Path) -> None:
    """Each utterance starts and ends once in the water, and the gateway is told of all of them."""
    axe_source()
    voice = tmp_path / "voice.wav"
    pause = np.zeros(SAMPLE_RATE_HZ // 2, np.float32)
    write_wav(np.concatenate([spoken(SENTENCE), pause]), voice)
    with system(tmp_path, stt="whisper") as show, touchdesigner() as stage:
        show.allow_pages()
        show.gateway()
        brief_chat(show)
        stage.build()
        async with connected(stage, show.gateway_port) as dat:
            await dat.until(lambda: stage.status("server"), "greeted")
            visitor = asyncio.create_task(asyncio.to_thread(visit, show, voice))
            assert HEARD in (await while_it_runs(dat, visitor)).lower()
            (file,) = show.artifacts.glob("tts/sessions/*/session.json")
            await dat.until(lambda: (it := read_document(file)) and it.settled, "all waves made")
            document = read_document(file)
            assert document is not None
            every = len(document.utterances)

            def all_ended() -> bool:
                stage.advance(STEP_MS)
                return reports(show).get("ended", 0) >= every

            await dat.until(all_ended, "everything played and reported")
            await dat.said()
            assert reports(show) == {"started": every, "ended": every, "playing": 0}
