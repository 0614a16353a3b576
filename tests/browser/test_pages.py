"""Both pages in a real browser, with real servers behind them."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from msgspec import structs

from event_gateway.core.session import Session
from event_gateway.studio.status import SessionStatus
from shared_schema.events import (
    Hush,
    PlaybackReport,
    ServerEvent,
    decode_server_event,
    encode_event,
)
from shared_schema.ids import AGENT_IDS
from shared_schema.runtime.web.clients import local_socket
from tests.browser.browsing import QUESTION, WITHIN_S, Visit, ask, progress, visiting
from tests.support.local_http import LOCAL
from tests.support.platforms import PIPES
from tests.support.processes import Process, System
from tests.support.staging import stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from websockets.sync.client import ClientConnection


@pytest.fixture(scope="module")
def told(show: System) -> None:
    """A small session that is over."""
    stage(show)
    post(show, "What is small and over?", slots=2)


@pytest.fixture
def touchdesigner(show: System) -> Iterator[Callable[[], Process]]:
    """What lets the stand-in for TouchDesigner connect."""
    begun: list[Process] = []

    def connect() -> Process:
        process = show.start("listener", "-m", "event_gateway", "listen")
        begun.append(process)
        process.until_logged("connected to")
        return process

    yield connect
    for process in begun:
        process.stop()


def log_ids(desk: Visit) -> list[str]:
    """Return session and seq of every event in the page's log."""
    found: list[str] = desk.page.eval_on_selector_all(
        "#log summary", "all => all.map(each => each.innerText.match(/[0-9a-f]{8} #\\d+/)?.[0])"
    )
    return found


def test_a_session_arrives_on_both_pages(
    touchdesigner: Callable[[], Process], kiosk: Visit, desk: Visit
) -> None:
    """Three turns at the kiosk, the grid and the log at the desk; every sound has a shape."""
    for moving in (kiosk, desk):
        moving.page.emulate_media(reduced_motion="no-preference")
    assert "not connected" in desk.text("#client")
    client = touchdesigner()
    desk.until_text("#client", "connected, listen")
    with kiosk.passing(progress("Turn 2 of 3")):
        ask(kiosk)
    desk.until("document.querySelectorAll('#slots .cell[data-state=\"ready\"]').length > 3")
    desk.screenshot("technician-live")
    for seen in (kiosk, desk):  # moving both for longer takes all of two cores
        seen.page.emulate_media(reduced_motion="reduce")
    kiosk.until_text("#progress", "All is said: 6 voices answered")
    turns = kiosk.page.eval_on_selector_all(
        ".turn", "all => all.map(each => each.querySelectorAll('.voice .said').length)"
    )
    assert turns[:2] == [6, 6]
    assert 1 <= turns[2] <= 6
    kiosk.until("document.querySelectorAll('.thinking').length === 0")
    replies = turns[2]
    desk.until("document.querySelectorAll('#log li').length === it", replies + 1)
    desk.until_text("#session-title", QUESTION)
    desk.until(
        "document.querySelectorAll('#dialogues [data-state=\"ready\"]').length === it", replies
    )
    all_said = 12 + replies
    desk.until("document.querySelectorAll('.cell[data-state=\"ready\"]').length === it", all_said)
    desk.until("document.querySelectorAll('.sound svg[data-drawn]').length > 4")
    assert desk.page.query_selector(".sound svg[data-problem]") is None
    desk.page.click("#log li:first-child summary")
    payload = json.loads(desk.text("#log li:first-child pre"))
    assert payload["type"] == "dialogue.waves.ready"
    desk.pictures("technician")
    kiosk.pictures("kiosk")
    client.stop()
    desk.until_text("#client", "not connected")


def test_a_sound_is_played_and_silenced(show: System, told: None, desk: Visit) -> None:
    """Speech and wave have a button each; the second silences the first."""
    desk.until("document.querySelectorAll('.sound button').length > 1")
    first, second = desk.page.query_selector_all(".sound button")[:2]
    assert (first.inner_text(), second.inner_text()) == ("Wave", "Speech")
    first.click()
    assert first.get_attribute("aria-pressed") == "true"
    desk.until(
        "parseFloat(document.querySelector('.sound').style.getPropertyValue('--played')) > 0"
    )
    second.click()
    assert first.get_attribute("aria-pressed") == "false"
    assert second.get_attribute("aria-pressed") == "true"
    second.click()
    assert second.get_attribute("aria-pressed") == "false"


def test_the_desk_survives_a_restart_of_the_gateway(show: System, told: None, desk: Visit) -> None:
    """It says that the gateway is away, comes back by itself, and repeats no event."""
    before = log_ids(desk)
    show.processes[0].stop()
    desk.until_text("#gateway", "away")
    desk.screenshot("technician-away")
    show.processes[0] = show.gateway()
    show.processes.pop()
    desk.until_text("#gateway", "running")
    desk.until_text("#backend", "connected")
    post(show, "What remains after a restart?", slots=2)
    desk.until("document.querySelectorAll('#log li').length > it", len(before))
    desk.until_text("#session-title", "What remains after a restart?")
    after = log_ids(desk)
    assert len(after) == len(set(after))
    assert set(before) < set(after)


def test_the_desk_shows_what_a_new_outbox_records(show: System, told: None, desk: Visit) -> None:
    """Its lines are numbered from 1 again; none is taken for one that the page has."""
    before = len(log_ids(desk))
    show.processes[0].stop()
    for file in (show.artifacts / "gateway").glob("outbox.sqlite3*"):
        file.unlink()
    show.processes[0] = show.gateway()
    show.processes.pop()
    desk.until_text("#gateway", "running")
    desk.until_text("#backend", "connected")
    post(show, "What does a new outbox record?", slots=2)
    desk.until("document.querySelectorAll('#log li').length > it", before)


def post(show: System, message: str, *, slots: int) -> None:
    wanted = [{"slotId": n + 1, "agentId": AGENT_IDS[n]} for n in range(slots)]
    body = {"message": message, "slots": wanted}
    answer = httpx.post(f"{show.chat_url}/v1/chat", json=body, timeout=60.0, **LOCAL)
    assert answer.status_code == httpx.codes.OK


def test_a_rehearsal_reaches_the_connected_client(
    show: System, told: None, touchdesigner: Callable[[], Process], desk: Visit
) -> None:
    """Refused with a remedy while nobody is connected; then every event comes, marked."""
    desk.until("!document.querySelector('#begin').hidden")
    desk.page.click("#begin")
    desk.until_text("#rehearsal", "open the TouchDesigner project")
    client = touchdesigner()
    desk.until_text("#client", "connected, listen")
    desk.page.select_option("#speed", "4")
    desk.page.click("#begin")
    desk.until_text("#rehearsal", "Rehearsed")
    desk.until("document.querySelectorAll('#log [data-state=\"rehearsal\"]').length > 1")
    fresh = httpx.get(f"{show.gateway_url}/v1/rehearsal", **LOCAL).json()
    client.until_logged(f"[{fresh['sessionId'][:8]} #{fresh['events']}]")
    desk.page.check("#loop")
    desk.page.click("#begin")
    desk.until_text("#rehearsal", "Rehearsing")
    desk.screenshot("technician-rehearsal")
    desk.page.click("#end")
    desk.until_text("#rehearsal", "has ended")


def test_failures_are_clear_and_the_rest_goes_on(show: System, kiosk: Visit, desk: Visit) -> None:
    """A mute slot and a broken file: said where they happened, with what still works."""
    stage(show, mute=["1:2"], **{"break": ["1:3"]})
    ask(kiosk, "Who is missing?", slots=(1, 2, 3))
    kiosk.until_text("#progress", "All is said: 3 voices answered, 1 thing failed")
    assert "slot 2" in kiosk.text("#troubles")
    assert "Everything else goes on" in kiosk.text("#troubles")
    lost = kiosk.text(".voice.lost")
    assert "has no voice this time" in lost
    assert "staged: no voice" in lost
    kiosk.screenshot("kiosk-failure")
    assert kiosk.axe() == []
    desk.until_text("#session-title", "Who is missing?")
    desk.until("document.querySelectorAll('#slots .cell[data-state=\"failed\"]').length === 2")
    assert "speech: staged: no voice" in desk.text('#slots [data-slot="2"]')
    assert "waves:" in desk.text('#slots [data-slot="3"]')
    assert desk.axe() == []


def test_the_desk_shows_what_plays_and_what_does_not(show: System, told: None, desk: Visit) -> None:
    """By the client's reports; then since when nothing was played of what was sent."""
    session = httpx.get(f"{show.gateway_url}/v1/recordings", **LOCAL).json()
    report = PlaybackReport(
        session_id=session["recordings"][0]["sessionId"],
        part="turn1",
        slot_id=2,
        turn_index=1,
        state="started",
    )
    with local_socket(show.events_url) as client:
        client.send(encode_event(report))
        desk.until_text("#water", "plays slot 2 (answer)")
        failed = structs.replace(report, state="failed", error="open failed: slot-2.wav")
        client.send(encode_event(failed))
        desk.until_text("#failed", "slot 2 (answer): open failed: slot-2.wav")
        assert desk.axe() == []
    desk.until_text("#water", "still since")


def state_of(show: System) -> dict[str, Any]:
    """Return what the gateway tells a page now."""
    with httpx.stream("GET", f"{show.gateway_url}/v1/watch", **LOCAL) as stream:
        lines = (line.removeprefix("data: ") for line in stream.iter_lines())
        state: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("{")))
    return state


def tell(page: "Page", *states: dict[str, Any], decision: dict[str, Any] | None = None) -> None:
    """Let the gateway tell these states, and a decision, to the page that is opened next.

    It is told them again every few seconds, whenever it connects.
    """
    told = [("state", state) for state in states]
    told += [("decision", decision)] if decision else []
    body = "".join(f"event: {kind}\ndata: {json.dumps(each)}\n\n" for kind, each in told)
    page.route(
        "**/v1/watch*", lambda route: route.fulfill(body=body, content_type="text/event-stream")
    )


def test_the_desk_stays_with_the_newest_session_when_older_ones_are_told_again(
    show: System, desk: Visit
) -> None:
    """A gateway that restarts learns of the session that goes on before it learns of the others."""
    old, new = (live_session(str(uuid.uuid4())) for _ in range(2))
    now = state_of(show)
    told = [now | {"sessions": sessions} for sessions in ([old], [], [new], [new, old])]
    tell(desk.page, *told)
    desk.page.reload()
    desk.until("document.querySelectorAll('#sessions .state').length === 2")
    assert new["sessionId"] in desk.text("#session-facts")


def test_the_desk_shows_a_session_that_was_over_before_it_was_told_of_it(
    show: System, told: None, desk: Visit
) -> None:
    """A restarted gateway may learn of a whole session at once; the page sees its events only."""
    decided = {"id": 1, "at": "2026-01-01T12:00:00.000Z", "sessionId": str(uuid.uuid4())}
    quiet = state_of(show) | {"sessions": []}
    tell(desk.page, quiet, decision=decided | {"key": "turn1", "status": "sent", "event": None})
    desk.page.reload()
    desk.until_text("#session-title", "?")
    post(show, "Who was here for a moment?", slots=1)
    desk.until_text("#session-title", "Who was here for a moment?")


def live_session(session_id: str) -> dict[str, Any]:
    status = SessionStatus.of(Session(session_id=session_id, begun_at=0.0, decided=set()), now=1.0)
    session: dict[str, Any] = json.loads(msgspec.json.encode(status))
    return session


@pytest.mark.parametrize("reporting", [True, False])
def test_the_desk_says_since_when_nothing_was_played(
    show: System, browser: "Browser", reporting: bool
) -> None:
    """In red for a client that reports; as a note for one that may not be able to."""
    state = state_of(show)
    state["playback"] |= {
        "clientConnected": True,
        "reporting": reporting,
        "overdue": True,
        "unplayed": 3,
        "lastPlayedAt": "2026-01-01T12:03:00.000Z",
        "expectedEnd": "2026-01-01T12:05:00.000Z",
    }
    context = browser.new_context(timezone_id="UTC")
    try:
        page = context.new_page()
        tell(page, state)
        page.goto(f"{show.gateway_url}/")
        note = page.wait_for_selector("#still .note")
        assert note is not None
        words = note.inner_text()
        assert "Nothing was played since 12:03:00" in words
        assert "should have ended at 12:05:00 (3 sent events not played)" in words
        assert ("note bad" in str(note.get_attribute("class"))) == reporting
        assert ("timeline" in words) == reporting
    finally:
        context.close()


def test_the_desk_lets_the_water_rest(show: System, told: None, desk: Visit) -> None:
    """The button says so, to whoever looks and to TouchDesigner; pressed again it is over."""
    with local_socket(show.events_url) as client:
        client.recv()
        desk.page.click("#quiet")
        desk.until_text("#water", "rests")
        assert desk.page.get_attribute("#quiet", "aria-pressed") == "true"
        assert until_hush(client) == Hush(on=True)
        desk.pictures("technician-quiet")
        desk.page.click("#quiet")
        assert until_hush(client) == Hush(on=False)
        desk.until("document.querySelector('#quiet').getAttribute('aria-pressed') === 'false'")


def until_hush(client: "ClientConnection") -> ServerEvent:
    """Return the next hush; sessions that other tests stopped are told before it."""
    while not isinstance(event := decode_server_event(client.recv(timeout=WITHIN_S)), Hush):
        pass
    return event


@PIPES
def test_a_late_wave_is_called_late(show: System, browser: "Browser") -> None:
    """A wave that Turn 1 went out without."""
    stage(show, hang=["1:1"])
    with visiting(browser, show.gateway_url) as desk:
        desk.until_text("#gateway", "running")
        show_turn1_timeout_passes(show, desk)


def show_turn1_timeout_passes(show: System, desk: Visit) -> None:
    post(show, "Who comes too late?", slots=2)
    desk.until("document.querySelector('#slots .cell[data-state=\"late\"]')")
    session = desk.text("#session-facts").split(",")[0]
    # The hanging job waits for a writer of this pipe: give it one, and the session can end.
    (pipe,) = (show.artifacts / "tts/sessions" / session / "turn_1").glob("slot-1_*.wav")
    with pipe.open("wb") as writer:
        writer.write(b"no sound")
    desk.until_text("#session-title", "Who comes too late?")


def test_a_page_asks_only_its_own_server_and_says_so(show: System) -> None:
    """The content security policy allows nothing else, not even inline."""
    for url in (show.gateway_url, show.chat_url):
        answer = httpx.get(f"{url}/", **LOCAL)
        assert answer.headers["content-type"].startswith("text/html")
        policy = dict(
            part.strip().split(" ", 1)
            for part in answer.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        if url == show.chat_url:  # what the water plays is known at the gateway
            assert policy.pop("connect-src") == f"'self' {show.gateway_url}"
        assert set(policy.values()) == {"'none'", "'self'"}
        for name in ("../index.html", "%2e%2e/app.py", "nothing.js"):
            assert httpx.get(f"{url}/pages/{name}", **LOCAL).status_code == 404
