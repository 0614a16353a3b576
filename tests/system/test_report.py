"""`report`: what helps from afar, and nothing that is nobody's business."""

import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat_backend.providers.keys import KEY_VARIABLES
from shared_schema.layout import session_file
from tests.support.processes import Process, System, system, until
from tests.support.visitor import post

SECRET = "I stole my sister's wedding ring"  # noqa: S105  # a visitor's
WORDS = ("stole", "wedding", "hydrangeas")
TOKENS = {"operator_token": "operator-MARKED", "chat_token": "", "events_token": "events MARKED +"}
ASK = {"message": SECRET, "slots": [{"slotId": 1, "agentId": "gpt-4o"}]}


def report(show: System, *arguments: str) -> Process:
    process = show.start("report", "-m", "chat_backend", "report", *arguments)
    process.wait()
    return process


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    """A system with secrets of all kinds that has heard a visitor; its log files hold a quote."""
    with system(
        tmp_path / "show", log_dir=tmp_path / "logs", agents="offline", tts="hibari", **TOKENS
    ) as it:
        it.settings.update({name: f"key-MARKED-{name}-0123456789" for name in KEY_VARIABLES})
        yield it


def contents(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name).decode("utf-8") for name in zipped.namelist()}


def test_it_has_what_helps_and_no_secret_of_anybody(show: System, tmp_path: Path) -> None:
    """While the servers run: versions, settings, logs, metrics, states; no word, key or token."""
    show.start("gateway", "-m", "event_gateway", "supervise")
    show.start("chat", "-m", "chat_backend", "supervise")
    until(lambda: "listening" in show.processes[0].log, "gateway")
    until(lambda: "listening" in show.processes[1].log, "chat")
    session = post(show.chat_url, ASK).session_id
    show.settled(session)
    # As a version that did not hide it would have, and as a provider's error may be.
    with (tmp_path / "logs/chat.log").open("a", encoding="utf-8") as log:
        log.write(f'slot failed reason="the prompt {SECRET} is unsafe for key-MARKED-')
        log.write(f'OPENAI_API_KEY-0123456789 and {TOKENS["events_token"]}"\n')
    text = (show.artifacts / session_file(session)).read_text("utf-8")
    target = tmp_path / "help.zip"
    made = report(show, "--to", str(target))
    assert made.popen.returncode == 0, made.log
    found = contents(target)
    assert {name.rpartition("/")[0] for name in found} == {"", "chat", "gateway", "logs"}
    everything = "\n".join([*found, *found.values()])
    for secret in (*WORDS, "MARKED"):
        assert secret not in everything
    answers = [each["text"] for each in json.loads(text)["utterances"]]
    for answer in answers:
        assert answer not in everything
    settings = json.loads(found["settings.json"])
    secret_settings = {settings["RR_OPERATOR_TOKEN"], settings["OPENAI_API_KEY"]}
    assert secret_settings == {"(set, not shown)"}
    assert settings["RR_CHAT_TOKEN"] == ""
    assert settings["RR_CHAT_PORT"] == show.chat_port
    assert "starlette" in json.loads(found["versions.json"])["packages"]
    machine = json.loads(found["machine.json"])
    assert machine["supervisors"]["event_gateway"]["listening"] is True
    assert "instance" not in json.dumps(machine)
    (told,) = json.loads(found["sessions.json"])
    assert (told["sessionId"], told["state"]) == (session, "done")
    assert told["messageChars"] == len(SECRET)
    assert told["utterances"][0]["state"] == "ready"
    assert found["gateway/readyz.txt"].startswith("200\n")
    assert "rr_" in found["gateway/metrics.txt"]
    assert "rr_" in found["chat/metrics.txt"]
    assert "listening" in found["logs/gateway.log"]
    assert "slot failed" in found["logs/chat.log"]


def test_without_servers_sessions_or_logs(show: System, tmp_path: Path) -> None:
    """What there is, and why the rest is not; odd files are no trouble, nor is a full disk."""
    odd = show.artifacts / "tts/sessions/3f0c1f1e-0000-4000-8000-000000000000"
    odd.mkdir(parents=True)
    (odd / "session.json").write_text(
        '{"format":2,"sessionId":"3f0c1f1e-0000-4000-8000-000000000000","startedAt":"","state":'
        '"the hydrangeas\'s"}'
    )
    written = show.artifacts / "tts/sessions/3f0c1f1e-0000-4000-8000-000000000001/session.json"
    written.parent.mkdir()
    words = {"startedAt": "hydrangeas", "usage": ["hydrangeas", {"service": "hydrangeas"}]}
    written.write_text(
        json.dumps(
            {
                "format": 2,
                "sessionId": written.parent.name,
                "message": "",
                "seed": 1,
                "slots": [],
                "utterances": [],
                "dialogues": [],
                "state": "done",
                **words,
            }
        )
    )
    (tmp_path / "logs").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "logs" / "chat.log")
    (tmp_path / "logs" / "passwords.txt").write_text("MARKED")
    target = tmp_path / "help.zip"
    assert report(show, "--to", str(target)).popen.returncode == 0
    found = contents(target)
    assert "no answer" in found["chat/health.txt"]
    assert "no supervisor" in json.loads(found["machine.json"])["supervisors"]["chat_backend"]
    newer, older = json.loads(found["sessions.json"])
    assert {newer["oddity"][:25], older["oddity"][:25]} == {"", "session.json is not valid"}
    everything = "\n".join(found.values())
    assert not [word for word in (*WORDS, "MARKED") if word in everything]
    refused = report(show, "--to", str(tmp_path / "logs/passwords.txt/no.zip"))
    assert refused.popen.returncode != 0
    assert "--to" in refused.log
    assert len(refused.log.splitlines()) == 1
