"""The log of a night, in files: of both servers, and without what visitors said."""

import json
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from shared_schema.chat import SlotError
from tests.support.platforms import SIGNALS
from tests.support.processes import connects, system, until
from tests.support.visitor import post, request

SECRET = "I stole my sister's wedding ring"  # noqa: S105  # a visitor's


@SIGNALS
def test_both_servers_and_their_supervisors_write_log_files(tmp_path: Path) -> None:
    """Also why one was started again; a folder that cannot be written stops nothing."""
    logs = tmp_path / "logs"
    with system(tmp_path / "show", log_dir=logs) as show:
        for package, port in (
            ("event_gateway", show.gateway_port),
            ("chat_backend", show.chat_port),
        ):
            show.start(package, "-m", package, "supervise")
            until(lambda port=port: connects(port), package)  # type: ignore[misc]
        gateway = show.processes[0]
        (server,) = [
            each for each in gateway.note_children() if each.cmdline()[-1] == "event_gateway"
        ]
        psutil.Process(server.pid).send_signal(signal.SIGKILL)
        supervised = logs / "gateway-supervisor.log"
        for path, word, times in (
            (supervised, "SIGKILL", 1),
            (logs / "gateway.log", "listening", 2),
            (logs / "chat.log", "listening", 1),
            (logs / "chat-supervisor.log", "server started", 1),
        ):

            def is_told(path: Path = path, word: str = word, times: int = times) -> bool:
                return path.exists() and path.read_text("utf-8").count(word) == times

            until(is_told, f"{word} in {path.name}")
    (tmp_path / "file").write_text("in the way")
    with system(tmp_path / "other", log_dir=tmp_path / "file") as show:
        show.gateway()


class _Echo(BaseHTTPRequestHandler):
    """A provider that refuses every prompt and repeats it in the error."""

    prompts: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.prompts.append(body)
        error = {"error": {"message": f"unsafe prompt: {SECRET} (in: {body[:4000]})"}}
        answer = json.dumps(error).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[tuple[str, list[str]]]:
    prompts: list[str] = []
    handler = type("Echo", (_Echo,), {"prompts": prompts})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1", prompts
        server.shutdown()


def test_a_provider_that_quotes_the_prompt_is_not_quoted_in_the_log(
    tmp_path: Path, echo: tuple[str, list[str]]
) -> None:
    """The visitor hears why; the log says so without the words; later prompts lack them."""
    pytest.importorskip("pydantic_ai", reason="needs the extra: uv sync --extra llm")
    url, prompts = echo
    settings = {"llm_url": url, "llm_model": "m", "log_dir": tmp_path / "logs"}
    with system(tmp_path / "show", log_level="debug", **settings) as show:
        show.gateway()
        show.chat()
        body = {"message": SECRET, "visitId": "a"}
        stream = post(show.chat_url, {**body, "slots": [{"slotId": 1, "agentId": "gpt-4o"}]})
        assert [error for error in stream.of(SlotError) if "wedding ring" in error.error.message]
        assert any(SECRET in prompt for prompt in prompts)
        request(show.chat_url, "POST", "/v1/reset", json={"visitId": "a"})
        prompts.clear()
        for later in ({"visitId": "a"}, {"visitId": "b"}, {}):
            post(show.chat_url, {"message": "Do you remember?", **later})
        assert prompts
        assert not [prompt for prompt in prompts if "wedding" in prompt]
        request(show.gateway_url, "GET", "/v1/sessions")
    for path in [*show.folder.glob("*.log"), *(tmp_path / "logs").iterdir()]:
        log = path.read_text("utf-8")
        assert "wedding" not in log, path
        assert "stole" not in log, path
    assert "slot failed" in (tmp_path / "logs/chat.log").read_text("utf-8")
