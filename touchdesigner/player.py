"""What Reflective Resonance plays when: one session to its end, part after part.

``build.py`` puts this file into the DAT ``player``.

Rules
-----
* A session is made in seconds and plays for a minute: it plays to its end before another begins.
  At most one waits; a newer one takes its place, and the table ``status`` says so. A rehearsal
  never keeps the live show waiting.
* A session is at its end when all its dialogues were played, or when it has played what came of it
  and nothing more has come for `SETTLE_S`.
* Turn 1 plays on all its places together, or one after another (`Turn1`). A dialogue plays its
  ``playOrder`` step by step, with `Gap` seconds between; the summary plays on six places together.
  The mood plays at once, unless another session plays, until Turn 1.
* A session that is stopped, and everything while it is quiet, fades out within half a second; what
  comes of it afterwards is not played either.
* Every start, end and failure is reported to the gateway.
"""

import time
from collections.abc import Callable
from typing import Any

import td  # TouchDesigner's own module

SETTLE_S = 10.0
# A mood whose Turn 1 does not come.
MOOD_MOST_S = 30.0
# After an utterance's length, so that nothing is cut; then its player falls silent.
TAIL_MS = 50
# Until the players of an utterance may open another file.
RELEASE_MS = 100
# Until all is silent that was cut short.
FADE_MS = 450
DROPPED_REMEMBERED = 200

Event = dict[str, Any]
Kit = Any
Sound = Any


class Session:
    """A session that plays or waits: the parts that are still to be played."""

    def __init__(self, event: Event) -> None:
        self.id: str = event["sessionId"]
        self.rehearsal = bool(event["payload"].get("rehearsal"))
        self.parts: list[Event] = []
        self.dialogues = 0
        self.dialogues_expected: int | None = None
        self.heard_at = time.monotonic()

    def take(self, event: Event) -> None:
        """Queue a part."""
        self.parts.append(event)
        self.heard_at = time.monotonic()
        if event["type"] == "dialogue.waves.ready":
            self.dialogues += 1
            self.dialogues_expected = event["payload"].get("dialogueCount")

    def settled(self) -> bool:
        """Return whether no more of it is to be expected."""
        if self.dialogues_expected is not None and self.dialogues >= self.dialogues_expected:
            return True
        return time.monotonic() - self.heard_at > SETTLE_S


class Utterance:
    """What plays at a time of one voice: its files, by player."""

    def __init__(self, wave: Event, role: str, turn: int, files: dict[str, str]) -> None:
        self.wave = wave
        self.role = role
        self.turn = turn
        self.files = files


class Player:
    """Plays one session at a time."""

    def __init__(self, kit: Kit, sound: Sound) -> None:
        self.kit = kit
        self.sound = sound
        self.current: Session | None = None
        self.waiting: Session | None = None
        self.part: Event | None = None
        self.playing: list[Utterance] = []
        self.fading = False
        self.hushed = False
        self.mood = ""
        self.dropped: dict[str, None] = {}
        self.left_out = 0
        # Grows when something is cut short, so that what was scheduled for it does nothing.
        self.round = 0

    # What comes in

    def add(self, event: Event) -> None:
        """Take an event that can be played."""
        session = self.session_of(event)
        if session is None:
            return
        session.take(event)
        self.play_next()

    def begin_mood(self, event: Event, path: str) -> None:
        """Play a mood at once, unless another session plays."""
        session = self.session_of(event)
        if session is None or session is not self.current or self.part is not None:
            return
        session.heard_at = time.monotonic()
        wait_ms = FADE_MS if self.mood else 0
        self.end_mood(self.mood)
        self.mood = session.id
        self.kit.show_status(playing=f"mood {event['payload']['sentiment']}")
        self.later(wait_ms, self.sound.start, {"mood": path}, self.mood_started)
        self.later(MOOD_MOST_S * 1000, self.end_mood, session.id)

    def mood_started(self, failed: dict[str, str]) -> None:
        """Say if the mood's file cannot be opened; moods are not reported to the gateway."""
        for reason in failed.values():
            self.kit.problem(reason)
        if not self.mood:  # Turn 1 came while its file was opening
            self.sound.fade("mood")

    def end_mood(self, session_id: str) -> None:
        """End the mood of a session, if it still plays."""
        if session_id and session_id == self.mood:
            self.mood = ""
            self.sound.fade("mood")
            self.show()

    def stop_session(self, session_id: str) -> None:
        """Fade a session out, and play nothing more of it."""
        self.drop(session_id)
        if self.waiting is not None and self.waiting.id == session_id:
            self.waiting = None
        if self.current is not None and self.current.id == session_id:
            self.cut()
        self.show()

    def hush(self, on: bool) -> None:
        """Rest, or play again what comes from now on."""
        self.hushed = on
        if on:
            for session in (self.current, self.waiting):
                if session is not None:
                    self.drop(session.id)
            self.waiting = None
            self.cut()
        self.show()

    def tick(self) -> None:
        """Look, once a second, whether what waits may begin."""
        self.play_next()

    # Who plays, who waits

    def session_of(self, event: Event) -> Session | None:
        """Return the session that an event belongs to, or None if it is not to be played."""
        session_id = event["sessionId"]
        if self.hushed:
            self.drop(session_id)
        if session_id in self.dropped:
            return None
        for session in (self.current, self.waiting):
            if session is not None and session.id == session_id:
                return session
        new = Session(event)
        if self.current is None or self.is_over(self.current):
            self.begin(new)
        elif self.current.rehearsal and not new.rehearsal:
            self.leave_out(self.current)
            if self.waiting is not None and self.waiting.rehearsal:
                self.waiting = None
            self.cut()
            self.current = new
        elif self.waiting is not None and new.rehearsal and not self.waiting.rehearsal:
            self.leave_out(new)
            return None
        else:
            if self.waiting is not None:
                self.leave_out(self.waiting)
            self.waiting = new
        self.show()
        return new

    def begin(self, session: Session) -> None:
        """Let a session play now; what may still come of the one before is too late."""
        if self.current is not None:
            self.drop(self.current.id)
        self.current = session

    def is_over(self, session: Session) -> bool:
        """Return whether a session has been played to its end."""
        busy = self.part is not None or bool(session.parts) or self.fading
        return not busy and session.settled()

    def leave_out(self, session: Session) -> None:
        """Play nothing (more) of a session, since another one comes first."""
        self.drop(session.id)
        if not session.rehearsal:
            self.left_out += 1
            self.kit.show_status(left_out=f"{self.left_out} so far, the last {session.id[:8]}")

    def drop(self, session_id: str) -> None:
        """Take nothing of a session any more."""
        self.dropped[session_id] = None
        while len(self.dropped) > DROPPED_REMEMBERED:
            del self.dropped[next(iter(self.dropped))]

    def show(self) -> None:
        """Write into the table `status` who plays and who waits."""
        waiting = f"session {self.waiting.id[:8]}" if self.waiting is not None else ""
        playing = self.kit.name(self.part) if self.part is not None else ""
        self.kit.show_status(
            playing=playing, waiting=waiting, quiet="the water rests" if self.hushed else ""
        )

    # One part after another

    def play_next(self) -> None:
        """Begin with the next part of the session, or with the session that waits."""
        if self.part is not None or self.fading:
            return
        if self.waiting is not None and (self.current is None or self.is_over(self.current)):
            waiting, self.waiting = self.waiting, None
            self.begin(waiting)
            self.show()
        if self.current is None or not self.current.parts:
            return
        self.part = self.current.parts.pop(0)
        self.end_mood(self.mood)
        self.show()
        self.play_groups(self.groups(self.part), 0)

    def play_groups(self, groups: list[list[Utterance]], number: int) -> None:
        """Play what plays together, and come back for what follows."""
        if number >= len(groups):
            self.part = None
            self.show()
            self.play_next()
            if self.part is None:
                self.kit.hook("onSilence")
            return
        group = groups[number]
        files = {name: path for each in group for name, path in each.files.items()}

        def started(failed: dict[str, str]) -> None:
            self.group_started(group, failed)
            longest_ms = max((each.wave["durationMs"] for each in self.playing), default=0)
            wait_ms = longest_ms + TAIL_MS + RELEASE_MS if self.playing else 0
            if number + 1 < len(groups):
                wait_ms += max(0.0, float(self.kit.setting("Gap")) * 1000)
            self.later(wait_ms, self.play_groups, groups, number + 1)

        self.sound.start(files, started)

    def group_started(self, group: list[Utterance], failed: dict[str, str]) -> None:
        """Report what plays and what does not, and end each utterance after its length."""
        for utterance in group:
            lost = {name: failed[name] for name in utterance.files if name in failed}
            for reason in lost.values():
                self.kit.problem(reason)
            if len(lost) == len(utterance.files):
                self.report(utterance, "failed", next(iter(lost.values()), "it has no file"))
                continue
            for name, reason in lost.items():
                self.report(utterance, "failed", reason, place=_place_of(name))
            self.playing.append(utterance)
            self.report(utterance, "started")
            self.kit.hook("onUtterance", utterance.wave, utterance.role, self.part)
            self.later(utterance.wave["durationMs"] + TAIL_MS, self.end, utterance)

    def end(self, utterance: Utterance) -> None:
        """End an utterance."""
        self.playing.remove(utterance)
        for name in utterance.files:
            self.sound.release(name)
        self.report(utterance, "ended")

    def cut(self) -> None:
        """Fade everything out; then go on with what waits."""
        self.round += 1
        played = self.part is not None
        for utterance in self.playing:
            self.report(utterance, "ended")
        self.playing = []
        self.part = None
        self.current = None
        self.mood = ""
        self.sound.fade_all()
        self.fading = True
        self.later(FADE_MS, self.faded, played)

    def faded(self, played: bool) -> None:
        """All is silent."""
        self.fading = False
        self.play_next()
        if played and self.part is None:
            self.kit.hook("onSilence")

    def report(self, utterance: Utterance, state: str, error: str = "", place: int = 0) -> None:
        """Tell the gateway."""
        if self.part is None:
            return
        report = {
            "type": "playback",
            "sessionId": self.part["sessionId"],
            "part": _part(self.part),
            "slotId": utterance.wave.get("slotId", 0),
            "turnIndex": utterance.turn,
            "state": state,
        }
        if error:
            report["error"] = error[:500]
        if place:
            report["place"] = place
        self.kit.send(report)

    def later(self, delay_ms: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call after a time, unless everything was cut short meanwhile."""
        this_round = self.round

        def due() -> None:
            if self.round == this_round:
                call(*arguments)

        td.run("args[0]()", due, delayMilliSeconds=max(int(delay_ms), 1))

    # Which files, on which players

    def groups(self, part: Event) -> list[list[Utterance]]:
        """Return the utterances of a part: those in one list play together."""
        payload = part["payload"]
        if part["type"] == "turn1.waves.ready":
            every = [self.utterance(wave, "response", 1) for wave in payload["slots"]]
            if self.kit.setting("Turn1") == "together":
                return [every] if every else []
            return [[each] for each in every]
        if part["type"] == "final_summary.ready":
            waves = (payload["waveInfo"] or {}).get("waves", [])
            return [[self.summary(payload, waves)]] if waves else []
        return [
            [self.utterance(_wave_of(payload, step), step["role"], _turn(step))]
            for step in payload["playOrder"]
        ]

    def utterance(self, wave: Event, role: str, turn: int) -> Utterance:
        """Return an utterance with its mix, or with its waves on the places where they play."""
        files: dict[str, str] = {}
        if self.kit.setting("Sound") == "waves":
            for number, letter in ((1, "A"), (2, "B")):
                place = wave.get(f"wave{number}TargetSlotId")
                path = wave.get(f"wave{number}PathAbs")
                if place and path:
                    files[f"slot{place}{letter}"] = path
        if not files:  # sessions of older versions have only the mix
            files[f"voice{wave['slotId']}"] = wave["waveMixPathAbs"]
        return Utterance(wave, role, turn, files)

    def summary(self, payload: Event, waves: list[Event]) -> Utterance:
        """Return the summary: a file for each place."""
        in_waves = self.kit.setting("Sound") == "waves"
        files = {
            f"slot{wave['slotId']}A" if in_waves else f"voice{wave['slotId']}": wave["wavePathAbs"]
            for wave in waves
        }
        spoken = {
            "slotId": 0,
            "text": payload["text"],
            "durationMs": max(wave["durationMs"] for wave in waves),
            "voiceProfile": payload["waveInfo"]["voiceProfile"],
        }
        return Utterance(spoken, "summary", 4, files)


def _part(event: Event) -> str:
    """Return the name of a part in reports."""
    if event["type"] == "dialogue.waves.ready":
        return str(event["payload"]["dialogueId"])
    return "turn1" if event["type"] == "turn1.waves.ready" else "summary"


def _place_of(player: str) -> int:
    """Return the place of a player, which its name has."""
    return int("".join(filter(str.isdigit, player)))


def _turn(step: Event) -> int:
    return 3 if step["role"] == "respondent" else 2


def _wave_of(payload: Event, step: Event) -> Event:
    waves: list[Event] = payload["commenters"]
    if step["role"] == "respondent":
        waves = [payload["respondent"]]
    return next(wave for wave in waves if wave["slotId"] == step["slotId"])
