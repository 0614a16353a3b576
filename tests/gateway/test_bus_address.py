"""The bus address of a gateway that ended a moment ago."""

import threading

import pytest
import zmq

from event_gateway import server
from shared_schema.bus import MAX_MESSAGE_BYTES
from shared_schema.runtime.process.exits import ANOTHER_INSTANCE, StartRefused
from shared_schema.sockets import BusAddress, open_subscriber
from tests.support.processes import free_port


async def test_an_address_that_becomes_free_in_time_is_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "PORT_TIMEOUT_S", 30.0)
    address = BusAddress(f"tcp://127.0.0.1:{free_port()}")
    with zmq.Context[zmq.Socket[bytes]]() as context:
        before = open_subscriber(context, address, max_message_bytes=MAX_MESSAGE_BYTES)
        timer = threading.Timer(0.3, before.close)
        timer.start()
        (await server._bind_bus(context, address)).close()
        timer.join()


async def test_an_address_that_stays_taken_is_another_gateways(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "PORT_TIMEOUT_S", 0.0)
    address = BusAddress(f"tcp://127.0.0.1:{free_port()}")
    with zmq.Context[zmq.Socket[bytes]]() as context:
        with open_subscriber(context, address, max_message_bytes=MAX_MESSAGE_BYTES):
            with pytest.raises(StartRefused, match="in use by another gateway") as refusal:
                await server._bind_bus(context, address)
    assert refusal.value.exit_code == ANOTHER_INSTANCE
