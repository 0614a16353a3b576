"""What a reader of the bus is handed, whoever sends whatever."""

from collections.abc import Iterator

import pytest
import zmq
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from shared_schema.bus import TOPIC_FACTS, TOPIC_WAVES
from shared_schema.sockets import BusAddress, Frames, drain, open_publisher, open_subscriber

WITHIN_MS = 5000
LAST = [TOPIC_FACTS, b"{last}"]

# No first frame comes through that was not subscribed to; behind it stands what its sender likes.
topics = st.sampled_from([TOPIC_FACTS, TOPIC_WAVES])
good = st.tuples(topics, st.binary(max_size=3).map(b"{".__add__)).map(list)
junk = st.tuples(topics, st.lists(st.sampled_from([b"", b"x", b"{", TOPIC_FACTS]), max_size=4)).map(
    lambda parts: [parts[0], *parts[1]]
)

Pair = tuple[zmq.Socket[bytes], zmq.Socket[bytes]]


@pytest.fixture(scope="module")
def bus() -> Iterator[Pair]:
    """Yield a publisher and a subscriber that hear of each other."""
    with zmq.Context() as context:
        address = BusAddress("inproc://bus")
        subscriber = open_subscriber(context, address, max_message_bytes=1000)
        publisher = open_publisher(context, address)
        for topic in (TOPIC_FACTS, TOPIC_WAVES):
            subscriber.subscribe(topic)
        subscriber.poll(0)  # in one thread: only who is called attends to who has connected
        for _ in (TOPIC_FACTS, TOPIC_WAVES):
            assert publisher.poll(WITHIN_MS)
            publisher.recv()
        yield publisher, subscriber
        publisher.close(linger=0)
        subscriber.close(linger=0)


@given(sent=st.lists(good | junk, max_size=12), limit=st.integers(1, 5))
@settings(
    max_examples=300,
    phases=set(Phase) - {Phase.shrink},  # every attempt that fails waits for its time limit
)
def test_no_good_message_is_lost_among_bad_ones(bus: Pair, sent: list[Frames], limit: int) -> None:
    """Every topic with its object arrives whole and in order, and every frame is accounted for."""
    publisher, subscriber = bus
    heard: list[Frames] = []
    for message in [*sent, LAST]:
        publisher.send_multipart(message)
    while LAST not in heard:
        assert subscriber.poll(WITHIN_MS)
        drain(subscriber, heard.append, limit)
    rest = iter(heard)
    whole = [message for message in sent if len(message) == 2 and message[1].startswith(b"{")]
    assert all(message in rest for message in whole)  # as a subsequence
    assert [frame for message in heard for frame in message] == [
        frame for message in [*sent, LAST] for frame in message
    ]


def test_the_limit_is_kept_and_the_end_is_told(bus: Pair) -> None:
    """Other callbacks of an event loop get their turn; an empty socket is known to be empty."""
    publisher, subscriber = bus
    heard: list[Frames] = []
    for _ in range(3):
        publisher.send_multipart(LAST)
    assert subscriber.poll(WITHIN_MS)
    assert not drain(subscriber, heard.append, 2)
    assert heard == [LAST, LAST]
    assert drain(subscriber, heard.append, 2)
    assert len(heard) == 3


def test_a_topic_alone_is_handed_over(bus: Pair) -> None:
    """Also when nothing follows it."""
    publisher, subscriber = bus
    heard: list[Frames] = []
    publisher.send(TOPIC_WAVES)
    assert subscriber.poll(WITHIN_MS)
    assert drain(subscriber, heard.append, 2)
    assert heard == [[TOPIC_WAVES]]
