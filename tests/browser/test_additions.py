"""The mood as a quiet sign and the summary as the conversation's end, on both pages."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.browsing import Visit, visiting
from tests.support.processes import System, system
from tests.support.staging import brief_chat

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUESTION = "I am so happy that the sea is back, it is lovely!"


@pytest.fixture(scope="module")
def show(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One installation with both switched on."""
    folder = tmp_path_factory.mktemp("show")
    with system(folder, seed=11, chat_summary=True, chat_sentiment=True) as it:
        it.allow_pages()
        it.gateway()
        brief_chat(it)
        yield it


def ask(kiosk: Visit) -> None:
    kiosk.until_text("#who", "6 voices")
    kiosk.page.fill("#message", QUESTION)
    kiosk.page.click("#send")


def test_the_kiosk_has_the_mood_and_what_remained(show: System, browser: "Browser") -> None:
    """The mood while the voices think; after the replies one voice more, and its sound."""
    with visiting(browser, show.chat_url, also=show.gateway_url) as kiosk:
        ask(kiosk)
        kiosk.until_text("#mood", "a light in your words")
        kiosk.until_text("#progress", "All is said: 6 voices answered")
        kiosk.until_text("#turns [data-turn='4'] h3", "What remains")
        kiosk.until("document.querySelectorAll('[data-turn=\"4\"] .said').length === 1")
        kiosk.until_text("#turns [data-turn='4'] .agent", "the water")
        kiosk.until("document.querySelector('[data-turn=\"4\"] button') !== null")
        assert kiosk.axe() == []


def test_the_desk_shows_both_live_and_afterwards(show: System, browser: "Browser") -> None:
    """In the session and in the log; every ring of the water has its place."""
    with visiting(browser, show.gateway_url) as desk:
        desk.until_text("#gateway", "running")
        with visiting(browser, show.chat_url, also=show.gateway_url) as kiosk:
            ask(kiosk)
            kiosk.until_text("#progress", "All is said")
        desk.until_text("#log", "Mood: positive")
        desk.until_text("#log", "Summary")
        desk.until_text("#mood", "The visitor's mood: positive.")
        desk.until_text("#summary", "ready")
        desk.until("document.querySelector('#summary .said').textContent.includes('“')")
        assert desk.axe() == []
