"""The stream for pages: what it sends, and that nothing is lost between two looks."""

from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import cast

import pytest_asyncio
from sse_starlette import ServerSentEvent

from event_gateway.delivery import Delivery
from event_gateway.metrics import Metrics
from event_gateway.outbox import Entry
from event_gateway.quiet import Quiet
from event_gateway.studio.recordings import Recordings
from event_gateway.studio.rehearsal import Rehearsal
from event_gateway.studio.status import StatusStream, StreamPlace
from shared_schema.settings import Settings
from tests.gateway.test_orchestrator import Rig
from tests.support.sessions import whole

Stream = AsyncGenerator[ServerSentEvent, None]


@pytest_asyncio.fixture
async def watched(tmp_path: Path) -> AsyncIterator[tuple[Rig, Stream]]:
    """A gateway and what a page is sent of it."""
    rig = Rig(tmp_path)
    delivery = Delivery(rig.outbox, Metrics(), Settings())
    recordings = Recordings(rig.outbox, rig.it.artifacts)
    rehearsal = Rehearsal(recordings, rig.it, delivery, Quiet(tmp_path, delivery.hush))
    stream = cast(Stream, StatusStream(rig.it, delivery, rehearsal).stream(None, StreamPlace()))
    yield rig, stream
    await stream.aclose()
    rig.outbox.close()


def record(rig: Rig, key: str) -> None:
    rig.outbox.record([Entry(session_id="a", key=key, status="dropped")], at=1.0)


async def test_a_line_recorded_while_another_is_sent_is_sent_too(
    watched: tuple[Rig, Stream],
) -> None:
    """A page that reads slowly misses no decision."""
    rig, stream = watched
    record(rig, "d1")
    assert (await anext(stream)).event == "state"
    assert (await anext(stream)).id == "1"
    record(rig, "d2")
    assert (await anext(stream)).id == "2"


async def test_what_was_decided_comes_after_the_state_it_was_decided_in(
    watched: tuple[Rig, Stream],
) -> None:
    """Else a dialogue is told as sent whose waves the page still waits for."""
    rig, stream = watched
    rig.answer()
    await anext(stream)
    truth = whole()
    rig.receive(truth.begun())  # while the page reads the first state
    record(rig, "d1")
    state, line = await anext(stream), await anext(stream)
    assert truth.session_id in str(state.data)
    assert line.id == "1"
