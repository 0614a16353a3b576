"""What pages ask for at the same time, and what the technician's list shows."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sse_starlette import ServerSentEvent
from starlette.responses import Response
from starlette.types import Message

from event_gateway.core.readiness import Readiness
from event_gateway.outbox import Entry, Outbox
from event_gateway.rendering import Renderer
from event_gateway.studio.recordings import LOOKS_MAX, Recording, Recordings, Step
from event_gateway.studio.rehearsal import Rehearsal, RehearsalRefused, RehearsalRequest
from event_gateway.studio.routes import STREAMS_MAX, Streams
from event_gateway.studio.status import StreamPlace
from shared_schema.layout import SESSION_ROOTS, SPEECH_ROOT, Artifacts, session_file
from tests.support.client import write_session, write_wav
from tests.support.readiness import LIMITS
from tests.support.sessions import Truth, session_id, whole

LOOP = RehearsalRequest(loop=True)
FAR_AWAY_S = 1e6


@pytest.fixture
def rehearsal() -> Rehearsal:
    """Return one that waits for its first event, which comes much later."""
    step = Step(at_s=FAR_AWAY_S, key="turn1", event=cast("Any", None))
    recording = Recording(session_id=session_id(), steps=(step,))
    return Rehearsal(
        cast("Any", SimpleNamespace(latest=lambda: recording)),
        cast("Any", SimpleNamespace(readiness=[])),
        cast("Any", SimpleNamespace(client=object(), session_stopped=lambda _: None)),
        cast("Any", SimpleNamespace(on=False)),
    )


def running() -> int:
    """Return how many rehearsals run."""
    return sum(task.get_name() == "rehearsal" for task in asyncio.all_tasks())


async def test_two_rehearsals_at_once_are_one(rehearsal: Rehearsal) -> None:
    """The second replaces the first, and a stop ends all."""
    await asyncio.gather(*(rehearsal.start(LOOP) for _ in range(5)))
    assert running() == 1
    assert await rehearsal.stop()
    assert running() == 0


async def test_a_stop_does_not_end_the_state_of_the_next_rehearsal(rehearsal: Rehearsal) -> None:
    """While it waits for the end of one, another may be asked for: that one is shown as running."""
    await rehearsal.start(LOOP)
    await asyncio.gather(rehearsal.stop(), rehearsal.start(LOOP))
    assert (rehearsal.status.state, running()) == ("running", 1)
    assert await rehearsal.stop()
    assert (rehearsal.status.state, running()) == ("stopped", 0)


async def test_what_changes_while_a_rehearsal_ends_counts(rehearsal: Rehearsal) -> None:
    """Quiet is switched on while the next one waits for the end of the first."""
    await rehearsal.start(LOOP)
    starting = asyncio.create_task(rehearsal.start(LOOP))
    await asyncio.sleep(0)
    cast("Any", rehearsal.quiet).on = True
    with pytest.raises(RehearsalRefused, match="rests"):
        await starting
    assert running() == 0
    assert rehearsal.status.state == "stopped"


async def test_pages_that_come_at_once_are_counted() -> None:
    """One too many gets the oldest's place; one that leaves at once gives its place back."""
    streams = Streams()
    places: list[StreamPlace] = []

    async def events(place: StreamPlace) -> AsyncIterator[ServerSentEvent]:
        await asyncio.sleep(FAR_AWAY_S)
        yield ServerSentEvent(retry=int(place.taken))

    def ask() -> Response:
        def begin(place: StreamPlace) -> AsyncIterator[ServerSentEvent]:
            places.append(place)
            return events(place)

        return streams.answer(begin)

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def ignore(_: Message) -> None:
        pass

    def taken() -> list[int]:
        return [number for number, place in enumerate(places) if place.taken]

    answers = [ask() for _ in range(STREAMS_MAX)]
    assert taken() == []
    ask()
    assert taken() == [0]
    for left in (0, 2):  # of which the first had no place any more
        await answers[left]({"type": "http", "method": "GET"}, gone, ignore)
    ask()
    assert taken() == [0]
    ask()
    assert taken() == [0, 1]


def tell(outbox: Outbox, artifacts: Artifacts, truth: Truth, *, at: float = 0.0) -> None:
    """Record a session's events, and write its files."""
    for part in truth.parts():
        write_wav(artifacts.root / str(truth.utterance(*part).mix_path))
    renderer = Renderer(artifacts)
    for decision in Readiness(LIMITS).apply(truth.snapshot(), 0.0):
        outbox.record([renderer.entry(decision, "2026-01-01T00:00:00.000Z")], at=at)


def rehearse(outbox: Outbox, session: str) -> None:
    """Record what a rehearsal sends."""
    entry = Entry(
        session_id=session,
        key="turn1",
        status="produced",
        render=lambda seq: f'{{"seq":{seq}}}',
        rehearsal=True,
    )
    outbox.record([entry], at=0.0)


def test_rehearsals_push_no_session_out_of_the_list(tmp_path: Path) -> None:
    """However many; the list's length counts what it shows, and its order is the outbox's own."""
    outbox, artifacts = Outbox.open(tmp_path / "gateway"), Artifacts(tmp_path)
    recordings = Recordings(outbox, artifacts)
    for number, at in ((1, 900.0), (2, 100.0), (3, 500.0)):
        tell(outbox, artifacts, whole(number), at=at)
    for number in range(10, 500):
        rehearse(outbox, session_id(number))
    listed = [each.session_id for each in recordings.newest()]
    assert listed == [session_id(number) for number in (3, 2, 1)]
    latest = recordings.latest()
    assert latest is not None
    assert latest.session_id == session_id(3)
    outbox.close()


def put(artifacts: Artifacts, truth: Truth) -> str:
    write_session(artifacts.root, truth)
    return truth.session_id


def test_folders_with_nothing_to_send_push_no_session_out_of_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are newer: each is looked into once, and only so many at one request."""
    outbox, artifacts = Outbox.open(tmp_path / "gateway"), Artifacts(tmp_path)
    recordings = Recordings(outbox, artifacts)
    sound = [put(artifacts, whole(number)) for number in (1, 2)]
    tell(outbox, artifacts, whole(3), at=50.0)
    barren = [session_id(number) for number in range(10, 10 + LOOKS_MAX + 1)]
    for session in barren:
        (artifacts.root / SPEECH_ROOT / session).mkdir()
    (artifacts.root / session_file(barren[0])).write_text("{}")
    for at, session in enumerate((*sound, *barren), start=100):
        for root in SESSION_ROOTS:
            if (folder := artifacts.root / root / session).exists():
                os.utime(folder, (at, at))
    looked: list[str] = []
    found = recordings._found

    def watched(session: str) -> Recording | None:
        looked.append(session)
        return found(session)

    monkeypatch.setattr(recordings, "_found", watched)
    # What is in the outbox is always listed; the rest is found by the second request.
    assert [each.session_id for each in recordings.newest()] == [session_id(3)]
    assert len(looked) == LOOKS_MAX + 1
    for _ in range(2):
        looked.clear()
        listed = [each.session_id for each in recordings.newest()]
        assert listed == [*sound[::-1], session_id(3)]
    assert looked == listed
    outbox.close()


def test_two_hundred_empty_folders_are_passed_at_the_first_request(tmp_path: Path) -> None:
    """As after an evening on which the disk was full."""
    outbox, artifacts = Outbox.open(tmp_path / "gateway"), Artifacts(tmp_path)
    sound = put(artifacts, whole(1))
    os.utime(artifacts.root / SPEECH_ROOT / sound, (100, 100))
    for number in range(10, 221):
        (artifacts.root / SPEECH_ROOT / session_id(number)).mkdir()
    assert [each.session_id for each in Recordings(outbox, artifacts).newest()] == [sound]
    outbox.close()
