"""A past session is told again to the connected client."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import UNSET, structs

from event_gateway.core.readiness import Readiness
from event_gateway.outbox import Outbox
from event_gateway.rendering import Renderer
from shared_schema import START_THEM
from shared_schema.events import FinalSummaryReady, SessionEvent, UserSentiment, waves_of
from shared_schema.layout import (
    GATEWAY_DIR,
    WAVE_MIX,
    WAVE_NAMES,
    Artifacts,
    session_file,
)
from shared_schema.session_document import (
    read_document,
)
from tests.support.client import Listener, backend, listening, write_session, write_wav
from tests.support.local_http import LOCAL
from tests.support.platforms import SIGNALS
from tests.support.processes import Process, System, system, until
from tests.support.readiness import LIMITS
from tests.support.sessions import Truth, whole, with_additions

NEVER_S = 300
NOBODY = "00000000-0000-4000-8000-0000000000ff"


@pytest.fixture
def show(tmp_path: Path) -> Iterator[System]:
    with system(tmp_path, events_dialogue_timeout_s=NEVER_S, bus_silence_s=NEVER_S) as it:
        it.gateway()
        yield it


def api(show: System, method: str, path: str, **options: Any) -> httpx.Response:
    with httpx.Client(timeout=10.0, **LOCAL) as http:
        return http.request(method, f"{show.gateway_url}{path}", **options)


def rehearse(show: System, **wish: Any) -> httpx.Response:
    return api(show, "POST", "/v1/rehearsal", json=wish)


def status(show: System) -> dict[str, Any]:
    answer: dict[str, Any] = api(show, "GET", "/v1/rehearsal").json()
    return answer


async def until_state(show: System, state: str) -> dict[str, Any]:
    await asyncio.to_thread(until, lambda: status(show)["state"] == state, state)
    return status(show)


def command(show: System, *arguments: str) -> Process:
    return show.start("command", "-m", "event_gateway", *arguments)


@asynccontextmanager
async def recorded(show: System, truth: Truth) -> Any:
    """Yield a connected client and the backend, after a session was told live."""
    async with listening(show.events_url) as client, backend(show.bus_url, show.artifacts) as chat:
        chat.tell(truth)
        live = await client.told(truth.session_id)
        yield client, chat, live


def content(events: list[SessionEvent]) -> list[object]:
    """Return what was told, without what a rehearsal changes."""
    told: list[object] = []
    for event in events:
        payload = msgspec.to_builtins(event.payload)
        payload.pop("rehearsal", None)
        told.append((event.seq, payload))
    return told


async def test_a_session_is_told_again_as_it_was(show: System) -> None:
    """The same payloads and seqs, marked, under a fresh session id."""
    async with recorded(show, whole()) as (client, _, live):
        answer = rehearse(show, speed=100)
        assert answer.status_code == httpx.codes.ACCEPTED
        again = await client.told()
        assert content(again) == content(live)
        assert {event.session_id for event in again} == {status(show)["sessionId"]}
        assert again[0].session_id != live[0].session_id
        assert all('"rehearsal":true' in text for text in client.raw[-3:])
        assert not any("rehearsal" in text for text in client.raw[:-3])
        assert (await until_state(show, "ended"))["sent"] == 3
        history = api(show, "GET", f"/v1/events/history?sessionId={again[0].session_id}").json()
        assert [event["seq"] for event in history["events"]] == [1, 2, 3]


async def test_the_rhythm_is_kept_and_can_be_faster(show: System) -> None:
    """A pause between Turn 1 and the dialogues comes again, divided by the speed."""
    truth = whole()
    async with listening(show.events_url) as client, backend(show.bus_url, show.artifacts) as chat:
        chat.write(truth)
        session = truth.session_id
        chat.events.begin_session(session, slots=truth.begun().slots)
        for part in truth.parts():
            chat.events.utterance(session, truth.utterance(*part))
        chat.events.turn1_complete(session)
        await client.session_event()
        await client.nothing(for_s=1.2)
        chat.events.turn3_complete(session, truth.dialogues)
        chat.events.session_complete(session, stopped=False)
        await client.session_event()
        await client.session_event()
        for speed, least_s in ((1, 1.2), (4, 0.3)):
            rehearse(show, speed=speed)
            await client.session_event()
            begun = asyncio.get_running_loop().time()
            await client.session_event()
            assert asyncio.get_running_loop().time() - begun >= least_s - 0.05
            await client.session_event()


async def test_a_live_session_ends_a_rehearsal(show: System) -> None:
    """Nothing rehearsed comes after a live session has begun; and none can begin then."""
    async with recorded(show, whole(1)) as (client, chat, _):
        slow = status(show)
        assert slow["state"] == "idle"
        rehearse(show, loop=True, speed=0.1)
        await client.told()
        live = whole(2)
        chat.events.begin_session(live.session_id, slots=live.begun().slots)
        assert (await until_state(show, "waiting"))["reason"] == "a live session is under way"
        refused = rehearse(show)
        assert refused.status_code == httpx.codes.CONFLICT
        assert "rehearse when it is over" in refused.json()["error"]["message"]
        chat.tell(live)
        assert {e.session_id for e in await client.told(live.session_id)} == {live.session_id}
        again = await client.told()
        assert again[0].payload.rehearsal is True
        assert api(show, "DELETE", "/v1/rehearsal").json()["state"] == "stopped"


async def test_what_cannot_be_rehearsed_names_the_remedy(show: System) -> None:
    """No client, no recording, an unknown session, lost files, a wish that is none."""
    nobody = rehearse(show)
    assert nobody.status_code == httpx.codes.CONFLICT
    assert "event_gateway listen" in nobody.json()["error"]["message"]
    async with listening(show.events_url):
        empty = rehearse(show)
        assert empty.status_code == httpx.codes.NOT_FOUND
        assert "event_gateway sample" in empty.json()["error"]["message"]
        unknown = rehearse(show, sessionId=NOBODY)
        assert unknown.status_code == httpx.codes.NOT_FOUND
        assert "sessions list" in unknown.json()["error"]["message"]
        for wish in ({"speed": 0}, {"sessionId": "../x"}, {"loop": "yes"}, {"tempo": 2}):
            assert rehearse(show, **wish).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    async with recorded(show, whole()) as (_, _, live):
        Path(waves_of(live[0])[0].wave_mix_path_abs).unlink()
        assert rehearse(show).status_code == httpx.codes.NOT_FOUND


async def test_a_rehearsal_is_not_rehearsed(show: System) -> None:
    """`latest` is the latest real session."""
    async with recorded(show, whole()) as (client, _, live):
        for _ in range(2):
            assert rehearse(show, speed=100).json()["of"] == live[0].session_id
            again = await client.told()
        assert rehearse(show, sessionId=again[0].session_id).status_code == httpx.codes.NOT_FOUND


async def test_a_foreign_page_cannot_rehearse(show: System) -> None:
    """The doors hold here too."""
    async with listening(show.events_url):
        headers = {"Origin": "http://evil.example"}
        refused = api(show, "POST", "/v1/rehearsal", json={}, headers=headers)
        assert refused.status_code == httpx.codes.FORBIDDEN


async def test_a_client_that_reconnects_gets_what_it_missed(show: System) -> None:
    """A rehearsal's events are on record like any other's."""
    async with recorded(show, whole()) as (client, _, live):
        rehearse(show, speed=100)
        first: Listener = client
        again = await first.told()
    async with listening(show.events_url) as back:
        seen = {live[0].session_id: 3, again[0].session_id: 1}
        await back.say({"type": "hello", "resume": seen})
        await back.ack()
        assert [event.seq for event in await back.told(again[0].session_id)] == [2, 3]


async def test_a_session_of_format_1_is_listed_shown_and_rehearsed(show: System) -> None:
    """Its session.json and its waves are enough, though no event of it was ever recorded."""
    document = {
        "format": 1,
        "sessionId": NOBODY,
        "startedAt": "2026-01-01T00:00:00.000Z",
        "state": "done",
        "message": "m",
        "seed": 1,
        "slots": [{"slotId": slot, "agentId": "gpt-4o"} for slot in (1, 2, 3)],
        "utterances": [
            entry(show, 1, 1),
            entry(show, 1, 2),
            {**entry(show, 1, 3), "state": "failed", "waveMixPath": None, "error": "waves: broken"},
            entry(show, 2, 1, target=2),
            entry(show, 3, 2),
        ],
        "dialogues": [
            {"dialogueId": "turn23-slot2", "targetSlotId": 2, "commenterSlotIds": [1]},
        ],
    }
    path = show.artifacts / session_file(NOBODY)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document), "utf-8")
    async with listening(show.events_url) as client:
        assert rehearse(show, speed=100).json()["of"] == NOBODY
        events = await client.told()
    (listed,) = api(show, "GET", "/v1/recordings").json()["recordings"]
    assert (listed["sessionId"], listed["events"]) == (NOBODY, 2)
    shown = api(show, "GET", f"/v1/recordings/{NOBODY}").json()
    waves = [each["wave"] for each in shown["utterances"]]
    assert [each["type"] for each in waves] == ["ready", "ready", "failed", "ready", "ready"]
    assert waves[2]["message"] == "broken"
    assert waves[0]["sampleRateHz"] == 8000
    assert events[0].payload.missing_slot_ids == (3,)  # type: ignore[union-attr]
    assert [[wave.slot_id for wave in waves_of(event)] for event in events] == [[1, 2], [1, 2]]
    places = [
        (wave.wave1_target_slot_id, wave.wave2_target_slot_id, wave.wave3_target_slot_id)
        for wave in waves_of(events[0])
    ]
    assert places == [(1, 2, 1), (2, 3, UNSET)]
    for wave in waves_of(events[0]):
        assert Path(str(wave.wave1_path_abs)).is_file()


async def test_a_session_is_rehearsed_from_its_file_with_mood_and_summary(show: System) -> None:
    """No event of it was recorded here: the mood comes first, and what remained last."""
    truth = with_additions(whole())
    write_session(show.artifacts, truth)
    async with listening(show.events_url) as client:
        rehearse(show, sessionId=truth.session_id, speed=100)
        events = await client.told(summary=True)
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert isinstance(events[0], UserSentiment)
    summary = events[-1]
    assert isinstance(summary, FinalSummaryReady)
    assert summary.payload.wave_info is not None
    assert all(Path(wave.wave_path_abs).is_file() for wave in summary.payload.wave_info.waves)


async def test_events_of_an_older_version_are_rehearsed_with_their_waves(show: System) -> None:
    """What its outbox has names no single waves; they lie beside the mix, with default places."""
    truth = whole()
    for path in truth.wave_files():
        write_wav(show.artifacts / path)
    show.processes[0].stop()
    record_as_before(show.artifacts, truth)
    show.gateway()
    async with listening(show.events_url) as client:
        rehearse(show, sessionId=truth.session_id)
        event = await client.session_event()
    places = [(wave.wave1_target_slot_id, wave.wave2_target_slot_id) for wave in waves_of(event)]
    assert places == [(1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 1)]
    assert all(Path(str(wave.wave2_path_abs)).is_file() for wave in waves_of(event))


def record_as_before(artifacts: Path, truth: Truth) -> None:
    """Record a session's Turn 1 as version 0.1.0 did."""
    renderer = Renderer(Artifacts(artifacts))
    (decision,) = Readiness(LIMITS).apply(truth.turn1(), 0.0)
    entry = renderer.entry(decision, "2026-01-01T00:00:00.000Z")
    assert entry.render is not None
    text = re.sub(r',"wave[123]PathAbs".*?"wave[123]TargetSlotId":(\d|null)', "", entry.render(1))
    assert "wave1" not in text
    outbox = Outbox.open(artifacts / GATEWAY_DIR)
    outbox.record([structs.replace(entry, render=lambda _: text)], at=time.time())
    outbox.close()


def entry(show: System, turn: int, slot: int, target: int | None = None) -> dict[str, Any]:
    mix = f"waves/sessions/{NOBODY}/turn_{turn}/slot-{slot}_v3_wave_mix.wav"
    for part in (*WAVE_NAMES[: 4 - slot], WAVE_MIX):
        write_wav(show.artifacts / mix.replace(WAVE_MIX, part))
    return {
        "turnIndex": turn,
        "kind": {1: "response", 2: "comment", 3: "reply"}[turn],
        "slotId": slot,
        "agentId": "gpt-4o",
        "text": "t",
        "state": "ready",
        "voiceProfile": "calm_soothing",
        "targetSlotId": target,
        "speechPath": f"tts/sessions/{NOBODY}/turn_{turn}/slot-{slot}.wav",
        "waveMixPath": mix,
        "durationMs": 2,
    }


async def test_the_commands_work_together_on_an_empty_machine(tmp_path: Path) -> None:
    """sample, then rehearse, seen by listen; history prints the events with and without gateway."""
    with system(tmp_path) as show:
        made = command(show, "sample", "--slots", "2")
        assert made.wait() == 0, made.log
        (session,) = (show.artifacts / "tts" / "sessions").iterdir()
        document = read_document(session / "session.json")
        assert document is not None
        assert document.settled
        gateway = show.gateway()
        alone = command(show, "rehearse")
        assert alone.wait() == 1
        assert "event_gateway listen" in alone.log
        listener = command(show, "listen", "--sessions", "1", "--timeout", "30")
        listener.until_logged("connected to")
        rehearsal = command(show, "rehearse", "latest", "--speed", "100")
        assert rehearsal.wait() == 0, rehearsal.log
        assert listener.wait() == 0, listener.log
        fresh = status(show)["sessionId"]
        printed = []
        for _ in range(2):
            history = command(show, "history", fresh)
            assert history.wait() == 0, history.log
            printed.append([json.loads(line)["seq"] for line in history.log.splitlines()])
            gateway.stop()
        assert printed[0] == printed[1] == list(range(1, len(printed[0]) + 1))
        off = command(show, "rehearse")
        assert off.wait() == 1
        assert START_THEM in off.log


def test_a_gateway_that_is_switched_off_rehearses_nothing(tmp_path: Path) -> None:
    """The command says what to look at, in one line."""
    with system(tmp_path, events_ws_enabled=False) as show:
        show.gateway()
        refused = command(show, "rehearse")
        assert refused.wait() == 1
        (line,) = refused.log.strip().splitlines()
        assert "RR_EVENTS_WS_ENABLED" in line


@SIGNALS
async def test_ctrl_c_without_a_gateway_ends_quietly(show: System) -> None:
    """A command that waits for a gateway that has been stopped ends with one line, no traceback."""
    import signal  # noqa: PLC0415  # only here

    async with recorded(show, whole()) as (client, _, _):
        looping = command(show, "rehearse", "--loop", "--speed", "100")
        await client.told()
        gateway = show.processes[0]
        gateway.send(signal.SIGSTOP)
        looping.send(signal.SIGINT)
        gateway.send(signal.SIGKILL)
        assert await asyncio.to_thread(looping.wait) == 0, looping.log
        assert "Traceback" not in looping.log


@SIGNALS
async def test_ctrl_c_ends_a_loop(show: System) -> None:
    """The command that loops stops the rehearsal when it is interrupted."""
    import signal  # noqa: PLC0415  # only here

    async with recorded(show, whole()) as (client, _, _):
        looping = command(show, "rehearse", "--loop", "--speed", "100")
        for _ in range(2):
            await client.told()
        looping.send(signal.SIGINT)
        assert await asyncio.to_thread(looping.wait) == 0, looping.log
        assert status(show)["state"] == "stopped"
