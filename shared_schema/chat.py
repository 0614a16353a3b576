"""``POST /v1/chat``: the request, and the events of its answer, as the frontend parses them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

from shared_schema.decoding import CamelStruct, InvalidMessage, decode
from shared_schema.facts import Mood
from shared_schema.foreign_text import without_controls
from shared_schema.ids import (
    AGENT_IDS,
    SLOT_IDS,
    AgentId,
    AnyKind,
    AnySlot,
    AnyTurn,
    SlotId,
    Summarizer,
    VoiceProfile,
    is_session_id,
)
from shared_schema.layout import SESSION_ID_CHARS

# What a client calls one visitor's stay.
VisitId = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
ErrorType = Literal["network", "timeout", "rate_limit", "server_error", "tts_error", "unknown"]


class SlotRequest(CamelStruct, frozen=True, kw_only=True):
    """Which agent is wanted in a slot."""

    slot_id: SlotId
    agent_id: AgentId


DEFAULT_SLOTS = tuple(
    SlotRequest(slot_id=slot, agent_id=agent)
    for slot, agent in zip(SLOT_IDS, AGENT_IDS, strict=True)
)


class ChatRequest(CamelStruct, frozen=True, kw_only=True):
    """A visitor's message, and the slots that answer (all six when left out).

    Slots remember earlier messages with the same `visit_id`, and nothing without one.
    `input_session_id` is the `stt_session_id` of the recording that the message was heard in;
    anything else in it, and every field that is not named here, is ignored, and not even decoded:
    existing clients send more.
    """

    message: str
    visit_id: VisitId | None = None
    input_session_id: Raw = Raw(b"null")
    slots: Annotated[tuple[SlotRequest, ...], Meta(min_length=1, max_length=6)] = DEFAULT_SLOTS

    @property
    def recording_id(self) -> str | None:
        """The recording that the message was heard in, if it names one."""
        # An id and its quotation marks; what is longer is none, and may be the whole body.
        beginning = bytes(memoryview(self.input_session_id)[: SESSION_ID_CHARS + 4])
        named = beginning.strip(b'"').decode(errors="replace")
        return named if is_session_id(named) else None


class _Event(CamelStruct, frozen=True, kw_only=True, omit_defaults=True):
    session_id: str


class TurnStart(_Event, frozen=True, kw_only=True):
    """A turn begins; the fourth, if there is one, is the summary."""

    turn_index: AnyTurn


class TurnDone(_Event, frozen=True, kw_only=True):
    """A turn is over; `slot_count` slots have a text."""

    turn_index: AnyTurn
    slot_count: int


class UserSentiment(_Event, frozen=True, kw_only=True):
    """The mood of the visitor's words; before Turn 1 is over, or never."""

    sentiment: Mood


class SlotStart(_Event, frozen=True, kw_only=True):
    """The question went to a slot's agent. The summary has slot 0 and the agent ``summary``."""

    turn_index: AnyTurn
    kind: AnyKind
    slot_id: AnySlot
    agent_id: AgentId | Summarizer


class SlotDone(SlotStart, frozen=True, kw_only=True):
    """A slot has its text; a comment names the slot that it is for."""

    text: str
    voice_profile: VoiceProfile
    target_slot_id: SlotId | None = None


class SlotAudio(SlotStart, frozen=True, kw_only=True):
    """A slot's speech can be fetched at ``/v1/audio/<audioPath>``.

    `fallback_engine` is there when another engine than the chosen one had to speak it.
    """

    voice_profile: VoiceProfile
    audio_path: str
    audio_format: Literal["wav"]
    fallback_engine: str | None = None


class SlotProblem(CamelStruct, frozen=True, kw_only=True):
    """What went wrong in a slot."""

    type: ErrorType
    message: str


class SlotError(SlotStart, frozen=True, kw_only=True):
    """A slot could not answer or could not be spoken."""

    error: SlotProblem


class Done(_Event, frozen=True, kw_only=True):
    """The session is over; `completed_slots` slots answered the visitor."""

    completed_slots: int
    turns: int


ChatEvent = (
    TurnStart | SlotStart | SlotDone | SlotAudio | SlotError | TurnDone | UserSentiment | Done
)

EVENT_NAMES: dict[type, str] = {
    TurnStart: "turn.start",
    SlotStart: "slot.start",
    SlotDone: "slot.done",
    SlotAudio: "slot.audio",
    SlotError: "slot.error",
    TurnDone: "turn.done",
    UserSentiment: "user.sentiment",
    Done: "done",
}
EVENT_TYPES: dict[str, type] = {name: kind for kind, name in EVENT_NAMES.items()}

_encoder = msgspec.json.Encoder()
_request_decoder = msgspec.json.Decoder(ChatRequest)


def encode_chat_event(event: ChatEvent) -> str:
    """Return the ``data:`` of an event."""
    return _encoder.encode(event).decode()


def decode_chat_event(name: str, data: str | bytes) -> ChatEvent:
    """Return the event of this name; for clients written in this repository.

    Raises
    ------
    InvalidMessage
        If no event has this name or the data does not fit it.
    """
    kind = EVENT_TYPES.get(name)
    if kind is None:
        raise InvalidMessage(f"no chat event is called {name!r}", field="event")
    event: ChatEvent = decode(msgspec.json.Decoder(kind), data)
    return event


class ResetRequest(CamelStruct, frozen=True, kw_only=True):
    """Which visit to forget; all when left out."""

    visit_id: VisitId | None = None


_reset_decoder = msgspec.json.Decoder(ResetRequest)


def decode_reset_request(body: bytes) -> ResetRequest:
    """Return what to reset; an empty body is all visits. Raises InvalidMessage."""
    return decode(_reset_decoder, body or b"{}")


def decode_chat_request(body: bytes, *, max_chars: int) -> ChatRequest:
    """Return a valid request whose slots are in increasing order, its message stripped and without
    control characters.

    Raises
    ------
    InvalidMessage
        Naming the field: no or an empty message, more than `max_chars` characters, a slot that is
        outside 1..6 or given twice, an unknown agent, more than six slots.
    """
    request = decode(_request_decoder, body)
    message = without_controls(request.message).strip()
    if not message:
        raise InvalidMessage("is empty; write the visitor's message", field="message")
    if len(message) > max_chars:
        raise InvalidMessage(
            f"has {len(message)} characters; the limit is {max_chars}", field="message"
        )
    seen: dict[int, int] = {}
    for place, slot in enumerate(request.slots):
        if slot.slot_id in seen:
            raise InvalidMessage(
                f"slot {slot.slot_id} is given twice (also in slots[{seen[slot.slot_id]}])",
                field=f"slots[{place}].slotId",
            )
        seen[slot.slot_id] = place
    slots = tuple(sorted(request.slots, key=lambda slot: slot.slot_id))
    # A raw value would hold the whole body for as long as the session runs.
    heard_in = Raw(msgspec.json.encode(request.recording_id))
    return msgspec.structs.replace(request, message=message, slots=slots, input_session_id=heard_in)
