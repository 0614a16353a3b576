"""``session.json``: the words of a session, who spoke them, and where the files are.

The chat backend writes it; the commands, the pages and a rehearsal read it.
"""

import re
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from shared_schema.decoding import CamelStruct, InvalidMessage, SchemaError, decode
from shared_schema.facts import (
    Dialogue,
    Milliseconds,
    Sentiment,
    SlotAgent,
    Stage,
    Summary,
    Utterance,
    WaveFailed,
    WavePending,
    WaveReady,
    WaveState,
)
from shared_schema.ids import SessionId
from shared_schema.layout import Artifacts, RelPath, is_link, session_file
from shared_schema.small_files import UnfitFile, content_of

FORMAT_VERSION: Final = 2
# A hundred times what a session of six slots needs.
MAX_BYTES: Final = 8_000_000
# What msgspec quotes of a file, from the first quotation mark to the last.
_QUOTED: Final = re.compile(r"""['"].*['"]""", re.DOTALL)
# What every wave-mix of format 1 has; the file did not record it.
_FORMAT_1_SAMPLE_RATE_HZ: Final = 8000

State = Literal["running", "done", "stopped"]


class SessionDocument(CamelStruct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole file. `state` is ``running`` until the session is complete.

    `usage` has a row a provider, as the chat backend counted it. `recording_id` names the recording
    that the message was heard in.
    """

    format: Literal[2]
    session_id: SessionId
    started_at: str
    state: State
    message: str
    seed: int
    slots: tuple[SlotAgent, ...]
    utterances: tuple[Utterance, ...]
    dialogues: tuple[Dialogue, ...]
    sentiment: Sentiment | None = None
    summary: Summary | None = None
    usage: tuple[Any, ...] = ()
    recording_id: SessionId | None = None

    @property
    def lost(self) -> bool:
        """Return whether the waves of something that was said failed."""
        summary_failed = self.summary is not None and self.summary.state == "failed"
        return summary_failed or any(each.state == "failed" for each in self.utterances)

    @property
    def settled(self) -> bool:
        """Return whether the session is over and no wave job is under way."""
        pending = any(each.state == "pending" for each in self.utterances)
        if self.summary is not None:
            pending = pending or self.summary.state == "pending"
        return self.state != "running" and not pending


class _Utterance1(CamelStruct, frozen=True, kw_only=True):
    """What format 1 says otherwise of an utterance: of its wave, and a text even if it is empty."""

    text: str
    state: Literal["pending", "ready", "failed"]
    wave_mix_path: RelPath | None = None
    duration_ms: Milliseconds | None = None
    error: str | None = None

    @property
    def wave(self) -> WaveState:
        """Its wave as format 2 has it."""
        if self.state == "pending":
            return WavePending()
        if self.state == "ready" and self.wave_mix_path is not None:
            return WaveReady(
                mix_path=self.wave_mix_path,
                audio_duration_ms=self.duration_ms or 0,
                sample_rate_hz=_FORMAT_1_SAMPLE_RATE_HZ,
            )
        stage, _, message = (self.error or "").partition(": ")
        try:
            return WaveFailed(stage=msgspec.convert(stage, Stage), message=message)
        except msgspec.ValidationError:
            return WaveFailed(stage="waves", message=self.error or "no reason was recorded")


class _Document1(CamelStruct, frozen=True, kw_only=True):
    """What format 1 says otherwise of a session."""

    utterances: tuple[_Utterance1, ...]


class _AnyFormat(CamelStruct, frozen=True):
    format: int


_format_decoder = msgspec.json.Decoder(_AnyFormat)
_decoder = msgspec.json.Decoder(SessionDocument)
_decoder_1 = msgspec.json.Decoder(_Document1)


def encode_document(document: SessionDocument) -> bytes:
    """Return the file's bytes, for people too."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def decode_document(content: bytes) -> SessionDocument:
    """Return the document in a file's bytes, whichever format it has.

    Raises
    ------
    InvalidMessage
        Naming the field, or the format if it is one of a newer version.
    """
    match decode(_format_decoder, content).format:
        case 1:
            return decode(_decoder, _upgraded(content))
        case 2:
            return decode(_decoder, content)
        case newer:
            raise InvalidMessage(f"format {newer}; this version reads 1 and 2", field="format")


def _upgraded(content: bytes) -> bytes:
    """Return the bytes of a file of format 1 (version 0.1.0) as format 2 has them."""
    known = decode(_decoder_1, content)
    document = msgspec.json.decode(content)
    document["format"] = FORMAT_VERSION
    for utterance, other in zip(document["utterances"], known.utterances, strict=True):
        utterance["wave"] = other.wave
    return msgspec.json.encode(document)


class OddSession(SchemaError):
    """A session on disk that is not as the chat backend writes it; the message is the reason.

    It goes to logs, and quotes nothing: what was edited by hand may be a visitor's words.
    """


def document_of(artifacts: Artifacts, session_id: str) -> SessionDocument | None:
    """Return a session's document; None if it has none.

    Raises
    ------
    OddSession
        If it is a link, no file, too large, unreadable, or another session's.
    """
    path = artifacts.root / session_file(session_id)
    if is_link(path.parent):
        raise OddSession("its folder is a link")
    try:
        if is_link(path):
            raise OddSession("session.json is a link")
        document = decode_document(content_of(path, max_bytes=MAX_BYTES))
    except FileNotFoundError:
        return None
    except UnfitFile as error:
        raise OddSession(f"session.json {error.strerror}") from error
    except OSError as error:
        raise OddSession(f"session.json cannot be read: {error.strerror}") from error
    except InvalidMessage as error:
        where = f" ({error.field})" if error.field else ""
        reason = _QUOTED.sub("a value", str(error))
        raise OddSession(f"session.json is not valid: {reason}{where}") from error
    if document.session_id != session_id:
        raise OddSession("session.json is that of another session")
    return document


def read_document(path: Path) -> SessionDocument | None:
    """Return the document at `path`; None if there is none, or none that can be understood."""
    try:
        return decode_document(content_of(path, max_bytes=MAX_BYTES))
    except (OSError, InvalidMessage):
        return None
