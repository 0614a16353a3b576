"""A whole evening of another artwork: honcho, a visitor at the kiosk, the kit in TouchDesigner."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from shared_schema.layout import WAVE_NAMES, wave_path
from tests.browser.browsing import axe_source, chromium, visiting
from tests.show.test_observatory import FOLDER
from tests.show.test_observatory import SHOW as OBSERVATORY
from tests.support.processes import System, system
from tests.touchdesigner.connected import ConnectedDat, connected
from tests.touchdesigner.stage import Stage, touchdesigner

ROOT = Path(__file__).parents[2]
WHISPER = "I still have the key to a house that is not there any more."


def visit(show: System) -> str:
    """Ask at the kiosk, wait until all is said, and return what the page says then."""
    with (
        chromium() as browser,
        visiting(browser, show.chat_url, also=show.gateway_url) as kiosk,
    ):
        kiosk.until_text("#who", "6 voices")
        assert kiosk.text("h1") == "Tell the night"
        assert kiosk.text("#send") == "Tell the night"
        kiosk.page.fill("#message", WHISPER)
        kiosk.page.click("#send")
        kiosk.until_text("#progress", "All is said: 6 voices answered")
        kiosk.until("document.querySelectorAll('.thinking').length === 0")
        kiosk.screenshot("observatory-kiosk")
        return kiosk.text("#turns")


def expected(document: dict[str, Any], artifacts: Path) -> set[str]:
    """The files that players are told: wave1 at its voice's own place, wave2 at the next."""
    found: set[str] = set()
    for each in document["utterances"]:
        waves = [wave_path(each["speechPath"], name) for name in WAVE_NAMES]
        places = OBSERVATORY.water.places_of(each["slotId"])
        for player, wave, place in zip("AB", waves, places, strict=False):
            found.add(f"slot{place}{player}.file = {(artifacts / wave).resolve().as_posix()}")
    return found


async def test_the_dome_plays_what_a_visitor_told_the_night(tmp_path: Path) -> None:
    """Everybody who listens gets it: the kiosk in whole sentences, each bowl its own waves."""
    axe_source()
    with system(tmp_path, show=FOLDER) as show, touchdesigner() as stage:
        show.settings["RR_ALLOWED_ORIGINS"] = show.chat_url
        show.settings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        arguments = ("-e", "none", "-f", str(ROOT / "Procfile"), "start")
        honcho = show.start("honcho", "-m", "honcho", *arguments)
        show.wait_ready(honcho, f"{show.gateway_url}/readyz")
        show.wait_ready(honcho, f"{show.chat_url}/v1/health")
        stage.build()
        stage.home.par.Sound = "waves"
        async with connected(stage, show.gateway_port) as dat:
            await dat.until(lambda: stage.status("server"), "greeted")
            said = await while_it_runs(dat, asyncio.create_task(asyncio.to_thread(visit, show)))
            (file,) = show.artifacts.glob("tts/sessions/*/session.json")
            await dat.until(lambda: "pending" not in file.read_text("utf-8"), "all waves made")
            document = json.loads(file.read_text("utf-8"))
            wanted = expected(document, show.artifacts)
            await dat.until(lambda: wanted <= played(stage), "all waves played")
    assert [each["text"] for each in document["utterances"] if each["text"] not in said] == []
    limits = dict(enumerate(("response", "comment", "reply"), 1))
    for each in document["utterances"]:
        length = getattr(OBSERVATORY.words.lengths, limits[each["turnIndex"]])
        assert len(each["text"]) <= length


async def while_it_runs(dat: ConnectedDat, visitor: asyncio.Task[str]) -> str:
    """Let TouchDesigner's frames pass until the visitor has gone."""
    while not visitor.done():
        await dat.frame()
    return visitor.result()


def played(stage: Stage) -> set[str]:
    """Let a second pass, and return every file that a player was told so far."""
    stage.advance(1000)
    return {call for _, call in stage.of_players()}
