"""Pages that were opened once with their token, in a real browser."""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.support.processes import system, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OPERATOR = "grün + 41%"
VISITOR = "für Gäste"
WITHIN_S = 20.0


def test_pages_opened_once_with_their_tokens_work_and_hide_them(
    browser: "Browser", tmp_path: Path
) -> None:
    """In one browser, whose cookies both servers share; opened again, they need none."""
    tokens = {"events_token": "for machines", "operator_token": OPERATOR, "chat_token": VISITOR}
    with system(tmp_path, **tokens) as show:
        started = [show.start(name, "-m", name) for name in ("event_gateway", "chat_backend")]
        until(lambda: all("listening" in each.log for each in started), "both listen")
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.set_default_timeout(WITHIN_S * 1000)
        opened = (
            (show.gateway_url, OPERATOR, "#gateway", "running"),
            (show.chat_url, VISITOR, "#who", "6 voices"),
        )
        for query in (True, False):
            for url, token, place, text in opened:
                page.goto(f"{url}/?token={quote(token)}" if query else f"{url}/")
                page.get_by_text(text).and_(page.locator(place)).wait_for()
                assert page.url == f"{url}/"
        context.close()
