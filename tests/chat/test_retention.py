"""Housekeeping of the running backend: beside the loop, and whatever it meets."""

import asyncio
import threading
from pathlib import Path

import pytest

from chat_backend.storage import retention
from chat_backend.storage.archive import Archive, Removal, StoredSession
from shared_schema.layout import Artifacts
from shared_schema.settings import Settings
from tests.support.sessions import session_id
from tests.support.stored_sessions import DAY_S, left, write


class Watched(Archive):
    """An archive that notes in which threads it works, and fails as often as it is told."""

    def __init__(self, artifacts: Artifacts, *, failures: int = 0) -> None:
        super().__init__(artifacts)
        self.threads: set[threading.Thread] = set()
        self.failures = failures
        self.bad = ""

    def ids(self) -> list[str]:
        self.threads.add(threading.current_thread())
        if self.failures:
            self.failures -= 1
            raise RuntimeError("a disk that nobody knows")
        return super().ids()

    def stored(self, session_id: str) -> StoredSession:
        self.threads.add(threading.current_thread())
        if session_id == self.bad:
            raise ValueError("a session that nobody knows")
        return super().stored(session_id)

    def remove(self, session: StoredSession) -> Removal:
        self.threads.add(threading.current_thread())
        return super().remove(session)


async def rounds(archive: Watched, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let housekeeping go on until only one session is left."""
    monkeypatch.setattr(retention, "LOOK_INTERVAL_S", 0.01)
    settings = Settings(artifacts_dir=root, artifacts_keep_days=2)
    live = {session_id(3)}
    task = asyncio.create_task(retention.prune_hourly(archive, settings, lambda: live))
    async with asyncio.timeout(30):
        while session_id(1) in left(root):
            assert not task.done()
            await asyncio.sleep(0.01)
    task.cancel()


async def test_housekeeping_leaves_the_loop_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that reads or removes files does so in other threads; live sessions are not touched."""
    for number in (1, 2, 3):
        write(tmp_path, number, age_s=(0 if number == 2 else 9) * DAY_S)
    archive = Watched(Artifacts(tmp_path))
    await rounds(archive, tmp_path, monkeypatch)
    assert left(tmp_path) == [session_id(2), session_id(3)]
    assert archive.threads
    assert threading.main_thread() not in archive.threads


async def test_housekeeping_goes_on_after_whatever_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole round, or one session in it."""
    for number in (0, 1):
        write(tmp_path, number, age_s=9 * DAY_S)
    write(tmp_path, 2)
    archive = Watched(Artifacts(tmp_path), failures=2)
    archive.bad = session_id(0)
    await rounds(archive, tmp_path, monkeypatch)
    assert left(tmp_path) == [session_id(0), session_id(2)]
