"""Every frame that a client got, and whether each came once, in order, and named whole files."""

import wave
from collections import Counter
from pathlib import Path

import msgspec

from shared_schema.events import SessionEvent, summary_waves_of, waves_of


class Frame(msgspec.Struct, frozen=True):
    """An event as it came, for the first time."""

    event: SessionEvent
    text: str


class Received:
    """What one client got; `has` is what it would resume with, `counted` and `faults` the rest."""

    def __init__(self) -> None:
        self.has: dict[str, int] = {}
        # By session and seq; the latter in the order in which they came.
        self.frames: dict[str, dict[int, Frame]] = {}
        # Sessions of which a seq was left out.
        self.gaps: set[str] = set()
        self.counted: Counter[str] = Counter()
        self.faults: list[str] = []

    def note(self, event: SessionEvent, text: str) -> None:
        """Take an event that came as this text."""
        session, seq = event.session_id, event.seq
        had = self.has.get(session, 0)
        kept = self.frames.setdefault(session, {})
        newest = max(kept, default=0)
        if seq <= had:
            self.faults.append(f"{session}: seq {seq} came twice, and it had said it has {had}")
            self.counted["twice"] += 1
        elif seq in kept:  # known before the crash of the client
            self.counted["sent again for `recent`"] += 1
            if kept[seq].text != text:
                self.faults.append(f"{session}: seq {seq} came again, and was not the same")
        elif seq > newest:
            if seq != newest + 1:
                self.gaps.add(session)
            kept[seq] = Frame(event, text)
            for path in _unsound(event):
                self.faults.append(
                    f"{session}: seq {seq} names {path}, which is not there and whole"
                )
                self.counted["paths not sound"] += 1
        else:
            self.faults.append(f"{session}: seq {seq} came after {newest}: out of order")
        self.has.pop(session, None)
        self.has[session] = max(seq, had)


def _unsound(event: SessionEvent) -> list[str]:
    """Return the files of an event that are not there, or not as long as it says."""
    utterances = [
        each.wave_mix_path_abs
        for each in waves_of(event)
        if not _is_whole(each.wave_mix_path_abs, each.duration_ms, each.sample_rate_hz)
        or not Path(each.speech_path_abs).is_file()
    ]
    summary = [
        each.wave_path_abs
        for each in summary_waves_of(event)
        if not _is_whole(each.wave_path_abs, each.duration_ms)
    ]
    return utterances + summary


def _is_whole(path: str, duration_ms: int, rate_hz: int | None = None) -> bool:
    """Return whether a file is there and whole, as long as was told, and of that rate if any."""
    try:
        with wave.open(path, "rb") as file:
            count, found_hz = file.getnframes(), file.getframerate()
            whole = len(file.readframes(count)) == count * file.getsampwidth()
    except (OSError, EOFError, wave.Error):
        return False
    told = abs(1000 * count / found_hz - duration_ms) <= 1 and rate_hz in (None, found_hz)
    return whole and told
