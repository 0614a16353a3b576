"""docs/events.md, generated from the types of the messages.

`python -m tests.events_page` updates it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from event_gateway.commands.describe import describe
from event_gateway.rendering import Renderer
from shared_schema.events import (
    DialoguePayload,
    DialogueWavesReady,
    ErrorEvent,
    FinalSummaryReady,
    Hello,
    HelloAck,
    Hush,
    PlaybackReport,
    PlayStep,
    SentimentPayload,
    SessionReplaced,
    SessionStopped,
    SummaryPayload,
    SummaryWave,
    Turn1Payload,
    Turn1WavesReady,
    UserSentiment,
    WaveInfo,
    WaveReference,
)
from shared_schema.ids import SLOT_IDS
from shared_schema.layout import SUMMARY_WAVE_NAMES, Artifacts, summary_speech_path, wave_path
from shared_schema.settings import Settings
from shared_schema.water import DEFAULT_WATER

PAGE: Final = Path(__file__).parents[1] / "docs" / "events.md"

_HEAD = """# Events

What the gateway sends on its socket, and what a client may send. This page is generated from the
types in the code (`python -m tests.events_page`), and a test compares them;
[asyncapi.json](asyncapi.json) is the same for machines, and a running gateway serves it at
`/asyncapi.json`.

All messages are JSON in text frames. Session events have the envelope
`type, sessionId, seq, ts, payload`: `seq` counts a session's events from 1 without a gap, and
(`sessionId`, `seq`) identifies an event permanently. Control messages are flat. Words such as
*slot* and *dialogue*: [glossary.md](glossary.md).

| close code | what it means | reconnect? |
|---|---|---|
| 1012 | the gateway restarts | yes |
| 4001 | another client connected | no, not automatically |
| 4002 | events are switched off (`RR_EVENTS_WS_ENABLED=false`) | no |
| 4008 | the client sent faster than answers could be sent | no: look for a loop first |

Other codes from 4000 to 4099: do not reconnect. All others: reconnect, after 1 to 30 s.
"""

_SESSION = "3f0c1f1e-5a2b-4c3d-8e4f-5a6b7c8d9e0f"
_ROOT = "/shows/artifacts/"


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_HEAD, *_sections(describe(Settings()))]).rstrip() + "\n"


def _sections(document: dict[str, Any]) -> Iterator[str]:
    components = document["components"]
    examples = {type(each).__name__: each for each in _examples()}
    for name, message in components["messages"].items():
        yield f"## `{message['name']}`\n"
        yield f"{_sentences(components['schemas'][name])}\n"
        yield from _table(components["schemas"], name)
        example = msgspec.json.format(msgspec.json.encode(examples[name]), indent=2)
        yield f"```json\n{example.decode()}\n```\n"
    yield "# Types\n"
    for name, schema in components["schemas"].items():
        if name not in components["messages"]:
            yield f"## {name}\n"
            yield f"{_sentences(schema)}\n"
            yield from _table(components["schemas"], name)


def _sentences(schema: dict[str, Any]) -> str:
    """Return a docstring as Markdown: each of its paragraphs on one line."""
    paragraphs = str(schema.get("description", "")).replace("``", "`").split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _table(schemas: dict[str, Any], name: str) -> Iterator[str]:
    schema = schemas[name]
    required = set(schema.get("required", ()))
    sent = name not in (Hello.__name__, PlaybackReport.__name__)
    yield "| field | type | always present |"
    yield "|---|---|---|"
    for field, kind in schema["properties"].items():
        tag = field == "type"
        there = "yes" if tag or field in required or (sent and _always(kind)) else "no"
        yield f"| `{field}` | {_type(kind)} | {there} |"
    yield ""


def _always(kind: dict[str, Any]) -> bool:
    """Return whether a field has a default, and is therefore always sent."""
    return "default" in kind


def _type(kind: dict[str, Any]) -> str:
    match kind:
        case {"enum": [only]}:
            return f"`{msgspec.json.encode(only).decode()}`"
        case {"enum": several}:
            return ", ".join(f"`{each}`" for each in several)
        case {"$ref": reference}:
            name = str(reference).rsplit("/", 1)[1]
            return f"[{name}](#{name.lower()})"
        case {"anyOf": several}:
            return " or ".join(_type(each) for each in several)
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": "object", "additionalProperties": dict() as values}:
            return f"object: session id to {_type(values)}"
    words = str(kind.get("type", "anything"))
    low, high = kind.get("minimum"), kind.get("maximum")
    if low is not None:
        words += f", {low} to {high}" if high is not None else f", from {low}"
    return words


def _wave(turn: int, slot: int, name: str) -> WaveReference:
    mix = f"waves/sessions/{_SESSION}/turn_{turn}/{name}_v3_wave_mix.wav"
    return WaveReference(
        slot_id=slot,
        agent_id="gpt-4o",
        voice_profile="calm_soothing",
        wave_mix_path_abs=_ROOT + mix,
        wave_mix_path_rel=mix,
        duration_ms=4210,
        sample_rate_hz=8000,
        text="The harbour keeps what the tide forgets.",
        speech_path_abs=f"{_ROOT}tts/sessions/{_SESSION}/turn_{turn}/{name}.wav",
        **Renderer(Artifacts(Path(_ROOT))).wave_fields(slot, mix, DEFAULT_WATER.places_of(slot)),
    )


def _summary_waves() -> Iterator[SummaryWave]:
    speech = summary_speech_path(_SESSION, "calm_soothing")
    for slot_id, part in zip(SLOT_IDS, SUMMARY_WAVE_NAMES, strict=True):
        path = wave_path(speech, part)
        yield SummaryWave(
            slot_id=slot_id, wave_path_abs=_ROOT + path, wave_path_rel=path, duration_ms=9120
        )


def _examples() -> Iterator[Any]:
    ts = "2026-05-01T19:30:00.000Z"
    yield Turn1WavesReady(
        session_id=_SESSION,
        seq=1,
        ts=ts,
        payload=Turn1Payload(
            status="partial",
            slots_expected=2,
            slots_ready=1,
            slots=(_wave(1, 1, "slot-1_gpt-4o_calm_soothing"),),
            missing_slot_ids=(2,),
        ),
    )
    yield DialogueWavesReady(
        session_id=_SESSION,
        seq=2,
        ts=ts,
        payload=DialoguePayload(
            dialogue_id="turn23-slot2",
            target_slot_id=2,
            status="complete",
            commenters=(_wave(2, 1, "slot-1_comment_to_slot-2_gpt-4o_calm_soothing"),),
            respondent=_wave(3, 2, "slot-2_reply_gpt-4o_calm_soothing"),
            play_order=(
                PlayStep(role="commenter", slot_id=1),
                PlayStep(role="respondent", slot_id=2),
            ),
            missing_commenter_slot_ids=(),
            dialogue_count=1,
        ),
    )
    yield UserSentiment(
        session_id=_SESSION,
        seq=1,
        ts=ts,
        payload=SentimentPayload(
            sentiment="positive",
            justification="What is said with “lovely” sounds bright.",
        ),
    )
    yield FinalSummaryReady(
        session_id=_SESSION,
        seq=3,
        ts=ts,
        payload=SummaryPayload(
            status="complete",
            text="One kept the harbour, one let it go, and the water took both.",
            wave_info=WaveInfo(voice_profile="calm_soothing", waves=tuple(_summary_waves())),
        ),
    )
    yield HelloAck(replay_count=2, unknown_sessions=())
    yield SessionReplaced(message="another client took this place over")
    yield SessionStopped(session_id=_SESSION)
    yield Hush(on=True)
    yield ErrorEvent(code="invalid", message="Expected `int` >= 0", field="resume")
    yield Hello(client="touchdesigner", version="1.0", resume={_SESSION: 1})
    yield PlaybackReport(
        session_id=_SESSION, part="turn1", slot_id=1, turn_index=1, state="started", place=1
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
