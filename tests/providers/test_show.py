"""A whole show with models and voices of providers: real processes, servers that speak for them.

Anthropic has slots 1 and 2, OpenAI 3 to 5, Google 6. Every key is marked, so that it can be looked
for wherever words leave a process.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared_schema.chat import SlotAudio, SlotDone, SlotError, encode_chat_event
from shared_schema.events import Turn1WavesReady
from tests.providers.conftest import SECRETS
from tests.providers.wire import Wire
from tests.support.client import listening, turn1_of
from tests.support.processes import System, system
from tests.support.visitor import Stream, post, request

pytest.importorskip("pydantic_ai", reason="needs the extra: uv sync --extra llm")

MESSAGE = {"message": "What does the harbour keep for those who left?"}
TURN_TIMEOUT_S = 20.0
# Far beyond a session's length: what comes earlier did not wait for a deadline.
NEVER_S = 300


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory, servers: Wire) -> Iterator[System]:
    """An installation whose providers are the test's servers; it logs all that it can."""
    with system(
        tmp_path_factory.mktemp("show"),
        anthropic_url=servers.url,
        openai_url=f"{servers.url}/v1",
        google_url=servers.url,
        elevenlabs_url=servers.url,
        tts="elevenlabs",
        provider_timeout_s=4,
        chat_turn_timeout_s=TURN_TIMEOUT_S,
        events_turn1_timeout_s=NEVER_S,
        events_dialogue_timeout_s=NEVER_S,
        log_level="debug",
    ) as it:
        it.settings.update(SECRETS)
        it.gateway()
        it.chat()
        yield it


async def visit(show: System) -> Stream:
    return await asyncio.to_thread(post, show.chat_url, MESSAGE)


async def usage_of(show: System, session: str) -> dict[tuple[str, str], dict[str, Any]]:
    document = await asyncio.to_thread(show.settled, session)
    return {(row["service"], row["provider"]): row for row in document.usage}


async def test_six_slots_over_three_providers_with_one_down(show: System, wire: Wire) -> None:
    """Five speak, the sixth reports, the client gets `partial`, and all of it in time."""
    wire.script("gemini", "500")
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        events = await touchdesigner.told(stream.session_id)
    stream.assert_in_order()
    assert [done.slot_id for done in by_slot(stream.of(SlotDone, 1))] == [1, 2, 3, 4, 5]
    assert [audio.slot_id for audio in by_slot(stream.of(SlotAudio, 1))] == [1, 2, 3, 4, 5]
    assert all(audio.fallback_engine is None for audio in stream.of(SlotAudio))
    (error,) = stream.of(SlotError)
    assert (error.slot_id, error.error.type) == (6, "server_error")
    assert error.error.message.startswith("google failed (500)")
    assert len(wire.of("gemini")) == 3
    # Turn 2: each on another that answered, never on the one that did not.
    targets = {done.slot_id: done.target_slot_id for done in stream.of(SlotDone, 2)}
    assert set(targets) == {1, 2, 3, 4, 5}
    assert all(target in {1, 2, 3, 4, 5} - {slot} for slot, target in targets.items())
    turn1 = turn1_of(events)
    assert isinstance(turn1, Turn1WavesReady)
    assert turn1.payload.status == "partial"
    assert [wave.slot_id for wave in turn1.payload.slots] == [1, 2, 3, 4, 5]
    usage = await usage_of(show, stream.session_id)
    assert usage["text", "google"]["failures"] == 3
    assert usage["text", "google"]["retries"] == 2
    asked = len(wire.of("anthropic"))
    assert usage["text", "anthropic"]["calls"] == asked
    assert usage["text", "anthropic"]["inputTokens"] == 120 * asked
    spoken = stream.of(SlotDone)
    characters = sum(len(done.text) for done in spoken)
    assert usage["speech", "elevenlabs"]["characters"] == characters
    assert usage["speech", "elevenlabs"]["seconds"] > 0.0


async def test_all_turns_are_asked_before_the_first_is_spoken(show: System, wire: Wire) -> None:
    """Speech that waits for Turn 3's questions comes, turn by turn, and nothing falls back."""
    wire.script("elevenlabs", "after-turn-3")
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        events = await touchdesigner.told(stream.session_id)
    stream.assert_in_order()
    audios = stream.of(SlotAudio)
    assert len(audios) == len(stream.of(SlotDone)) > 12
    assert all(audio.fallback_engine is None for audio in audios)
    assert turn1_of(events).payload.status == "complete"


async def test_when_the_voices_are_down_the_embedded_one_speaks(show: System, wire: Wire) -> None:
    """Every utterance says so; nobody is silent, and a provider that is down is left alone."""
    wire.script("elevenlabs", "500")
    stream = await visit(show)
    audios = stream.of(SlotAudio)
    assert {audio.slot_id for audio in stream.of(SlotAudio, 1)} == {1, 2, 3, 4, 5, 6}
    assert len(audios) == len(stream.of(SlotDone))
    assert {audio.fallback_engine for audio in audios} == {"hibari"}
    assert '"fallbackEngine":"hibari"' in encode_chat_event(audios[0])
    await asyncio.to_thread(show.processes[1].until_logged, "speech fell back")
    usage = await usage_of(show, stream.session_id)
    assert usage["speech", "elevenlabs"]["fallbacks"] == len(audios)
    assert usage["speech", "hibari"]["calls"] == len(audios)
    # The circuit opened: fewer calls than three for each utterance.
    assert len(wire.of("elevenlabs")) < 3 * len(audios)
    text = request(show.chat_url, "GET", "/metrics").text
    assert 'rr_provider_circuit_open{provider="elevenlabs",service="speech"} 1.0' in text


def test_health_names_who_answers_and_who_speaks(show: System) -> None:
    """Names of providers, no more."""
    health = request(show.chat_url, "GET", "/v1/health").json()
    assert health["speech"] == "elevenlabs"
    assert health["agents"]["claude-opus-4-5"] == "anthropic"
    assert health["agents"]["gemini-3"] == "google"


def test_check_asks_each_and_tells_by_its_exit_code(
    show: System, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All well is 0; one that fails is 1, and the table says which."""
    monkeypatch.setitem(show.settings, "RR_PROVIDER_TIMEOUT_S", "60")  # nobody hangs here
    process = show.start("check", "-m", "chat_backend", "check")
    assert process.wait() == 0, process.log
    assert len(re.findall(r"\byes\b", process.log)) == 7
    assert "XrExE9yKIg1WjnnlVkGX" in process.log, "the voice behind a profile"
    wire.script("responses", "401")
    process = show.start("check", "-m", "chat_backend", "check")
    assert process.wait() == 1
    assert "gpt-5.1: openai rejected the API key (401)" in process.log


async def test_no_key_is_told_anywhere(show: System, wire: Wire) -> None:
    """After runs in which providers quoted the keys: logs, streams, files, pages, events."""
    wire.script("anthropic", "500")
    wire.script("responses", "401")
    wire.script("elevenlabs", "429-long")
    async with listening(show.events_url) as touchdesigner:
        stream = await visit(show)
        # Slot 6 is alone, so there is no dialogue.
        turn1_of([await touchdesigner.session_event()])
        told = touchdesigner.raw
    assert {error.slot_id for error in stream.of(SlotError, 1)} >= {1, 2, 3, 4, 5}
    words = [encode_chat_event(event) for _, event in stream.events]
    assert any("anthropic failed (500): refused" in word for word in words), "the quoting came"
    pages = [
        request(show.chat_url, "GET", page).text
        for page in ("/v1/health", "/v1/agents", "/metrics", "/v1/nowhere")
    ]
    pages += [request(show.gateway_url, "GET", page).text for page in ("/healthz", "/metrics")]
    await asyncio.to_thread(show.settled, stream.session_id)
    files = [path.read_text("utf-8") for path in show.artifacts.rglob("*.json")]
    assert files
    logs = [path.read_text("utf-8", "replace") for path in show.folder.glob("*.log")]
    assert any("debug" in log for log in logs)
    for secret in SECRETS.values():
        for place in (*words, *pages, *files, *logs, *told):
            assert secret not in place
    marked = re.compile(r"[\w-]*MARKED[\w-]*")
    assert not [found for place in (*words, *files, *logs) if (found := marked.findall(place))]
    assert all(key_bytes_absent(path) for path in show.artifacts.rglob("*") if path.is_file())


def key_bytes_absent(path: Path) -> bool:
    data = path.read_bytes()
    return not any(secret.encode() in data for secret in SECRETS.values())


def by_slot(events: list[Any]) -> list[Any]:
    return sorted(events, key=lambda event: int(event.slot_id))


async def test_a_start_that_cannot_be_had_is_one_line(tmp_path: Path, wire: Wire) -> None:
    """RR_AGENTS=llm without keys: code 78, every lack named, no traceback."""
    with system(tmp_path, agents="llm", anthropic_url=wire.url) as it:
        process = it.start("chat", "-m", "chat_backend")
        assert await asyncio.to_thread(process.wait, 30.0) == 78
        (line,) = [line for line in process.log.splitlines() if line.startswith("chat: ")]
        assert "gpt-4o: OPENAI_API_KEY is not set" in line
        assert "Traceback" not in process.log
        it.processes.clear()
    assert json.dumps([each.path for each in wire.received]) == "[]"
