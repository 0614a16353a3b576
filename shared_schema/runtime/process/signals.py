"""The signals that ask a process to end, on every platform."""

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final

if sys.platform == "win32":
    ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
else:
    ENDING: Final = (signal.SIGINT, signal.SIGTERM)


def on_ending_signal(ask: Callable[[], None]) -> None:
    """Call `ask` on every SIGTERM and Ctrl-C from now on, until the process ends.

    The handlers are never put back: a second signal during the last moments must not turn an
    orderly end into a traceback. `ask` runs in the main thread, between two instructions.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        ask()

    for number in ENDING:
        signal.signal(number, handle)
