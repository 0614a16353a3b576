"""Where a session's time went: what was at work when, from what can be seen outside.

What is seen:

* the visitor's events: when a slot was asked, had its text, had its sound;
* the moment a file was moved into place (its ctime): the speech, and the wave-mix, which is last;
* how long a wave job took, in the backend's log (`waves done`, at level debug);
* the client's frames.

From these: a *speech job* runs from the moment its text was there and one of RR_SPEECH_WORKERS
threads was free (they take jobs in order) until its file is in place. A *wave job* runs for as long
as its worker says, and ends when its mix is in place; what lies between the speech and that
beginning is the queue.

The *critical path* is covered by work at a moment if at least one speech or wave job of the session
runs then. What is left of the time from the message to the last dialogue event, the moments at
which none runs, is what everything else costs the visitor: HTTP, agents, turns, bus, gateway,
socket. A job that waits for a thread or a worker which does other jobs of the session does not
lengthen the session by waiting; one that waits while nothing runs counts as "everything else".
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.session.listener import Told
from benchmarks.session.visitor import Visit
from shared_schema.chat import SlotAudio, SlotDone, SlotStart
from shared_schema.layout import WAVE_MIX, wave_path

Span = tuple[float, float]
Place = tuple[int, int]  # turn, slot


class Way(Struct, frozen=True, kw_only=True):
    """One utterance's way. All are moments of the wall clock, in seconds."""

    place: Place
    asked: float
    text: float
    speaking: float
    spoken: float
    decomposing: float
    mixed: float

    @property
    def parts(self) -> dict[str, float]:
        """How long each part of the way took, in seconds."""
        return {
            "agent": self.text - self.asked,
            "waiting for a voice": self.speaking - self.text,
            "speech": self.spoken - self.speaking,
            "queue for waves": self.decomposing - self.spoken,
            "waves": self.mixed - self.decomposing,
        }


class Timeline(Struct, frozen=True, kw_only=True):
    """One session, from the message to the last dialogue event."""

    sent: float
    ways: list[Way]
    turn1: float
    last: float

    @property
    def wall(self) -> float:
        """How long the session took, in seconds."""
        return self.last - self.sent

    @property
    def speech(self) -> list[Span]:
        """When at least one speech job ran."""
        return union((way.speaking, way.spoken) for way in self.ways)

    @property
    def waves(self) -> list[Span]:
        """When at least one wave job ran."""
        return union((way.decomposing, way.mixed) for way in self.ways)

    @property
    def idle(self) -> float:
        """The time in which neither ran, in seconds."""
        return self.wall - length(union([*self.speech, *self.waves]), (self.sent, self.last))

    @property
    def last_of_turn1(self) -> Way:
        """The answer whose mix was the last of Turn 1 to be in place."""
        return max((way for way in self.ways if way.place[0] == 1), key=lambda way: way.mixed)

    @property
    def possible_to_told(self) -> float:
        """From the moment the Turn 1 event became possible to its frame, in seconds."""
        return self.turn1 - self.last_of_turn1.mixed


def timeline(visit: Visit, told: Told, artifacts: Path, log: str, voices: int) -> Timeline:
    """Return a session's timeline. `log` is the backend's, with lines of JSON at level debug."""
    took = job_times(log, visit.session_id)
    asked, texts = visit.at(SlotStart), visit.at(SlotDone)
    sounds: dict[Place, str] = {
        (event.turn_index, event.slot_id): event.audio_path
        for _, event in visit.events
        if isinstance(event, SlotAudio)
    }
    spoken = {place: (artifacts / path).stat().st_ctime_ns / 1e9 for place, path in sounds.items()}
    speaking = begun_in_threads(texts, spoken, voices)
    ways = []
    for place, path in sounds.items():
        mixed = (artifacts / wave_path(path, WAVE_MIX)).stat().st_ctime_ns / 1e9
        way = Way(
            place=place,
            asked=asked[place],
            text=texts[place],
            speaking=speaking[place],
            spoken=spoken[place],
            decomposing=mixed - took[place],
            mixed=mixed,
        )
        ways.append(way)
    return Timeline(sent=visit.sent_at, ways=ways, turn1=told[0][0], last=told[-1][0])


def job_times(log: str, session_id: str) -> dict[Place, float]:
    """Return how long each wave job took, in seconds, by turn and slot."""
    lines = (json.loads(line) for line in log.splitlines() if '"waves done"' in line)
    return {
        (line["turn"], line["slot"]): line["took_ms"] / 1e3
        for line in lines
        if line["session"] == session_id
    }


def begun_in_threads(
    wanted: dict[Place, float], ended: dict[Place, float], threads: int
) -> dict[Place, float]:
    """Return when each job began, of those that threads take in the order in which they came."""
    free = [0.0] * threads
    begun = {}
    for place in sorted(ended, key=wanted.__getitem__):
        at = min(free)
        begun[place] = min(max(wanted[place], at), ended[place])
        free[free.index(at)] = ended[place]
    return begun


def union(spans: Iterable[Span]) -> list[Span]:
    """Return spans of time without their overlaps, in order."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def length(spans: Sequence[Span], within: Span) -> float:
    """Return how much of `within` disjoint spans cover, in seconds."""
    return sum(max(0.0, min(end, within[1]) - max(begin, within[0])) for begin, end in spans)
