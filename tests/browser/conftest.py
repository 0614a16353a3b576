"""What each file of these tests has: a browser, an installation, and a page of each server."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.browsing import Visit, axe_source, chromium, visiting
from tests.support.processes import System, system
from tests.support.staging import stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Yield Chromium; skip where it, or what looks at its pages, is not installed."""
    axe_source()
    with chromium() as it:
        yield it


@pytest.fixture(scope="module")
def show(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One installation for this module, its voices staged by each test."""
    with system(tmp_path_factory.mktemp("show"), seed=11, chat_max_sessions=1) as it:
        it.allow_pages()
        it.gateway()
        it.chat("-m", "tests.support.staged_chat")
        yield it


@pytest.fixture
def kiosk(browser: "Browser", show: System) -> Iterator[Visit]:
    stage(show)
    with visiting(browser, show.chat_url, also=show.gateway_url) as it:
        it.until_text("#who", "6 voices")
        yield it


@pytest.fixture
def desk(browser: "Browser", show: System) -> Iterator[Visit]:
    stage(show)
    with visiting(browser, show.gateway_url) as it:
        it.until_text("#gateway", "running")
        yield it
