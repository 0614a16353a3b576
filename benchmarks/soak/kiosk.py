"""The kiosk in a browser, unattended all the time: asks when it may, and is looked at."""

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from benchmarks.report import median
from tests.browser.browsing import chromium, visiting

if TYPE_CHECKING:
    from tests.browser.browsing import Visit

_QUERY: Final = "?kiosk=1&input=text"
_LOOK_EVERY_MS: Final = 500
_QUESTION: Final = "Does the water remember who stood here yesterday? My name is {}."
# Long enough to be free again, whatever is struck.
_SILENT_S: Final = 300.0


class Kiosk:
    """A page of the show, in a thread of its own; `said` are the names of who asked there."""

    def __init__(self, chat_url: str, gateway_url: str, names: Iterator[str]) -> None:
        self._urls = (chat_url, gateway_url)
        self._names = names
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._stand, name="kiosk")
        self.said: list[str] = []
        self.faults: list[str] = []
        self._heap_mb: list[float] = []

    def counts(self) -> list[tuple[str, object]]:
        """Return what the page did, for a table; call it after `close`."""
        share = max(1, len(self._heap_mb) // 4)
        ends = (median(part) for part in (self._heap_mb[:share], self._heap_mb[-share:]) if part)
        return [
            ("questions asked at the kiosk", len(self.said)),
            ("its memory, MB", " to ".join(f"{each:.1f}" for each in ends)),
        ]

    def open(self) -> None:
        """Open the page."""
        self._thread.start()

    def close(self) -> None:
        """Close it; what went wrong in it is in `faults`."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _stand(self) -> None:
        chat_url, gateway_url = self._urls
        try:
            with (
                chromium() as browser,
                visiting(browser, chat_url, also=gateway_url, query=_QUERY) as page,
            ):
                self._visit(page)
        except Exception as error:  # whatever it was, it belongs in the account
            self.faults.append(f"kiosk: {type(error).__name__}: {error}")

    def _visit(self, kiosk: "Visit") -> None:
        debugger = kiosk.page.context.new_cdp_session(kiosk.page)
        debugger.send("Performance.enable")
        free_at = time.monotonic()
        while not self._ending.is_set():
            kiosk.page.wait_for_timeout(_LOOK_EVERY_MS)
            if kiosk.page.is_disabled("#send"):
                if time.monotonic() - free_at > _SILENT_S:
                    self.faults.append(
                        f"kiosk: took no question for {_SILENT_S:g} s: {_shown(kiosk)}"
                    )
                    free_at = time.monotonic()
                continue
            free_at = time.monotonic()
            self.said.append(next(self._names))
            kiosk.page.fill("#message", _QUESTION.format(self.said[-1]))
            kiosk.page.press("#message", "Enter")
            # A page that takes no question now says so, and is asked again.
            kiosk.page.wait_for_timeout(2 * _LOOK_EVERY_MS)
            debugger.send("HeapProfiler.collectGarbage")
            figures = debugger.send("Performance.getMetrics")["metrics"]
            self._heap_mb.append(
                next(each["value"] for each in figures if each["name"] == "JSHeapUsedSize") / 1e6
            )


def _shown(kiosk: "Visit") -> str:
    return " ".join(kiosk.body().split())[:200]
