"""`sessions delete` and `keep`: what was said is gone at once, everywhere, or stays."""

import asyncio
import json
import os
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from chat_backend.storage.removal import LINK, NO_FOLDER
from shared_schema.chat import SlotDone
from shared_schema.layout import HEARING_ROOT, session_file
from shared_schema.runtime.process.exits import FAILED
from tests.support.client import listening
from tests.support.platforms import posix
from tests.support.processes import System, system, until
from tests.support.sessions import session_id
from tests.support.staging import brief_chat
from tests.support.visitor import post, request

SECRET = "I stole my sister's wedding ring"  # noqa: S105  # a visitor's
ASK = {
    "message": SECRET,
    "visitId": "a",
    "slots": [{"slotId": 1, "agentId": "gpt-4o"}, {"slotId": 2, "agentId": "gpt-5.1"}],
}


def deleted(show: System, session: str) -> None:
    process = show.command("chat_backend", "sessions", "delete", session)
    assert process.popen.returncode == 0, process.log
    assert session in process.log


def kept_recording(show: System, number: int) -> Path:
    """Put down what RR_STT_KEEP leaves of a spoken question."""
    transcript = show.artifacts / HEARING_ROOT / session_id(number) / "transcript.json"
    transcript.parent.mkdir(parents=True)
    transcript.write_text(json.dumps({"transcript": SECRET}), "utf-8")
    return transcript


def traces(folder: Path, *words: str) -> list[str]:
    """Return what has one of the words in its name or bytes; it may be going meanwhile."""
    found = []
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            content = b""
            if name in files:
                with suppress(FileNotFoundError):
                    content = path.read_bytes()
            if any(word in path.as_posix() or word.encode() in content for word in words):
                found.append(path.relative_to(folder).as_posix())
    return found


async def test_a_deleted_session_is_gone_everywhere_while_the_servers_run(tmp_path: Path) -> None:
    """Speech, waves, words, events, rehearsals of them, memories; and nothing tells it again."""
    with system(tmp_path) as show:
        recordings = [kept_recording(show, number) for number in (1, 2)]
        gateway = show.gateway()
        brief_chat(show)
        async with listening(show.events_url) as client:
            spoken = {**ASK, "inputSessionId": session_id(1)}
            session = (await asyncio.to_thread(post, show.chat_url, spoken)).session_id
            await client.told(session)
            # Of another visit: within one, the voices may quote what was said before.
            another = {**ASK, "message": "What stays?", "visitId": "b"}
            other = (await asyncio.to_thread(post, show.chat_url, another)).session_id
            await client.told(other)
            show.settled(session)
            show.settled(other)
            rehearsed = show.command("event_gateway", "rehearse", session, "--speed", "100")
            assert rehearsed.popen.returncode == 0, rehearsed.log
            copies = await client.told()
        outbox = show.artifacts / "gateway"
        assert traces(outbox, "wedding ring")
        deleted(show, session)
        # Of the session itself there is one row that says that it is closed.
        assert traces(show.artifacts / "tts", session, SECRET) == []
        assert traces(show.artifacts / "waves", session) == []
        assert [each.exists() for each in recordings] == [False, True]
        recordings[1].unlink()
        assert traces(show.artifacts, SECRET, f"sessions/{session}") == []
        for each in (session, copies[0].session_id):
            history = request(show.gateway_url, "GET", f"/v1/events/history?sessionId={each}")
            assert history.json() == {"events": []}
        assert request(show.gateway_url, "GET", f"/v1/recordings/{session}").status_code == 404
        listed = request(show.gateway_url, "GET", "/v1/recordings").json()["recordings"]
        assert [each["sessionId"] for each in listed] == [other]
        # The visit ended with it.
        later = await asyncio.to_thread(
            post, show.chat_url, {**ASK, "message": "Do you remember me?"}
        )
        assert not [done for done in later.of(SlotDone) if "wedding ring" in done.text]
        # A gateway that asks the backend for everything hears nothing of it either.
        gateway.stop()
        show.gateway()
        async with listening(show.events_url) as client:
            await client.say({"type": "hello", "client": "t", "resume": {}})
            await client.ack()
            again = await asyncio.to_thread(post, show.chat_url, {**ASK, "visitId": "c"})
            await client.told(again.session_id)
            assert not [raw for raw in client.raw if session in raw]
        assert session not in show.command("chat_backend", "sessions", "list").log


async def test_a_session_under_way_is_ended_and_deleted(tmp_path: Path) -> None:
    """In the middle of a turn, with waves being made: nothing comes back afterwards."""
    with system(tmp_path) as show:
        show.gateway()
        brief_chat(show)
        async with listening(show.events_url):
            sessions: list[str] = []

            def delete_at_first_text(event: object) -> bool:
                if isinstance(event, SlotDone) and event.turn_index == 2 and not sessions:
                    sessions.append(event.session_id)
                    deleted(show, event.session_id)
                return True

            stream = await asyncio.to_thread(
                post, show.chat_url, ASK, on_event=delete_at_first_text
            )
            (session,) = sessions
            assert stream.session_id == session
            # What the workers were still writing goes when they have.
            chat = show.processes[1]
            until(lambda: traces(show.artifacts / "waves", session) == [], "no waves")
            chat.stop()
        assert traces(show.artifacts, SECRET, f"sessions/{session}") == []
        assert traces(show.artifacts / "tts", session) == []
        assert traces(show.artifacts / "waves", session) == []


def test_without_servers_and_kept_ones(tmp_path: Path) -> None:
    """Files and events go all the same; a kept session outlives the retention of both."""
    with system(tmp_path) as show:
        gateway, chat = show.gateway(), brief_chat(show)
        ids = [post(show.chat_url, ASK).session_id for _ in range(3)]
        for each in ids:
            show.settled(each)
        history = "/v1/events/history?sessionId="
        for each in ids:
            until(
                lambda each=each: request(  # type: ignore[misc]
                    show.gateway_url, "GET", f"{history}{each}"
                ).json()["events"],
                "recorded",
            )
        chat.stop()
        gateway.stop()
        gone, kept, old = ids
        assert show.command("chat_backend", "sessions", "keep", kept[:8]).popen.returncode == 0
        assert "kept" in show.command("chat_backend", "sessions", "list").log
        deleted(show, gone)
        assert traces(show.artifacts / "tts", gone) == []
        # An hour of retention is over for all that is left.
        for path in show.artifacts.rglob("*"):
            if "gateway" not in path.parts and "run" not in path.parts:
                os.utime(path, (time.time() - 3600, time.time() - 3600))
        show.settings |= {"RR_ARTIFACTS_KEEP_DAYS": "1e-6", "RR_EVENTS_RETENTION_DAYS": "1e-6"}
        show.gateway()
        brief_chat(show)
        until(lambda: traces(show.artifacts / "tts", old) == [], "the old one gone")
        until(
            lambda: not request(show.gateway_url, "GET", f"{history}{old}").json()["events"],
            "its events gone",
        )
        assert (show.artifacts / session_file(kept)).exists()
        assert request(show.gateway_url, "GET", f"{history}{kept}").json()["events"]


@posix("links without a privilege")
def test_what_is_said_to_be_deleted_is_gone(tmp_path: Path) -> None:
    """A recording that no session names goes, by its id or its age; what stays is named."""
    with system(tmp_path) as show:
        by_id, by_route, by_age = (kept_recording(show, number) for number in (1, 2, 3))
        deleted(show, session_id(1))
        assert not by_id.parent.exists()
        tried = show.command("chat_backend", "sessions", "prune", "--days", "0", "--dry-run")
        assert session_id(3) in tried.log
        brief_chat(show)
        route = f"/v1/sessions/{session_id(2)}"
        answer = request(show.chat_url, "DELETE", route)
        assert answer.json() == {"sessionId": session_id(2), "deleted": True, "left": []}
        assert not by_route.parent.exists()
        assert request(show.chat_url, "DELETE", route).status_code == httpx.codes.NOT_FOUND

        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "mine").touch()
        sessions = show.artifacts / "tts/sessions"
        sessions.mkdir(parents=True, exist_ok=True)
        (sessions / session_id(4)).symlink_to(outside)
        (sessions / session_id(5)).write_text(SECRET)
        for number, reason in ((4, LINK), (5, NO_FOLDER)):
            place = sessions / session_id(number)
            answer = request(show.chat_url, "DELETE", f"/v1/sessions/{session_id(number)}")
            assert answer.json()["deleted"] is False
            assert answer.json()["left"] == [{"path": place.as_posix(), "reason": reason}]
            refused = show.command("chat_backend", "sessions", "delete", session_id(number))
            assert refused.popen.returncode == FAILED
            assert f"{place} {reason}" in refused.log
            assert "is deleted" not in refused.log
        assert (outside / "mine").exists()

        pruned = show.command("chat_backend", "sessions", "prune", "--days", "0")
        assert pruned.popen.returncode == 0, pruned.log
        assert not by_age.parent.exists()
        assert f"skipped {session_id(4)}: " in pruned.log


@pytest.mark.parametrize("with_token", [False, True])
def test_deleting_is_the_operators(tmp_path: Path, with_token: bool) -> None:
    """With the operator's token set both servers ask for it; the command has it."""
    with system(tmp_path, **({"operator_token": "ours"} if with_token else {})) as show:
        show.gateway()
        brief_chat(show)
        session = post(show.chat_url, ASK).session_id
        for url in (show.chat_url, show.gateway_url):
            answer = request(url, "DELETE", f"/v1/sessions/{session}")
            assert answer.status_code == (401 if with_token else 200)
        evil = {"Origin": "http://evil.example", "Authorization": "Bearer ours"}
        for url in (show.chat_url, show.gateway_url):
            answer = request(url, "DELETE", f"/v1/sessions/{session}", headers=evil)
            assert answer.status_code == 403
        deleted(show, session)
        assert request(show.chat_url, "GET", "/v1/health").status_code == 200
        assert request(show.chat_url, "DELETE", "/v1/sessions/../x").status_code in (404, 401)
