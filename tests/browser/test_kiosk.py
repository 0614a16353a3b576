"""The kiosk with an operator beside it: keyboard, consent, refusals."""

import json
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.browser.browsing import QUESTION, Visit, ask, visiting
from tests.support.local_http import LOCAL
from tests.support.processes import System
from tests.support.staging import stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Request


def test_the_kiosk_works_with_the_keyboard_alone(show: System, kiosk: Visit) -> None:
    """Skip link, question, Enter; what is happening is said politely; then the first sound."""
    stage(show, words=3)
    kiosk.page.keyboard.press("Tab")
    assert kiosk.page.evaluate("document.activeElement.className") == "skip"
    kiosk.page.keyboard.press("Tab")
    assert kiosk.page.evaluate("document.activeElement.id") == "message"
    kiosk.page.keyboard.type("Who hears a key being pressed?")
    kiosk.page.keyboard.press("Enter")
    kiosk.until("document.activeElement.id === 'conversation'")
    assert kiosk.page.get_attribute("#progress", "role") == "status"
    kiosk.until_text("#progress", "All is said")
    kiosk.page.keyboard.press("Tab")
    assert kiosk.page.evaluate("document.activeElement.id") == "hear"
    with kiosk.passing("document.querySelector('.sound button')?.ariaPressed === 'true'"):
        kiosk.page.keyboard.press("Enter")
    kiosk.page.keyboard.press("Enter")
    kiosk.until("!document.querySelector('.sound button[aria-pressed=\"true\"]')")


def test_a_voice_that_is_chosen_ends_the_hearing_of_all(kiosk: Visit) -> None:
    """The one that was pressed is heard, not the next of the others."""
    ask(kiosk)
    kiosk.until_text("#progress", "All is said")
    kiosk.page.click("#hear")
    kiosk.until("document.querySelector('.sound button[aria-pressed=\"true\"]')")
    kiosk.page.query_selector_all(".sound button")[-1].click()
    kiosk.until(
        "document.querySelector('#hear').innerText === 'Hear them all' &&"
        " [...document.querySelectorAll('.sound button')].at(-1).ariaPressed === 'true'"
    )


def test_every_visitor_agrees_first(show: System, browser: "Browser") -> None:
    """Also before the page knows that it must ask, and the one after New visitor."""
    asked: list[str] = []

    def note(request: "Request") -> None:
        if request.method == "POST":
            asked.append(request.url)

    with visiting(browser, show.chat_url, also=show.gateway_url) as kiosk:
        page = kiosk.page
        page.on("request", note)
        page.route("**/v1/health", lambda route: route.abort())
        page.reload()
        kiosk.until_text("#health", "can't be reached")
        page.fill("#message", QUESTION)
        page.press("#message", "Enter")
        # It takes the place of the refusal at once: the backend's own answer demands no consent.
        kiosk.demand_consent()
        page.press("#message", "Enter")
        kiosk.until("document.querySelector('#send').disabled")
        assert asked == []
        page.click("#agree")
        assert page.is_enabled("#send")
        page.click("#forget")
        kiosk.until("document.querySelector('#send').disabled")
        assert page.is_visible("#agree")


@pytest.mark.parametrize("trouble", ["no answer", "an error"])
def test_what_care_has_not_looked_at_goes_to_no_model(kiosk: Visit, trouble: str) -> None:
    """The question stays where it was written, and can be asked when the page is answered again."""
    asked: list[str] = []
    kiosk.page.on("request", lambda request: asked.append(request.url))
    if trouble == "no answer":
        kiosk.page.route("**/v1/care", lambda route: route.abort())
        said = "can't be reached"
    else:
        broken = {"error": {"field": "", "message": "it is broken"}}
        kiosk.page.route("**/v1/care", lambda route: route.fulfill(status=500, json=broken))
        said = "Not now: it is broken."
    kiosk.page.fill("#message", QUESTION)
    kiosk.page.click("#send")
    kiosk.until_text("#problem", said)
    assert not [url for url in asked if url.endswith("/v1/chat")]
    assert kiosk.page.input_value("#message") == QUESTION


def test_who_goes_back_finds_no_words_of_the_last_visitor(show: System, kiosk: Visit) -> None:
    """Browsers keep a form's content, or the whole page, for those who return."""
    kiosk.page.fill("#message", QUESTION)
    kiosk.page.goto(f"{show.chat_url}/v1/agents")
    kiosk.page.go_back()
    kiosk.until("!document.querySelector('#send').disabled")
    assert kiosk.page.input_value("#message") == ""


def test_the_kiosk_says_why_it_can_not(show: System, kiosk: Visit) -> None:
    """No voice chosen; all places taken; a conversation that was ended."""
    for slot in range(1, 7):
        kiosk.page.evaluate("document.querySelector('#choice').open = true")
        kiosk.page.select_option(f'select[data-number="{slot}"]', "")
    kiosk.page.fill("#message", "Anybody?")
    kiosk.page.click("#send")
    kiosk.until_text("#problem", "Choose at least one voice")
    stage(show, wait_s=50)
    other = f"{show.chat_url}/v1/chat"
    body = {"message": "first", "slots": [{"slotId": 1, "agentId": "gpt-4o"}]}
    with httpx.stream("POST", other, json=body, timeout=60.0, **LOCAL) as stream:
        assert stream.status_code == 200, stream.read()
        lines = stream.iter_lines()
        begun = json.loads(
            next(each for each in lines if "sessionId" in each).removeprefix("data: ")
        )
        kiosk.page.select_option('select[data-number="1"]', "gpt-4o")
        kiosk.page.click("#send")
        kiosk.until_text("#problem", "Try again in 5 seconds")
        stop = f"{show.chat_url}/v1/sessions/{begun['sessionId']}/stop"
        assert httpx.post(stop, **LOCAL).is_success
        for _ in lines:
            pass
    kiosk.page.click("#send")
    kiosk.until("!document.querySelector('#stop').hidden")
    kiosk.page.click("#stop")
    kiosk.until_text("#progress", "All is said")
