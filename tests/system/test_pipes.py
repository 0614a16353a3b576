"""Pipes, which make their reader wait, in the place of files: nobody waits, and a line says so."""

import os
from pathlib import Path

import pytest

from chat_backend.show.folder import write_show
from shared_schema.runtime.process.exits import CONFIGURATION, FAILED
from tests.show.test_show_folder import change
from tests.support.platforms import PIPES
from tests.support.processes import System, system, until
from tests.support.visitor import post, request

HELLO = {"message": "Hello", "slots": [{"slotId": 1, "agentId": "gpt-4o"}]}


def problem(show: System) -> str:
    """Why the files are not the show in force."""
    return str(request(show.chat_url, "GET", "/v1/health").json()["show"]["problem"] or "")


@PIPES
@pytest.mark.timeout(120)
def test_servers_start_answer_and_end_whatever_is_in_the_place_of_their_files(
    tmp_path: Path,
) -> None:
    """Those below ``run``, the log's, the show's; after the repair all is as before."""
    write_show(tmp_path / "mine")
    settings = {"show": tmp_path / "mine", "log_dir": tmp_path / "logs", "waves_enabled": False}
    with system(tmp_path, **settings) as show:
        run, logs = show.artifacts / "run", tmp_path / "logs"
        for folder in (run, logs):
            folder.mkdir(parents=True)
        for pipe in ("clock-chat.json", "clock-gateway.json", "outbox", "chat_backend.json"):
            os.mkfifo(run / pipe)
        os.mkfifo(logs / "chat.log")
        gateway = show.gateway()
        gateway.until_logged("a lost outbox would not be noticed")
        assert gateway.log.count("a lost outbox would not be noticed") == 1
        chat = show.chat()
        chat.until_logged("log file not written")
        assert chat.log.count("log file not written") == 1

        status = show.command("chat_backend", "status")
        assert status.wait() == FAILED
        assert "is a pipe" in status.log

        words = tmp_path / "mine" / "words.toml"
        text = words.read_text("utf-8")
        words.unlink()
        os.mkfifo(words)
        until(lambda: "is a pipe" in problem(show), "the pipe named")
        post(show.chat_url, HELLO).assert_in_order()
        words.unlink()
        words.write_text(text, "utf-8")
        until(lambda: not problem(show), "the pipe gone")

        change(tmp_path / "mine", "words.toml", "comment = 200", f"comment = {'9' * 5000}")
        until(lambda: "too many digits" in problem(show), "the number named")
        post(show.chat_url, HELLO).assert_in_order()
        checked = show.command("chat_backend", "show", "check", str(tmp_path / "mine"))
        assert checked.wait() == CONFIGURATION
        assert "too many digits" in checked.log
        assert "Traceback" not in checked.log
        words.write_text(text, "utf-8")
        until(lambda: not problem(show), "the number gone")
        for server in (chat, gateway):
            assert server.stop() == 0
            assert "Traceback" not in server.log
