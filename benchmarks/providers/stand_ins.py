"""A server of models and speech that takes as long as real ones, and tells how long each took."""

import asyncio
import json
import random
from contextvars import ContextVar
from typing import Any, Final

from msgspec import Struct, field
from starlette.requests import Request

from shared_schema.ids import SLOT_IDS, TurnIndex
from tests.providers.acts import Act
from tests.providers.wire import S_PER_CHARACTER, Wire, voiced

# The longest and the shortest text and speech, in seconds; speech also takes time by its length.
TEXT_S: Final = (1.5, 2.5)
SPEECH_S: Final = (1.0, 1.6)
SPEECH_S_PER_CHARACTER: Final = 0.010
# The length of a text, in characters, by turn.
CHARACTERS: Final[dict[TurnIndex, int]] = {1: 190, 2: 85, 3: 160}
_FILLER: Final = "the water keeps what you said and gives it back slowly, as a river does, "


class Taken(Struct):
    """How long each text and its speech took, in seconds, by the text."""

    texts: dict[str, float] = field(default_factory=dict)
    speech: dict[str, float] = field(default_factory=dict)


class StandIns(Wire):
    """Answers one session after another; `begin` makes a session's times those of its seed."""

    def __init__(self) -> None:
        super().__init__()
        for characters in CHARACTERS.values():
            voiced(S_PER_CHARACTER * characters)  # kept, so that no answer waits for it
        self.taken = Taken()
        self._rng = random.Random(0)
        self._current: ContextVar[float] = ContextVar("seconds of the text")

    def begin(self, seed: int) -> None:
        """Forget the session before."""
        self.taken = Taken()
        self._rng = random.Random(seed)

    async def take(self, protocol: str, request: Request) -> tuple[Act, dict[str, Any]]:
        """Take a request, and the time that its answer needs."""
        act, body = await super().take(protocol, request)
        if protocol == "speech":
            text = body["input"]
            seconds = self._rng.uniform(*SPEECH_S) + SPEECH_S_PER_CHARACTER * len(text)
            self.taken.speech[text] = seconds
        else:
            seconds = self._rng.uniform(*TEXT_S)
            self._current.set(seconds)
        await asyncio.sleep(seconds)
        return act, body

    def words(self, act: Act, schema: dict[str, Any]) -> str:
        """Return a text that no other is like, of its turn's length."""
        fields = schema["properties"]
        number = len(self.taken.texts)
        turn: TurnIndex = 1 if number < len(SLOT_IDS) else 3
        answer: dict[str, Any] = {
            "voice_profile": self._rng.choice(_choices(fields, "voice_profile"))
        }
        if "target_slot_id" in fields:
            turn = 2
            answer["target_slot_id"] = self._rng.choice(_choices(fields, "target_slot_id"))
        text = f"Answer {number}: {3 * _FILLER}"[: CHARACTERS[turn] - 1] + "."
        self.taken.texts[text] = self._current.get()
        return json.dumps({"text": text, **answer})


def _choices(fields: dict[str, Any], name: str) -> list[Any]:
    """Return the values that a field of a schema may have."""
    choices: list[Any] = fields[name]["enum"]
    return choices
