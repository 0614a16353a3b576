"""A browser for tests: opens pages of ours and notices what a person or a log would complain about.

Needs Playwright (group ``browser``), a chromium of the system, and axe-core below ``NODE_TOOLS``
(a ``node_modules`` folder). Where one is missing, the tests are skipped with that reason; with
``REQUIRE_BROWSER=1``, as in CI, that is a failure.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A page that waits longer for something than this will wait for ever; the machine may be slow.
WITHIN_S: Final = 60.0
LOOK_EVERY_MS: Final = 100
QUESTION: Final = "What does the sea dream of when nobody is listening?"
WIDE: Final = (1920, 1080)
NARROW: Final = (390, 844)
# What axe calls worse than "moderate".
SERIOUS: Final = {"serious", "critical"}

# What the documents show; made anew with SCREENSHOTS=docs/images.
PICTURES: Final = {
    "kiosk-failure",
    "kiosk-listening",
    "kiosk-narrow-dark",
    "kiosk-plays",
    "kiosk-wide-light",
    "observatory-kiosk",
    "technician-narrow-dark",
    "technician-rehearsal",
    "technician-wide-light",
}

Scheme = Literal["light", "dark"]


def needed(what: str, there: object) -> None:
    """Skip the test if something is missing; fail where it must be there."""
    if there:
        return
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what} is missing, and REQUIRE_BROWSER=1")
    pytest.skip(f"{what} is missing")


def axe_source() -> str:
    """Return the accessibility checker's script."""
    path = Path(os.environ.get("NODE_TOOLS", "node_modules")) / "axe-core" / "axe.min.js"
    needed("axe-core (npm package, found through NODE_TOOLS)", path.is_file())
    return path.read_text("utf-8")


@contextmanager
def chromium(*flags: str) -> Iterator["Browser"]:
    """Yield a browser."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  # it is optional
    except ImportError:
        needed("playwright (uv sync --group browser)", False)
        raise
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    needed("chromium", path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        yield browser
        browser.close()


class Visit:
    """An open page."""

    def __init__(self, page: "Page", *origins: str) -> None:
        self.page = page
        self.origins = origins
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("request", lambda request: self._asked(request.url))

    def _said(self, kind: str, text: str) -> None:
        # A gateway that restarts is away for a moment: the browser says so by itself.
        if kind == "error" and "Failed to load resource" not in text and "ERR_" not in text:
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "data" and f"{parts.scheme}://{parts.netloc}" not in self.origins:
            self.strangers.append(url)

    def text(self, selector: str) -> str:
        return str(self.page.inner_text(selector))

    def until(self, expression: str, argument: Any = None) -> None:
        """Wait until a JavaScript expression is true; `argument` is `it` there."""
        # Asked again and again: a function that waits inside the page needs eval, which the
        # page's own policy forbids.
        give_up_at = time.monotonic() + WITHIN_S
        while not self.page.evaluate(f"(it) => Boolean({expression})", argument):
            assert time.monotonic() < give_up_at, f"{expression} ({argument}): {self.body()}"
            self.page.wait_for_timeout(LOOK_EVERY_MS)

    def body(self) -> str:
        """Return what the page says, for a person who reads a failure."""
        return str(self.page.inner_text("body"))

    def until_text(self, selector: str, text: str) -> None:
        """Wait until an element says something."""
        self.until("document.querySelector(it[0])?.innerText.includes(it[1])", [selector, text])

    @contextmanager
    def passing(self, expression: str) -> Iterator[None]:
        """Wait after the block until a JavaScript expression was true, if only for a moment.

        The page notes it by itself: on a busy machine a look every now and then comes too late.
        """
        self.page.evaluate(
            f"""() => {{
                const look = () => {{ window.passed ||= Boolean({expression}); }};
                window.passed = false;
                window.passing?.disconnect();
                window.passing = new MutationObserver(look);
                const all = {{ subtree: true, childList: true, characterData: true }};
                window.passing.observe(document, {{ ...all, attributes: true }});
                look();
            }}"""
        )
        yield
        self.until("window.passed")

    def demand_consent(self) -> None:
        """Let the backend say that visitors must agree first."""

        def health(route: "Route") -> None:
            answer = route.fetch()
            route.fulfill(response=answer, json=answer.json() | {"consent": True})

        self.page.route("**/v1/health", health)

    def scroll_sideways(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return int(
            self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    def axe(self) -> list[str]:
        """Return what an accessibility checker finds serious, with everything at rest.

        What changes while it looks changes at once: colours half way are nobody's.
        """
        self.page.evaluate(axe_source())
        found = self.page.evaluate(
            """async () => {
              const rest = new CSSStyleSheet();
              rest.replaceSync(
                "*, ::before, ::after { transition: none !important; animation: none !important; }"
              );
              document.adoptedStyleSheets.push(rest);
              const found = await axe.run(document);
              document.adoptedStyleSheets.pop();
              return found;
            }"""
        )
        return [
            f"{each['id']}: {each['help']}: {node['html'][:200]}"
            for each in found["violations"]
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]

    def look(self, size: tuple[int, int], scheme: Scheme) -> None:
        """Look at the page in another window, by day or by night."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)
        self.until_still()

    def until_still(self) -> None:
        """Wait for colours that change, which half way are neither day nor night."""
        self.until(
            "document.getAnimations().every(each => each.playState === 'finished'"
            " || each.effect.getTiming().iterations === Infinity)"
        )

    def screenshot(self, name: str, *, whole: bool = False) -> None:
        """Keep a picture in SCREENSHOTS: all of them, or in docs/images those that it has."""
        folder = os.environ.get("SCREENSHOTS")
        if folder and (Path(folder) != Path("docs/images") or name in PICTURES):
            # Let what arrives have arrived.
            self.page.wait_for_timeout(900)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)

    def pictures(self, name: str) -> None:
        """Look at a page in every window, by day and by night: nothing serious, nothing cut off."""
        for size, width in ((WIDE, "wide"), (NARROW, "narrow")):
            for scheme in ("light", "dark"):
                self.look(size, scheme)
                self.page.evaluate("scrollTo(0, 0)")
                assert self.scroll_sideways() <= 0, f"{name} {width}: wider than its window"
                self.screenshot(f"{name}-{width}-{scheme}")
                assert self.axe() == [], f"{name} {width} {scheme}"
        self.look(WIDE, "light")


def ask(
    kiosk: Visit, question: str = QUESTION, slots: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
) -> None:
    """Ask as an operator does, with these slots."""
    if len(slots) < 6:
        kiosk.page.click("#choice summary")
        for slot in range(1, 7):
            if slot not in slots:
                kiosk.page.select_option(f'select[data-number="{slot}"]', "")
    kiosk.page.fill("#message", question)
    kiosk.page.click("#send")


@contextmanager
def visiting(
    browser: "Browser", url: str, *, also: str = "", query: str = "", microphone: bool = True
) -> Iterator[Visit]:
    """Open a page; at the end nothing may have gone wrong in it.

    It may only ask its own server, and the one at `also`. Its water is still: without a graphics
    card, moving it takes most of a core.
    """
    context = browser.new_context(
        viewport={"width": WIDE[0], "height": WIDE[1]}, locale="en-GB", reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(WITHIN_S * 1000)
    if microphone:
        context.grant_permissions(["microphone"], origin=url)
    visit = Visit(page, url, also)
    page.goto(f"{url}/{query}")
    try:
        yield visit
        assert visit.complaints == [], visit.complaints
        assert visit.strangers == [], "a request to somebody else"
    finally:
        page.unroute_all(behavior="ignoreErrors")
        context.close()


def progress(words: str) -> str:
    """Return the expression that the kiosk says where a conversation is."""
    return f"document.querySelector('#progress')?.textContent.includes('{words}')"
