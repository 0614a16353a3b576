"""How many threads the backend has, from its opening on."""

import asyncio
import threading
from pathlib import Path

from chat_backend.server import open_chat
from chat_backend.threads import THREADS
from shared_schema.settings import Settings


async def test_no_thread_is_started_when_more_is_asked_than_ever_before(tmp_path: Path) -> None:
    """A thousand files at once are written by the threads that there were."""
    settings = Settings(
        artifacts_dir=tmp_path, agents="offline", events_ws_enabled=False, waves_enabled=False
    )
    all_at_work = threading.Barrier(THREADS)
    async with open_chat(settings):
        before = set(threading.enumerate())
        many = (asyncio.to_thread(all_at_work.wait, 60) for _ in range(125 * THREADS))
        await asyncio.gather(*many)
        assert set(threading.enumerate()) <= before
