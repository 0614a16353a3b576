"""A server that starts as fast as Python does: answers its process id, ends with its parent."""

import http.server
import os
import signal
import sys
from types import FrameType

from shared_schema.runtime.process.ending import watch_supervisor
from shared_schema.runtime.process.exits import OK


class Pid(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def end(number: int, frame: FrameType | None) -> None:
    sys.exit(OK)


if __name__ == "__main__":
    if os.environ.get("TOY_MODE") == "crash":
        sys.exit(3)
    signal.signal(signal.SIGTERM, end)
    watch_supervisor(lambda: signal.raise_signal(signal.SIGTERM), name="plain toy")
    with http.server.HTTPServer(("127.0.0.1", int(os.environ["TOY_PORT"])), Pid) as server:
        server.serve_forever(poll_interval=0.05)
