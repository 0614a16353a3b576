"""Where a session's time went: what was at work when, from what can be seen outside.

What is seen:

* the moment a file was moved into place (its ctime): the speech, and the wave-mix, which is last;
* in the backend's log, at level debug, how long a text took, its wait to be spoken and the speech
  (`speech done`), and the wave job (`waves done`);
* the client's frames.

The visitor's events do not say it: turns overlap, and events of a later turn are held until the
earlier one is done. From these: a *speech job* runs for as long as the log says, and ends when its
file is in place; its text came and its question was asked as long before as the log says. A *wave
job* runs for as long as its worker says, and ends when its mix is in place; what lies between the
speech and that beginning is the queue.

The *critical path* is covered by work at a moment if at least one speech or wave job of the session
runs then. What is left of the time from the message to the last dialogue event, the moments at
which none runs, is what everything else costs the visitor: HTTP, agents, turns, bus, gateway,
socket. A job that waits for a thread or a worker which does other jobs of the session does not
lengthen the session by waiting; one that waits while nothing runs counts as "everything else".
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from benchmarks.session.listener import Told
from benchmarks.session.visitor import Visit
from shared_schema.chat import SlotAudio
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


def timeline(visit: Visit, told: Told, artifacts: Path, log: str) -> Timeline:
    """Return a session's timeline. `log` is the backend's, with lines of JSON at level debug."""
    speeches = logged(log, "speech done", visit.session_id)
    jobs = logged(log, "waves done", visit.session_id)
    ways = []
    for _, event in visit.events:
        if isinstance(event, SlotAudio):
            place = (event.turn_index, event.slot_id)
            spoken = _placed_at(artifacts / event.audio_path)
            mixed = _placed_at(artifacts / wave_path(event.audio_path, WAVE_MIX))
            speaking = spoken - speeches[place]["spoken_ms"] / 1e3
            text = speaking - speeches[place]["waited_ms"] / 1e3
            way = Way(
                place=place,
                asked=text - speeches[place]["asked_ms"] / 1e3,
                text=text,
                speaking=speaking,
                spoken=spoken,
                decomposing=mixed - jobs[place]["took_ms"] / 1e3,
                mixed=mixed,
            )
            ways.append(way)
    return Timeline(sent=visit.sent_at, ways=ways, turn1=told[0][0], last=told[-1][0])


def _placed_at(path: Path) -> float:
    """Return when a file was moved into place, in seconds of the wall clock."""
    return path.stat().st_ctime_ns / 1e9


def logged(log: str, what: str, session_id: str) -> dict[Place, dict[str, Any]]:
    """Return the lines about a session's utterances, by turn and slot."""
    lines = (json.loads(line) for line in log.splitlines() if f'"{what}"' in line)
    return {(line["turn"], line["slot"]): line for line in lines if line["session"] == session_id}


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
