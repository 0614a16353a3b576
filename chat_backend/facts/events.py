"""The workflow's hooks: what happened goes into the ledger and, if wanted, on the bus."""

import time
from collections.abc import Callable

from chat_backend.facts.ledger import Ledger
from shared_schema.bus import FactPublished
from shared_schema.facts import Dialogue, SlotAgent, Utterance
from shared_schema.jobs import WavesJobResult


class SessionEvents:
    """None of these waits for anything. `publish` is None while events are switched off."""

    def __init__(
        self, ledger: Ledger, publish: Callable[[FactPublished], None] | None = None
    ) -> None:
        self.ledger = ledger
        self._publish = publish

    def begin_session(self, session_id: str, *, slots: tuple[SlotAgent, ...]) -> None:
        """A visitor's message came in for these slots."""
        self._tell(self.ledger.begin(session_id, slots))

    def utterance(self, session_id: str, utterance: Utterance) -> None:
        """A slot did its part of a turn, or failed to."""
        self._tell(self.ledger.utterance(session_id, utterance, time.monotonic()))

    def waves_finished(self, result: WavesJobResult) -> None:
        """A wave job ended. The worker has told the gateway itself; this repeats it, numbered."""
        self.utterance(result.job.session_id, result.utterance())

    def turn1_complete(self, session_id: str) -> None:
        """Turn 1 is over."""
        self._tell(self.ledger.turn1_complete(session_id, time.monotonic()))

    def turn3_complete(self, session_id: str, dialogues: tuple[Dialogue, ...]) -> None:
        """The session is over, and these are its dialogues."""
        self._tell(self.ledger.turn3_complete(session_id, dialogues, time.monotonic()))

    def _tell(self, message: FactPublished | None) -> None:
        if message is not None and self._publish is not None:
            self._publish(message)
