"""The threads for what would hold the event loop: files, and looking up a provider's host."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

# Six voices that look up their hosts at once; files take milliseconds. The same on every machine.
THREADS = 6


def open_thread_pool() -> None:
    """Give the running event loop a pool whose threads are all started, for `asyncio.to_thread`.

    asyncio's own starts one when more is asked at once than ever before, also after hours: what the
    backend takes of a machine should be known when it opens, not at the busiest moment of a day.
    """
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="chat")
    asyncio.get_running_loop().set_default_executor(pool)
    all_started = threading.Event()
    try:
        for _ in range(THREADS):
            # One more thread for each, since none of those before is free yet.
            pool.submit(all_started.wait)
    finally:
        all_started.set()
