"""Who is spoken next, and that a lane is never lost or given twice."""

import asyncio

import hypothesis.strategies as st
import pytest
from hypothesis import given

from chat_backend.speech.desk import Desk, QueuePlace
from tests.support.virtual_time import run

places = st.builds(
    QueuePlace,
    turn=st.integers(1, 3),
    session_begun_at=st.sampled_from([0.0, 1.0]),
    slot=st.integers(1, 6),
)


@given(lanes=st.integers(1, 4), waiting=st.lists(places, max_size=12))
def test_those_that_wait_are_spoken_in_order(lanes: int, waiting: list[QueuePlace]) -> None:
    """By turn, then by session, then by slot; as many at once as there are lanes."""

    async def scene() -> list[QueuePlace]:
        desk, spoken, at_once = Desk(lanes), [], 0

        async def speak(place: QueuePlace, seconds: float) -> None:
            nonlocal at_once
            async with desk.lane(place):
                at_once += 1
                assert at_once <= lanes
                spoken.append(place)
                await asyncio.sleep(seconds)
                at_once -= 1

        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(speak(QueuePlace(0, 0.0, 0), 1.0))
            await asyncio.sleep(0.5)
            for place in waiting:
                group.create_task(speak(place, 1.0))
        return spoken[lanes:]

    assert run(scene()) == sorted(waiting)


@given(
    lanes=st.integers(1, 3),
    visits=st.lists(
        st.tuples(places, st.integers(0, 5), st.integers(0, 5), st.integers(0, 12)), max_size=12
    ),
)
def test_a_lane_is_free_again_whoever_was_cancelled(
    lanes: int, visits: list[tuple[QueuePlace, int, int, int]]
) -> None:
    """While waiting, while speaking, or in the moment in which a lane was given."""

    async def scene() -> None:
        desk, at_once = Desk(lanes), 0

        async def speak(place: QueuePlace, begins: int, lasts: int) -> None:
            nonlocal at_once
            await asyncio.sleep(begins)
            async with desk.lane(place):
                at_once += 1
                assert at_once <= lanes
                try:
                    await asyncio.sleep(lasts)
                finally:
                    at_once -= 1

        loop = asyncio.get_running_loop()
        tasks = []
        for place, begins, lasts, gives_up in visits:
            task = asyncio.create_task(speak(place, begins, lasts))
            loop.call_at(gives_up, task.cancel)
            tasks.append(task)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(each is None or isinstance(each, asyncio.CancelledError) for each in ended)
        async with asyncio.timeout(1.0), asyncio.TaskGroup() as group:
            together = asyncio.Barrier(lanes)
            for slot in range(lanes):
                group.create_task(meet(desk, QueuePlace(1, 0.0, slot), together))

    run(scene())


async def meet(desk: Desk, place: QueuePlace, together: asyncio.Barrier) -> None:
    async with desk.lane(place):
        await together.wait()


def test_a_lane_given_together_with_the_cancellation_is_passed_on() -> None:
    """Both in one round of the loop."""

    async def scene() -> None:
        desk = Desk(1)
        lane = desk.lane(QueuePlace(1, 0.0, 1))
        await lane.__aenter__()
        second = asyncio.create_task(meet(desk, QueuePlace(1, 0.0, 2), asyncio.Barrier(1)))
        await asyncio.sleep(0)
        await lane.__aexit__(None, None, None)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        async with asyncio.timeout(1.0):
            await meet(desk, QueuePlace(1, 0.0, 3), asyncio.Barrier(1))

    run(scene())
