"""A wave worker that decomposes nothing: it publishes the results it reads from its stdin."""

import argparse
import sys

import zmq

from shared_schema.bus import TOPIC_WAVES
from shared_schema.sockets import BusAddress, open_publisher, send


def main() -> None:
    """Publish each line of stdin, until it ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bus")
    arguments = parser.parse_args()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = open_publisher(context, BusAddress(arguments.bus))
    for line in sys.stdin.buffer:
        while socket.poll(0):
            socket.recv()
        send(socket, TOPIC_WAVES, line.rstrip())
    socket.close()
    context.term()


if __name__ == "__main__":
    main()
