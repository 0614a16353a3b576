"""The stream for pages: what it sends, and that nothing is lost between two looks."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

from sse_starlette import ServerSentEvent

from event_gateway.delivery import Delivery
from event_gateway.metrics import Metrics
from event_gateway.outbox import Entry
from event_gateway.quiet import Quiet
from event_gateway.studio.recordings import Recordings
from event_gateway.studio.rehearsal import Rehearsal
from event_gateway.studio.status import StatusStream
from shared_schema.settings import Settings
from tests.gateway.test_orchestrator import Rig


async def test_a_line_recorded_while_another_is_sent_is_sent_too(tmp_path: Path) -> None:
    """A page that reads slowly misses no decision."""
    rig = Rig(tmp_path)
    delivery = Delivery(rig.outbox, Metrics(), Settings())
    recordings = Recordings(rig.outbox, rig.it.artifacts)
    rehearsal = Rehearsal(recordings, rig.it, delivery, Quiet(tmp_path, delivery.hush))
    events = StatusStream(rig.it, delivery, rehearsal).stream(None)
    stream = cast(AsyncGenerator[ServerSentEvent, None], events)

    def record(key: str) -> None:
        rig.outbox.record([Entry(session_id="a", key=key, status="dropped")], at=1.0)

    record("d1")
    assert (await anext(stream)).event == "state"
    assert (await anext(stream)).id == "1"
    record("d2")
    assert (await anext(stream)).id == "2"
    await stream.aclose()
    rig.outbox.close()
