"""What the water does: when the first wave can sound, and silences that nobody planned.

It plays as the existing patches do: the answers of Turn 1 one after another as soon as their event
is there, then each dialogue, its comments and its reply one after another.
"""

from typing import Final

from benchmarks.session.listener import Told
from shared_schema.events import DialogueWavesReady, Turn1WavesReady

BETWEEN_ANSWERS_S: Final = 0.2
IN_DIALOGUES_S: Final = 0.5


def unplanned_s(told: Told) -> float:
    """Return how long the water waits for a dialogue after everything before it was played."""
    silent = 0.0
    over = told[0][0]
    for at, event in told:
        if isinstance(event, Turn1WavesReady):
            waves, pause_s = event.payload.slots, BETWEEN_ANSWERS_S
        elif isinstance(event, DialogueWavesReady):
            payload = event.payload
            waves, pause_s = (*payload.commenters, payload.respondent), IN_DIALOGUES_S
        else:
            continue
        silent += max(0.0, at - over)
        over = max(at, over) + sum(wave.duration_ms / 1e3 + pause_s for wave in waves)
    return silent
