"""?kiosk=1: the page looks after itself for a day."""

import json
import os
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.browser.browsing import LOOK_EVERY_MS, WITHIN_S, Visit, visiting
from tests.support.local_http import LOCAL
from tests.support.processes import Process, System, system
from tests.support.staging import stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request

pytestmark = pytest.mark.timeout(300)

# A day has 200: KIOSK_VISITS=200.
VISITS = int(os.environ.get("KIOSK_VISITS", "8"))
SETTLING = 20
# What a page may grow by: the browser's own caches and compiled code.
HEAP_BYTES = 1_500_000
QUERY = "?kiosk=1&input=text"


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with system(tmp_path_factory.mktemp("show"), seed=11) as it:
        it.allow_pages()
        it.gateway()
        it.chat("-m", "tests.support.staged_chat")
        stage(it, words=2)  # the water's own time is what is waited for
        yield it


def playing(show: System) -> Process:
    """Start a stand-in that reports what it would play."""
    process = show.start("listener", "-m", "event_gateway", "listen", "--timeout", "900")
    process.until_logged("connected to")
    return process


@pytest.fixture
def touchdesigner(show: System) -> Iterator[Process]:
    process = playing(show)
    yield process
    process.stop()


@pytest.fixture
def kiosk(browser: "Browser", show: System, touchdesigner: Process) -> Iterator[Visit]:
    with visiting(browser, show.chat_url, also=show.gateway_url, query=QUERY) as it:
        it.until_text("#send", "Ask")
        it.until("document.body.classList.contains('kiosk')")
        yield it


def free(kiosk: Visit) -> None:
    kiosk.until("!document.querySelector('#send').disabled")


def ask(kiosk: Visit, question: str, slots: int = 1) -> None:
    """Ask with as many voices as given: with one there is no Turn 2 to wait for."""
    free(kiosk)
    kiosk.page.evaluate(
        "(kept) => { for (const each of document.querySelectorAll('#slots select'))"
        " if (each.dataset.number > kept) each.value = ''; }",
        slots,
    )
    kiosk.page.fill("#message", question)
    kiosk.page.click("#send")
    kiosk.until_text("#conversation-title", question)


def visits_of(kiosk: Visit) -> list[str]:
    """Return a list that grows by the visit of each question."""
    visits: list[str] = []

    def note(request: "Request") -> None:
        if request.url.endswith("/v1/chat"):
            visits.append(json.loads(request.post_data or "")["visitId"])

    kiosk.page.on("request", note)
    return visits


def test_the_next_question_is_taken_when_the_water_has_ended(kiosk: Visit, show: System) -> None:
    """The voice that plays is shown, then the wait; a question is a visit, unless one goes on."""
    visits = visits_of(kiosk)
    for operators in ("#choice", "#forget", "#health", "#hear"):
        assert not kiosk.page.is_visible(operators)
    ask(kiosk, "Who speaks first?")
    kiosk.until("document.querySelector('.voice.plays')")
    kiosk.screenshot("kiosk-plays")
    kiosk.until_text("#understood", "Watch the water")
    assert kiosk.page.is_disabled("#send")
    free(kiosk)
    assert kiosk.page.query_selector(".voice.plays") is None
    ask(kiosk, "Who is next?")
    free(kiosk)
    kiosk.page.click("#go-on")
    ask(kiosk, "And then?")
    first, second, third = visits
    assert first != second == third
    assert kiosk.axe() == []


def a_minute_later(kiosk: Visit) -> None:
    """Put the page's own clock on."""
    kiosk.page.evaluate(
        "() => { const now = performance.now.bind(performance);"
        " performance.now = () => now() + 61_000; }"
    )


def until_minutes_later(kiosk: Visit, expression: str) -> None:
    """Put the clock on until it is so: a server that is late begins the page's minute anew."""
    give_up_at = time.monotonic() + WITHIN_S
    while not kiosk.page.evaluate(expression):
        assert time.monotonic() < give_up_at, f"{expression}: {kiosk.body()}"
        a_minute_later(kiosk)
        kiosk.page.wait_for_timeout(5 * LOOK_EVERY_MS)


@pytest.mark.parametrize("last", ["leaves", "goes on, and leaves"])
def test_who_comes_when_the_screen_is_empty_is_another_visitor(
    kiosk: Visit, show: System, last: str
) -> None:
    """What was taken off the screen is not remembered by the voices either."""
    visits = visits_of(kiosk)
    ask(kiosk, "Who was here?")
    free(kiosk)
    if last != "leaves":
        kiosk.page.click("#go-on")
    until_minutes_later(kiosk, "document.querySelector('#conversation').hidden")
    ask(kiosk, "Who is there now?")
    first, second = visits
    assert first != second


def test_a_question_that_could_not_be_asked_stays_for_nobody(kiosk: Visit) -> None:
    """Where nobody sends visitors away, the next one would read it."""
    free(kiosk)
    kiosk.page.route("**/v1/care", lambda route: route.abort())
    kiosk.page.fill("#message", "I stole my sister's ring")
    kiosk.page.click("#send")
    kiosk.until_text("#problem", "can't be reached")
    assert kiosk.page.input_value("#message") == ""


def test_what_was_written_and_not_asked_is_taken_off_the_screen(kiosk: Visit, show: System) -> None:
    """Nor does the venue's own sentence to somebody in need stay for who comes next."""
    free(kiosk)
    kiosk.page.fill("#message", "I want to end my life")
    kiosk.page.click("#send")
    kiosk.until_text("#problem", "deserves a human answer")
    free(kiosk)
    kiosk.page.fill("#message", "What I would never have said")
    until_minutes_later(kiosk, "document.querySelector('#message').value === ''")
    assert not kiosk.page.is_visible("#problem")


def test_who_agreed_and_left_agreed_for_nobody_else(kiosk: Visit, show: System) -> None:
    """A minute without a touch, and the page asks again."""
    kiosk.demand_consent()
    kiosk.page.click("#agree")
    free(kiosk)
    until_minutes_later(kiosk, "document.querySelector('#send').disabled")
    assert kiosk.page.is_visible("#agree")


def test_the_water_rests_while_it_is_quiet_or_nobody_plays(
    kiosk: Visit, show: System, touchdesigner: Process
) -> None:
    """Quiet at once, TouchDesigner gone after half a minute; then questions are taken again."""
    free(kiosk)
    quiet = f"{show.gateway_url}/v1/quiet"
    assert httpx.post(quiet, **LOCAL).is_success
    kiosk.until_text("#understood", "The water rests")
    assert kiosk.page.is_disabled("#send")
    kiosk.screenshot("kiosk-rests")
    assert httpx.delete(quiet, **LOCAL).is_success
    free(kiosk)
    touchdesigner.stop()
    # A wait that the page begins when it is told that TouchDesigner is gone.
    while "The water rests" not in kiosk.text("#understood"):
        a_minute_later(kiosk)
        kiosk.page.wait_for_timeout(LOOK_EVERY_MS)
    again = playing(show)
    free(kiosk)
    again.stop()


def test_it_survives_restarts_of_both_servers(kiosk: Visit, show: System) -> None:
    """Away for a moment, then it takes questions again, without a reload."""
    gateway, chat = show.processes[:2]
    for process in (chat, gateway):
        process.stop()
    kiosk.until_text("#understood", "away for a moment")
    show.gateway()
    show.chat("-m", "tests.support.staged_chat")
    free(kiosk)
    ask(kiosk, "Are you back?")


@pytest.mark.timeout(600)
def test_many_visits_leave_the_page_as_it_was(browser: "Browser", show: System) -> None:
    """Elements, listeners and memory do not grow; sessions are those of a real one."""
    body = {"message": "What remains?"}
    stream = httpx.post(f"{show.chat_url}/v1/chat", json=body, timeout=60.0, **LOCAL).text
    # Nobody played that session: the water is still when the next question is asked.
    show.settled(re.findall(r'"sessionId":"([^"]+)"', stream)[0])
    listener = playing(show)
    with visiting(browser, show.chat_url, also=show.gateway_url, query=QUERY) as kiosk:
        page = kiosk.page
        page.route(
            "**/v1/chat", lambda route: route.fulfill(body=stream, content_type="text/event-stream")
        )
        page.route("**/v1/audio/**", lambda route: route.fulfill(body=b"", status=404))
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable")
        kiosk.until("document.body.classList.contains('kiosk')")

        def measured() -> dict[str, float]:
            devtools.send("HeapProfiler.collectGarbage")
            found: list[dict[str, Any]] = devtools.send("Performance.getMetrics")["metrics"]
            return {each["name"]: each["value"] for each in found}

        def visit_once(number: int) -> None:
            free(kiosk)
            page.evaluate(
                "(it) => { document.querySelector('#message').value = it;"
                " document.querySelector('#ask').requestSubmit(); }",
                f"Visit {number}",
            )
            kiosk.until(
                "document.querySelector('#conversation-title').textContent.includes(it)",
                f"Visit {number}",
            )

        for number in range(SETTLING):
            visit_once(number)
        free(kiosk)
        before = measured()
        for number in range(SETTLING, SETTLING + VISITS):
            visit_once(number)
        free(kiosk)
        after = measured()
    listener.stop()
    grown = {name: after[name] - before[name] for name in ("Nodes", "JSEventListeners")}
    heap = after["JSHeapUsedSize"] - before["JSHeapUsedSize"]
    print(f"grown by {grown}, heap by {heap:.0f} bytes")  # noqa: T201  # shown with -s
    # One session on the page has some six hundred.
    assert grown["Nodes"] < 700
    assert grown["JSEventListeners"] < 100
    assert heap < HEAP_BYTES
