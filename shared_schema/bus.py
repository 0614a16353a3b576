"""The messages of the bus, their topics, and how they become bytes.

A message is two frames: a topic, and a JSON object, which begins with its brace. The backend's
facts are numbered ``(epoch, n)``: `epoch` names one life of the backend process, `n` counts its
facts from 1. Wave workers publish their completions unnumbered; the backend repeats each as a fact.
Any message may be late or lost, because the gateway can request a snapshot: it subscribes to
``snapshot/<nonce>``, the backend sees the subscription and publishes its state on that topic.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared_schema.decoding import UNREADABLE, CamelStruct, InvalidMessage, WrongProtocol, invalid
from shared_schema.facts import (
    Fact,
    SentimentReported,
    SessionBegun,
    SessionComplete,
    Summary,
    SummaryJobResult,
    Turn1Complete,
    Turn3Complete,
    Utterance,
    WavesJobResult,
)
from shared_schema.ids import SessionId

ProtocolVersion = Literal[2]
PROTOCOL: Final[ProtocolVersion] = 2

TOPIC_FACTS: Final = b"facts"
TOPIC_WAVES: Final = b"waves"
TOPIC_SNAPSHOT: Final = b"snapshot/"

HEARTBEAT_INTERVAL_S: Final = 0.5
# A Turn3Complete with 18 utterances of 400 characters is about 20 kB.
MAX_MESSAGE_BYTES: Final = 256 * 1024

Epoch = Annotated[str, Meta(min_length=1, max_length=64)]
Count = Annotated[int, Meta(ge=0)]


class _Message(CamelStruct, frozen=True, kw_only=True, tag_field="type"):
    protocol: ProtocolVersion = PROTOCOL


class FactPublished(_Message, tag="fact", frozen=True, kw_only=True):
    """Fact number `n` of this life of the backend."""

    epoch: Epoch
    n: Annotated[int, Meta(ge=1)]
    fact: Fact


class Heartbeat(_Message, tag="heartbeat", frozen=True, kw_only=True):
    """The backend lives and has published up to `n`; its folder, so that both can compare.

    `show_problem` says why the files of the show are not the show in force; absent if they are.
    """

    epoch: Epoch
    n: Count
    artifacts_dir: str
    show_problem: str | UnsetType = UNSET


class WavesFinished(_Message, tag="waves_finished", frozen=True, kw_only=True):
    """A job's end, straight from the worker's process.

    `finished_at` (seconds since 1970, 0 for unknown) decides nothing; it is for the histogram of
    how long a completion takes to the client.
    """

    epoch: Epoch
    result: WavesJobResult
    finished_at: float = 0.0


class SummaryFinished(_Message, tag="summary_finished", frozen=True, kw_only=True):
    """The same for a summary's job."""

    epoch: Epoch
    result: SummaryJobResult
    finished_at: float = 0.0


class SnapshotBegin(_Message, tag="snapshot_begin", frozen=True, kw_only=True):
    """What follows is the backend's state up to fact `n`."""

    epoch: Epoch
    n: Count


class SnapshotSession(
    _Message, tag="snapshot_session", frozen=True, kw_only=True, omit_defaults=True
):
    """One session: its beginning, everything said in it, and the turns that are over."""

    epoch: Epoch
    begun: SessionBegun
    sentiment: SentimentReported | None = None
    utterances: tuple[Utterance, ...] = ()
    turn1: Turn1Complete | None = None
    turn3: Turn3Complete | None = None
    summary: Summary | None = None
    complete: SessionComplete | None = None

    @property
    def session_id(self) -> SessionId:
        """The session's id."""
        return self.begun.session_id


class SnapshotEnd(_Message, tag="snapshot_end", frozen=True, kw_only=True):
    """The snapshot is whole and held this many sessions."""

    epoch: Epoch
    count: Count


Message = (
    FactPublished
    | Heartbeat
    | WavesFinished
    | SummaryFinished
    | SnapshotBegin
    | SnapshotSession
    | SnapshotEnd
)


class _AnyProtocol(CamelStruct, frozen=True):
    protocol: int = PROTOCOL


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_protocol_decoder = msgspec.json.Decoder(_AnyProtocol)


def encode_message(message: Message) -> bytes:
    """Return the payload frame of a message."""
    return _encoder.encode(message)


def decode_message(payload: bytes) -> Message:
    """Return the message in a payload frame.

    Raises
    ------
    WrongProtocol
        If its sender uses another protocol version.
    InvalidMessage
        If it does not fit, names a path outside the artifacts folder, or is too long.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        raise InvalidMessage(f"{len(payload)} bytes; the limit is {MAX_MESSAGE_BYTES}")
    try:
        return _decoder.decode(payload)
    except UNREADABLE as error:
        _check_protocol(payload)
        raise invalid(error) from error


def _check_protocol(payload: bytes) -> None:
    """Raise WrongProtocol if that is why a message does not fit."""
    try:
        theirs = _protocol_decoder.decode(payload).protocol
    except UNREADABLE:
        return
    if theirs != PROTOCOL:
        raise WrongProtocol(theirs, PROTOCOL)


def snapshot_topic(nonce: str) -> bytes:
    """Return the topic on which the snapshot requested with `nonce` comes."""
    return TOPIC_SNAPSHOT + nonce.encode()
