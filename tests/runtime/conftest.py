"""Starting toys, and leaving nothing of them behind."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .toys import Toys, descendants


@pytest.fixture
def port() -> int:
    """A port that is free on both loopbacks, or was a moment ago."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        return int(first.getsockname()[1])


@pytest.fixture
def toys(port: int, tmp_path: Path) -> Iterator[Toys]:
    """Toy processes; when the test is over, all of them and all their descendants are gone."""
    before = descendants()
    toys = Toys(port=port, folder=tmp_path)
    yield toys
    toys.end_all()
    assert descendants() <= before
