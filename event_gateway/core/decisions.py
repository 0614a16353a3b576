"""The input of the readiness machine, and its decisions.

Each decision has a `key`, which is unique within its session: its name in the outbox.
"""

from typing import ClassVar, Final

from msgspec import Struct

from shared_schema.bus import SnapshotSession
from shared_schema.facts import Dialogue, Fact, Sentiment, Summary, Utterance

SENTIMENT_KEY: Final = "sentiment"
TURN1_KEY: Final = "turn1"
SUMMARY_KEY: Final = "summary"
CLOSED_KEY: Final = "closed"


class Origin(Struct, frozen=True, gc=False):
    """The epoch of the backend that sent a fact, and its number; a worker's fact has none."""

    epoch: str
    n: int | None = None


class SnapshotMerged(Struct, frozen=True, gc=False):
    """A complete snapshot of the current epoch, at fact `n`, contained exactly these sessions."""

    epoch: str
    n: int
    session_ids: frozenset[str]


class EpochRetired(Struct, frozen=True, gc=False):
    """This epoch of the backend is over."""

    epoch: str


class BackendSilent(Struct, frozen=True, gc=False):
    """The backend sent nothing for the silence limit."""


class BackendBack(Struct, frozen=True, gc=False):
    """The backend sends messages again."""


Observation = Fact | SnapshotSession | SnapshotMerged | EpochRetired | BackendSilent | BackendBack


class SentimentDue(Struct, frozen=True, gc=False, kw_only=True):
    """Emit the mood of the visitor's words; `live` as in `Turn1Due`."""

    session_id: str
    sentiment: Sentiment
    live: bool
    key: ClassVar[str] = SENTIMENT_KEY


class Turn1Due(Struct, frozen=True, gc=False, kw_only=True):
    """Emit the Turn 1 event with the ready utterances, in increasing slot id.

    `live` is false if it was due longer ago than the replay window: record it, do not send it.
    """

    session_id: str
    slots_expected: int
    ready: tuple[Utterance, ...]
    missing_slot_ids: tuple[int, ...]
    live: bool
    key: ClassVar[str] = TURN1_KEY


class _OfDialogue(Struct, frozen=True, gc=False, kw_only=True):
    session_id: str
    dialogue: Dialogue

    @property
    def key(self) -> str:
        """This decision's key in the outbox."""
        return self.dialogue.dialogue_id


class DialogueDue(_OfDialogue, frozen=True, gc=False, kw_only=True):
    """Emit a dialogue; its ready commenters are in increasing slot id."""

    commenters: tuple[Utterance, ...]
    respondent: Utterance
    missing_commenter_slot_ids: tuple[int, ...]
    dialogue_count: int
    live: bool


class DialogueDropped(_OfDialogue, frozen=True, gc=False, kw_only=True):
    """A dialogue that cannot be played, because its respondent has no wave-mix."""

    reason: str


class SummaryDue(Struct, frozen=True, gc=False, kw_only=True):
    """Emit the summary, with its waves if they are ready; `live` as in `Turn1Due`."""

    session_id: str
    summary: Summary
    live: bool
    key: ClassVar[str] = SUMMARY_KEY


class SessionClosed(Struct, frozen=True, gc=False, kw_only=True):
    """Everything of this session is decided."""

    session_id: str
    reason: str
    key: ClassVar[str] = CLOSED_KEY


Decision = SentimentDue | Turn1Due | DialogueDue | DialogueDropped | SummaryDue | SessionClosed
