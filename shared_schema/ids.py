"""Who speaks, when, and with which voice: the identifiers on every wire and in file names."""

import re
import uuid
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta

SlotId = Annotated[int, Meta(ge=1, le=6)]
SLOT_IDS: Final = (1, 2, 3, 4, 5, 6)

AgentId = Literal[
    "claude-sonnet-4-5", "claude-opus-4-5", "gpt-5.2", "gpt-5.1", "gpt-4o", "gemini-3"
]
AGENT_IDS: Final[tuple[AgentId, ...]] = get_args(AgentId)

VoiceProfile = Literal[
    "friendly_casual",
    "warm_professional",
    "energetic_upbeat",
    "calm_soothing",
    "confident_charming",
    "playful_expressive",
]
VOICE_PROFILES: Final[tuple[VoiceProfile, ...]] = get_args(VoiceProfile)

TurnIndex = Literal[1, 2, 3]
TURNS: Final[tuple[TurnIndex, ...]] = get_args(TurnIndex)

Kind = Literal["response", "comment", "reply"]
KIND_OF_TURN: Final[dict[TurnIndex, Kind]] = {1: "response", 2: "comment", 3: "reply"}

# How the summary is named where turns, kinds, slots and agents are.
AnyTurn = Literal[1, 2, 3, 4]
AnyKind = Literal["response", "comment", "reply", "summary"]
AnySlot = Annotated[int, Meta(ge=0, le=6)]
Summarizer = Literal["summary"]
SUMMARY_TURN: Final[AnyTurn] = 4
SUMMARY_KIND: Final[AnyKind] = "summary"
SUMMARY_SLOT: Final = 0
SUMMARIZER: Final[Summarizer] = "summary"

# A session id becomes a folder's name, so its form is checked wherever one enters a process.
SESSION_ID_PATTERN: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
SessionId = Annotated[str, Meta(pattern=rf"\A{SESSION_ID_PATTERN}\Z")]
_matches_session_id: Final = re.compile(SESSION_ID_PATTERN).fullmatch


# The end of the year 9999.
LAST_MOMENT: Final = 253_402_300_799.0


def new_session_id() -> str:
    """Return a fresh random session id (UUID 4, lower case)."""
    return str(uuid.uuid4())


def is_session_id(text: str) -> bool:
    """Return whether a text, e.g. a folder's name, is a session id."""
    return _matches_session_id(text) is not None


def timestamp(moment: float) -> str:
    """Return a time, in seconds since 1970, as RFC 3339 in UTC with milliseconds and ``Z``.

    A file may claim to be from before 1970 or after 9999: then it is the nearest that can be told.
    """
    text = datetime.fromtimestamp(min(max(moment, 0.0), LAST_MOMENT), UTC).isoformat(
        timespec="milliseconds"
    )
    return text.replace("+00:00", "Z")
