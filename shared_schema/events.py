"""Messages of the gateway's socket: session events in an envelope, flat control messages."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared_schema import SERVER_NAME, VERSION
from shared_schema.decoding import CamelStruct, InvalidMessage, decode
from shared_schema.facts import MAX_JUSTIFICATION_CHARS, Milliseconds, Mood
from shared_schema.ids import AgentId, SessionId, SlotId, TurnIndex, VoiceProfile

EVENTS_PROTOCOL: Final = 1

# RFC 3339, UTC, with Z.
Timestamp = Annotated[str, Meta(pattern=r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")]
Status = Literal["complete", "partial"]
Role = Literal["commenter", "respondent"]
# What a client plays at a time: the name of its event within the session.
Part = Annotated[str, Meta(pattern=r"\A(?:turn1|turn23-slot[1-6]|summary)\Z")]


class WaveReference(CamelStruct, frozen=True, kw_only=True):
    """One utterance that can be played now.

    The wave-mix is the sum of `wave1` to `wave3`. `TargetSlotId` is the place, 1 to 6, where a wave
    plays, null if it has none. These fields are absent if a wave has no file.
    """

    slot_id: SlotId
    agent_id: AgentId
    voice_profile: VoiceProfile
    wave_mix_path_abs: str
    wave_mix_path_rel: str
    duration_ms: Milliseconds
    sample_rate_hz: int
    text: str
    speech_path_abs: str
    wave1_path_abs: str | UnsetType = UNSET
    wave1_path_rel: str | UnsetType = UNSET
    wave1_target_slot_id: SlotId | UnsetType | None = UNSET
    wave2_path_abs: str | UnsetType = UNSET
    wave2_path_rel: str | UnsetType = UNSET
    wave2_target_slot_id: SlotId | UnsetType | None = UNSET
    wave3_path_abs: str | UnsetType = UNSET
    wave3_path_rel: str | UnsetType = UNSET
    wave3_target_slot_id: SlotId | UnsetType | None = UNSET


class PlayStep(CamelStruct, frozen=True, kw_only=True):
    """One step of the order in which a dialogue is played."""

    role: Role
    slot_id: SlotId


class Turn1Payload(CamelStruct, frozen=True, kw_only=True):
    """Payload of ``turn1.waves.ready``. `slots` contains the ready ones and may be empty.

    `rehearsal` is present, and true, when a past session is sent again.
    """

    turn_index: Literal[1] = 1
    status: Status
    slots_expected: int
    slots_ready: int
    slots: tuple[WaveReference, ...]
    missing_slot_ids: tuple[SlotId, ...]
    rehearsal: bool | UnsetType = UNSET


class DialoguePayload(CamelStruct, frozen=True, kw_only=True):
    """Payload of ``dialogue.waves.ready``. A commenter without a wave-mix is listed as missing.

    `rehearsal` is present, and true, when a past session is sent again.
    """

    dialogue_id: str
    turns: tuple[TurnIndex, ...] = (2, 3)
    target_slot_id: SlotId
    status: Status
    commenters: tuple[WaveReference, ...]
    respondent: WaveReference
    play_order: tuple[PlayStep, ...]
    missing_commenter_slot_ids: tuple[SlotId, ...]
    dialogue_count: int
    rehearsal: bool | UnsetType = UNSET


class SentimentPayload(CamelStruct, frozen=True, kw_only=True):
    """Payload of ``user_sentiment``. The justification quotes at most three of the visitor's words.

    `rehearsal` is present, and true, when a past session is sent again.
    """

    sentiment: Mood
    justification: Annotated[str, Meta(max_length=MAX_JUSTIFICATION_CHARS)]
    rehearsal: bool | UnsetType = UNSET


class SummaryWave(CamelStruct, frozen=True, kw_only=True):
    """The summary's wave for one place, which `slotId` names."""

    slot_id: SlotId
    wave_path_abs: str
    wave_path_rel: str
    duration_ms: Milliseconds


class WaveInfo(CamelStruct, frozen=True, kw_only=True):
    """The summary's voice, and its six waves in increasing slot id: play them together."""

    voice_profile: VoiceProfile
    waves: tuple[SummaryWave, ...]


class SummaryPayload(CamelStruct, frozen=True, kw_only=True):
    """Payload of ``final_summary.ready``. Without waves `status` is ``failed``.

    `rehearsal` is present, and true, when a past session is sent again.
    """

    status: Literal["complete", "failed"]
    text: str
    wave_info: WaveInfo | None
    rehearsal: bool | UnsetType = UNSET


class _Envelope(CamelStruct, frozen=True, kw_only=True, tag_field="type"):
    session_id: SessionId
    seq: Annotated[int, Meta(ge=1)]
    ts: Timestamp


class Turn1WavesReady(_Envelope, frozen=True, kw_only=True, tag="turn1.waves.ready"):
    """Turn 1 can be played. Sent exactly once a session, before the dialogues.

    Its ``seq`` is 1, or 2 after a ``user_sentiment``.
    """

    payload: Turn1Payload


class DialogueWavesReady(_Envelope, frozen=True, kw_only=True, tag="dialogue.waves.ready"):
    """One dialogue can be played: its commenters, then its respondent."""

    payload: DialoguePayload


class UserSentiment(_Envelope, frozen=True, kw_only=True, tag="user_sentiment"):
    """The mood of the visitor's words, before Turn 1: the water can answer at once.

    Sent at most once a session, with ``seq`` 1, and only with ``RR_CHAT_SENTIMENT``.
    """

    payload: SentimentPayload


class FinalSummaryReady(_Envelope, frozen=True, kw_only=True, tag="final_summary.ready"):
    """The summary can be played: one voice sums up what was said.

    Sent at most once a session, after the last dialogue, and only with ``RR_CHAT_SUMMARY``.
    """

    payload: SummaryPayload


SessionEvent = Turn1WavesReady | DialogueWavesReady | UserSentiment | FinalSummaryReady

# The largest integer in SQLite.
SEQ_MAX: Final = 2**63 - 1

# What it means is in the docstring of `Hello`, and so in docs/events.md.
Resume = dict[SessionId, Annotated[int, Meta(ge=0, le=SEQ_MAX)]] | Literal["recent"]


class Hello(CamelStruct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first message that a client may send. Every field is optional.

    With `resume` a client asks for the events that it missed. Its value is an object with the `seq`
    of the last event received of each session (at most 1,000), or ``"recent"``, which names none. A
    session that is named continues after that `seq`, however old it is, while the gateway keeps it
    (``RR_EVENTS_RETENTION_DAYS``). Of the sessions that are not named, those with an event within
    the replay window (``RR_EVENTS_REPLAY_WINDOW_S``) are sent from their first event.

    The answer is a second ``hello.ack``: `replayCount` is the number of events that follow it, and
    `unknownSessions` lists the named sessions of which the gateway has no record (any more). Then
    come those events, in the order in which they were produced, and after them the live ones.

    Send it in the first frame, within 0.3 s of connecting: after its first ``hello.ack``, the
    gateway sends nothing until a frame arrives or this time is over. It works later as well: what
    was sent on this connection is not repeated, and so a session's earlier events may then come
    after later ones.

    A connection resumes once: a second `resume` is answered with an ``error`` of code ``resumed``.
    An invalid one is answered with code ``invalid``, and may be sent again.
    """

    client: str = ""
    version: str = ""
    resume: Resume | UnsetType = UNSET


class HelloAck(CamelStruct, frozen=True, kw_only=True, tag_field="type", tag="hello.ack"):
    """Sent on every accepted connection and again in answer to a hello."""

    server: str = SERVER_NAME
    version: str = VERSION
    protocol: int = EVENTS_PROTOCOL
    capabilities: tuple[str, ...] = ("resume", "history", "playback")
    replay_count: int | UnsetType = UNSET
    unknown_sessions: tuple[str, ...] | UnsetType = UNSET


class PlaybackReport(
    CamelStruct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="playback"
):
    """What a client plays: an utterance has started, has ended, or could not be played.

    Optional, and never answered unless it is malformed. `slotId` and `turnIndex` name the utterance
    (summary: 0 and 4), `place` the loudspeaker. The gateway shows it, and decides nothing by it.
    """

    session_id: SessionId
    part: Part
    slot_id: Annotated[int, Meta(ge=0, le=6)]
    turn_index: Annotated[int, Meta(ge=1, le=4)]
    state: Literal["started", "ended", "failed"]
    error: Annotated[str, Meta(max_length=500)] = ""
    place: SlotId | None = None


class SessionReplaced(
    CamelStruct, frozen=True, kw_only=True, tag_field="type", tag="session.replaced"
):
    """Another client has replaced this one, which should not reconnect by itself."""

    message: str


class SessionStopped(
    CamelStruct, frozen=True, kw_only=True, tag_field="type", tag="session.stopped"
):
    """The visitor or the technician stopped this session: fade it out, drop what waits of it.

    It overtakes events of the session that wait for their waves, and comes before a replay of them.
    They are sent nevertheless, since they are recorded with their `seq`: do not play them either.
    """

    session_id: SessionId


class Hush(CamelStruct, frozen=True, kw_only=True, tag_field="type", tag="hush"):
    """The technician's Quiet. While it is on: fade out, drop what waits and what arrives.

    Also sent to a client that connects while it is on.
    """

    on: bool


class ErrorEvent(CamelStruct, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A message of the client was invalid. The connection stays open."""

    code: str
    message: str
    field: str = ""


ControlEvent = HelloAck | SessionReplaced | SessionStopped | Hush | ErrorEvent
ServerEvent = SessionEvent | ControlEvent
ClientMessage = Hello | PlaybackReport


class InvalidReport(InvalidMessage):
    """A malformed playback report."""


class _Kind(CamelStruct, frozen=True):
    # A hello may lack its type.
    type: str = ""


_encoder = msgspec.json.Encoder()
_kind_decoder = msgspec.json.Decoder(_Kind)
_hello_decoder = msgspec.json.Decoder(Hello)
_report_decoder = msgspec.json.Decoder(PlaybackReport)
_session_decoder: msgspec.json.Decoder[SessionEvent] = msgspec.json.Decoder(SessionEvent)
_server_decoder: msgspec.json.Decoder[ServerEvent] = msgspec.json.Decoder(ServerEvent)


def encode_event(event: ServerEvent | ClientMessage) -> str:
    """Return the text frame of a message."""
    return _encoder.encode(event).decode()


def decode_client_message(text: str) -> ClientMessage:
    """Return a client's message.

    Raises
    ------
    InvalidMessage
        Naming the field and what was expected there; an `InvalidReport` for a playback report.
    """
    if decode(_kind_decoder, text).type == "playback":
        try:
            return decode(_report_decoder, text)
        except InvalidMessage as error:
            raise InvalidReport(str(error), field=error.field) from error
    hello = decode(_hello_decoder, text)
    if isinstance(hello.resume, dict) and len(hello.resume) > 1000:
        raise InvalidMessage("names more than 1000 sessions", field="resume")
    return hello


def decode_server_event(text: str | bytes) -> ServerEvent:
    """Return an event that the gateway sent; for clients written in this repository."""
    return decode(_server_decoder, text)


def decode_session_event(text: str) -> SessionEvent:
    """Return a session's event that the gateway recorded."""
    return decode(_session_decoder, text)


def waves_of(event: SessionEvent) -> tuple[WaveReference, ...]:
    """Return every utterance in an event."""
    match event:
        case Turn1WavesReady():
            return event.payload.slots
        case DialogueWavesReady():
            return (*event.payload.commenters, event.payload.respondent)
        case _:
            return ()


def summary_waves_of(event: SessionEvent) -> tuple[SummaryWave, ...]:
    """Return the waves of a summary."""
    if isinstance(event, FinalSummaryReady) and event.payload.wave_info is not None:
        return event.payload.wave_info.waves
    return ()


def files_of(event: SessionEvent) -> dict[str, str]:
    """Return the file of each utterance in an event, or the six of a summary: absolute, relative.

    They are the wave-mixes; single waves lie beside them.
    """
    mixes = {each.wave_mix_path_abs: each.wave_mix_path_rel for each in waves_of(event)}
    return mixes | {each.wave_path_abs: each.wave_path_rel for each in summary_waves_of(event)}


def played_s(event: SessionEvent) -> float:
    """Return how long an event plays: Turn 1 and a summary in parallel, a dialogue in sequence."""
    durations_ms = [each.duration_ms for each in waves_of(event)]
    durations_ms += [each.duration_ms for each in summary_waves_of(event)]
    in_sequence = isinstance(event, DialogueWavesReady)
    return (sum(durations_ms) if in_sequence else max(durations_ms, default=0)) / 1000
