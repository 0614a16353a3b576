"""As many visitors at once as may come, and one more."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks import before
from benchmarks.session.listener import Listener, flaw
from benchmarks.session.visitor import Visit, ask, visit
from shared_schema.settings import Settings
from tests.support.processes import System, until

TOLD_WITHIN_S = 120.0


class Together(Struct, kw_only=True):
    """What became of them. `flaws` are problems of streams or events, in words."""

    visitors: int
    took_s: float
    flaws: list[str]
    one_more: int


def measure(root: Path) -> Together:
    """Let RR_CHAT_MAX_SESSIONS visitors come at once, and another while they are there.

    They come to the servers of the checkout at `root`.
    """
    visitors = Settings().chat_max_sessions
    with (
        before.servers(root) as show,
        Listener(show.gateway_port) as client,
        ThreadPoolExecutor(visitors) as crowd,
    ):
        begun = time.monotonic()
        coming = [crowd.submit(visit, show.chat_port) for _ in range(visitors)]
        until(lambda: _running(show) == visitors, "all sessions")
        body = msgspec.json.encode({"message": "Is there room?"}).decode()
        one_more, _ = ask(show.chat_port, "POST", "/v1/chat", body)
        visits = [each.result() for each in coming]
        flaws = [wrong for each in visits if (wrong := _wrong(each, client)) is not None]
        took_s = time.monotonic() - begun
    return Together(visitors=visitors, took_s=took_s, flaws=flaws, one_more=one_more)


def _running(show: System) -> int:
    _, body = ask(show.chat_port, "GET", "/v1/health")
    return int(msgspec.json.decode(body)["sessionsRunning"])


def _wrong(told: Visit, client: Listener) -> str | None:
    events = client.told(told.session_id, told.dialogues, within_s=TOLD_WITHIN_S)
    return told.problem() or flaw(events, told.dialogues)


def report(together: Together, older: Together) -> str:
    """Return the paragraph on many visitors, now and before."""
    lines = [
        f"{together.visitors} visitors at once: all told after {together.took_s:.1f} s, "
        f"{together.took_s / together.visitors:.1f} s a session; one more meanwhile: "
        f"HTTP {together.one_more}. {before.COMMIT}: {older.took_s:.1f} s."
    ]
    return "\n".join([*lines, *(f"* {each}" for each in together.flaws)])
