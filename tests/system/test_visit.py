"""What a visitor and a page get from the chat backend, beside a session that goes well."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from shared_schema.chat import SlotAudio, SlotDone, SlotError
from shared_schema.events import SessionStopped, Turn1WavesReady
from tests.support.client import listening
from tests.support.local_http import LOCAL
from tests.support.processes import System, system, until
from tests.support.staging import MESSAGE, brief_chat, stage, visit
from tests.support.visitor import Stream, post, request


async def test_a_session_can_be_stopped(show: System) -> None:
    """In order: errors of those that spoke, done, a Turn 1 event, session.stopped, no dialogues."""
    stage(show, wait_s=60.0)
    answers: list[httpx.Response] = []

    def stop_at_first_text(event: object) -> bool:
        if isinstance(event, SlotDone) and not answers:
            path = f"/v1/sessions/{event.session_id}/stop"
            answers.append(request(show.chat_url, "POST", path))
        return True

    async with listening(show.events_url) as touchdesigner:
        stream = await asyncio.to_thread(post, show.chat_url, MESSAGE, on_event=stop_at_first_text)
        frames = {type(event): event for event in [await touchdesigner.event() for _ in range(2)]}
        await touchdesigner.nothing()
    assert answers[0].json()["stopped"] is True
    assert {error.error.message for error in stream.of(SlotError)} == {"the session was stopped"}
    assert frames[SessionStopped] == SessionStopped(session_id=stream.session_id)
    turn1 = frames[Turn1WavesReady]
    assert isinstance(turn1, Turn1WavesReady)
    assert turn1.payload.slots_ready == 0
    again = request(show.chat_url, "POST", f"/v1/sessions/{stream.session_id}/stop")
    assert again.status_code == 404


async def test_beyond_the_limit_a_visitor_is_told_to_come_back(show: System) -> None:
    """With two sessions running the third gets 503 with Retry-After; the two go on."""
    stage(show, wait_s=1.0)
    with ThreadPoolExecutor(2) as visitors:
        running = [visitors.submit(post, show.chat_url, MESSAGE) for _ in range(2)]
        until(
            lambda: request(show.chat_url, "GET", "/v1/health").json()["sessionsRunning"] == 2,
            "two sessions",
        )
        third = request(show.chat_url, "POST", "/v1/chat", json=MESSAGE)
        stage(show)
        for each in running:
            (await asyncio.to_thread(each.result)).assert_in_order()
    assert third.status_code == 503
    assert int(third.headers["retry-after"]) > 0
    assert "RR_CHAT_MAX_SESSIONS" in third.json()["error"]["message"]


async def test_history_belongs_to_a_visit_until_it_is_reset(show: System) -> None:
    """The same message and seed is answered with memory within a visit, and anew elsewhere."""
    first = await visit(show, {**MESSAGE, "visitId": "a"})
    second = await visit(show, {**MESSAGE, "visitId": "a"})
    request(show.chat_url, "POST", "/v1/reset", json={"visitId": "a"})
    third = await visit(show, {**MESSAGE, "visitId": "a"})
    without = await visit(show)
    assert texts(first) == texts(third) == texts(without)
    assert texts(first) != texts(second)


async def test_a_secret_stays_in_its_visit(show: System) -> None:
    """No later visit quotes it, with or without an id; no log line and no health page has it."""
    stage(show, mute=["*:*"])
    secret = "I stole my sister's wedding ring"  # noqa: S105  # a visitor's
    await visit(show, {"message": secret, "visitId": "a"})
    again = await visit(show, {"message": "Do you remember me?", "visitId": "a"})
    quoted = [text for text in texts(again) if "wedding ring" in text]
    assert quoted  # within the visit it is remembered: the rest of this test could fail
    for number in range(12):
        body = {"message": f"Do you remember what they told you, friend {number}?"}
        later = await visit(show, body | ({"visitId": f"b{number}"} if number % 2 else {}))
        said = " ".join(done.text for done in later.of(SlotDone))
        # Words of the secret that no persona has of its own, as it has "a wedding spoon".
        assert not any(word in said for word in ("stole", "sister's", "wedding ring"))
    log = "\n".join(process.log for process in show.processes)
    assert "wedding" not in log


def test_nothing_that_is_open_to_a_visitor_tells_what_another_said(tmp_path: Path) -> None:
    """With the operator's token set: pages, streams, files and errors of both servers."""
    secret = "I stole my sister's wedding ring"  # noqa: S105  # a visitor's
    with system(tmp_path, operator_token="ours", log_level="debug") as it:  # noqa: S106
        it.gateway()
        brief_chat(it)
        headers = {"Authorization": "Bearer ours"}
        with httpx.stream("GET", f"{it.gateway_url}/v1/watch", headers=headers, **LOCAL) as watched:
            session = post(it.chat_url, {"message": secret, "visitId": "a"}).session_id
            shown = next(line for line in watched.iter_lines() if '"text":"' in line)
        document = it.artifacts / f"tts/sessions/{session}/session.json"
        until(lambda: '"state": "done"' in document.read_text("utf-8"), "session.json")
        assert "wedding" in document.read_text("utf-8")
        answers = []
        for method, url, path in (
            *(("GET", it.chat_url, path) for path in OPEN_AT_CHAT),
            *(("GET", it.gateway_url, path) for path in OPEN_AT_GATEWAY),
            ("POST", it.chat_url, f"/v1/sessions/{session}/stop"),
            ("DELETE", it.chat_url, f"/v1/sessions/{session}"),
            ("DELETE", it.gateway_url, f"/v1/sessions/{session}"),
            ("POST", it.gateway_url, "/v1/rehearsal"),
            ("POST", it.chat_url, "/v1/reset"),
        ):
            answers.append(request(url, method, path.format(session=session)))
        # Who knows the number of a visit of another is still no part of it after a reset.
        later = post(it.chat_url, {"message": "Do you remember?", "visitId": "a"})
        logs = [process.log for process in it.processes]
    guarded = [answer for answer in answers if answer.status_code == httpx.codes.UNAUTHORIZED]
    assert len(guarded) == len(GUARDED_PATHS) + 3
    told = [answer.text for answer in answers] + [str(event) for event in later.events] + logs
    assert not [text for text in told if "wedding ring" in text]
    answered = re.findall(r'"text":"([^"]{9,30})', shown)
    assert answered
    assert not [text for text in answered if any(text in log for log in logs)]


OPEN_AT_CHAT = (
    "/",
    "/?kiosk=1",
    "/v1/health",
    "/v1/agents",
    "/metrics",
    "/v1/chat",
    "/v1/sessions",
    "/v1/sessions/{session}",
    "/v1/audio/tts/sessions/{session}/session.json",
    "/v1/audio/gateway/outbox.sqlite3",
    "/v1/audio/run/chat_backend.json",
    "/nothing",
)
GUARDED_PATHS = (
    "/",
    "/v1/watch",
    "/v1/sessions",
    "/v1/sessions/{session}",
    "/v1/recordings",
    "/v1/recordings/{session}",
    "/v1/rehearsal",
    "/v1/quiet",
    "/v1/events/history?sessionId={session}",
    "/nothing",
)
OPEN_AT_GATEWAY = (
    *GUARDED_PATHS,
    "/healthz",
    "/readyz",
    "/metrics",
    "/asyncapi.json",
    "/pages/technician.js",
    "/v1/audio/tts/sessions/{session}/session.json",
    "/v1/audio/gateway/outbox.sqlite3",
)


def test_a_wrong_reset_says_what_is_wrong(show: System) -> None:
    """The field is named; nothing is forgotten."""
    answer = request(show.chat_url, "POST", "/v1/reset", json={"visitId": "../x"})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "visitId"


def texts(stream: Stream) -> list[str]:
    return sorted(done.text for done in stream.of(SlotDone, 1))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "message"),
        (b'{"message":"x","slots":[{"slotId":0,"agentId":"gpt-4o"}]}', "slots[0].slotId"),
        (
            b'{"message":"x","slots":[{"slotId":1,"agentId":"gpt-4o"},'
            b'{"slotId":1,"agentId":"gpt-4o"}]}',
            "slots[1].slotId",
        ),
        (b'{"message":"x","slots":[{"slotId":1,"agentId":"hal"}]}', "slots[0].agentId"),
        (
            json.dumps(
                {"message": "x", "slots": [{"slotId": 1, "agentId": "gpt-4o"}] * 7}
            ).encode(),
            "slots",
        ),
        (json.dumps({"message": "x" * 1_000_000}).encode(), "message"),
        (b'{"message":"' + b"x" * 3_000_000 + b'"}', "message"),
        (b"this is not JSON", ""),
        (b"\xff\x00", ""),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(show: System, body: bytes, field: str) -> None:
    """4xx with a JSON body that names the field."""
    answer = request(show.chat_url, "POST", "/v1/chat", content=body)
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert error["field"] == field
    assert error["message"]


async def test_audio_is_served_from_the_artifacts_folder_only(show: System) -> None:
    """Whole and in ranges; nothing outside, and nothing but sound."""
    stream = await visit(show, {**MESSAGE, "slots": [{"slotId": 1, "agentId": "gpt-4o"}]})
    (audio,) = stream.of(SlotAudio)
    whole = request(show.chat_url, "GET", f"/v1/audio/{audio.audio_path}")
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.content[:4] == b"RIFF"
    part = request(
        show.chat_url,
        "GET",
        f"/v1/audio/{audio.audio_path}",
        headers={"Range": "bytes=100-199"},
    )
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    (show.folder / "secret.wav").write_bytes(b"RIFF")
    for path in (
        "../secret.wav",
        "%2e%2e/secret.wav",
        "..%2fsecret.wav",
        "tts/../../secret.wav",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "gateway/outbox.sqlite3",
        f"tts/sessions/{stream.session_id}/session.json",
        "nothing.wav",
        "x%00.wav",
    ):
        answer = request(show.chat_url, "GET", f"/v1/audio/{path}")
        assert answer.status_code == 404, path


def test_agents_and_health_are_told(show: System) -> None:
    """Six agents with a description each, six voices, and how busy it is."""
    agents = request(show.chat_url, "GET", "/v1/agents").json()
    assert len(agents["agents"]) == len(agents["voiceProfiles"]) == 6
    assert all(agent["description"] for agent in agents["agents"])
    health = request(show.chat_url, "GET", "/v1/health").json()
    assert (health["status"], health["sessionsMax"]) == ("ok", 2)


def test_a_foreign_page_can_not_talk_to_the_chat(show: System) -> None:
    """Another page's Origin is refused; the frontend's is answered with its CORS headers."""
    evil = request(show.chat_url, "POST", "/v1/reset", headers={"Origin": "http://evil.example"})
    assert evil.status_code == 403
    good = request(show.chat_url, "POST", "/v1/reset", headers={"Origin": "http://localhost:5173"})
    assert good.headers["access-control-allow-origin"] == "http://localhost:5173"
