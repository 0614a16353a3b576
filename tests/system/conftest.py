"""An installation with a staged chat, for the modules that ask for it."""

from collections.abc import Iterator

import pytest

from tests.support.processes import System, system
from tests.support.staging import stage
from tests.support.visitor import request

# Far beyond a session's length: what comes earlier did not wait for a deadline.
NEVER_S = 300


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One installation for a module; nothing in it times out."""
    folder = tmp_path_factory.mktemp("show")
    with system(
        folder,
        seed=7,
        chat_max_sessions=2,
        events_turn1_timeout_s=NEVER_S,
        events_dialogue_timeout_s=NEVER_S,
    ) as it:
        it.gateway()
        it.chat("-X", "dev", "-W", "ignore", "-m", "tests.support.staged_chat")
        yield it


@pytest.fixture
def show(staged: System) -> System:
    """Each test begins with nothing staged, nothing remembered, and a gateway that runs."""
    stage(staged)
    request(staged.chat_url, "POST", "/v1/reset")
    gateway = staged.processes[0]
    if gateway.popen.poll() is not None:
        staged.processes[0] = staged.gateway()
        staged.processes.pop()
    return staged
