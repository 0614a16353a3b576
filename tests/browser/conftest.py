"""The browser of each file's tests."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.browsing import axe_source, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Yield Chromium; skip where it, or what looks at its pages, is not installed."""
    axe_source()
    with chromium() as it:
        yield it
